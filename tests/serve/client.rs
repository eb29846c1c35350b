//! `ecgraft serve` at work, and a client that says what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workbench::Workbench;

/// A server of a test's own, on a port that was free.
pub struct Served {
    /// As it was printed.
    pub address: String,
    child: Option<Child>,
}

/// An answer.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Told {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Served {
    pub fn start(bench: &Workbench, more: &[&str]) -> Self {
        let mut command = bench.command(&["serve", "--port", "0"]);
        command.args(more).env_remove("ECGRAFT_TOKEN").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("http://"), "{address}");
        Self { address: address.trim().to_owned(), child: Some(child) }
    }

    pub fn port(&self) -> u16 {
        let place = self.address.strip_prefix("http://").unwrap().split('/').next().unwrap();
        place.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub fn get(&self, path: &str) -> Told {
        self.ask("GET", path, &[])
    }

    /// Asks with these headers; of a host that is none of them as localhost.
    pub fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Told {
        let host = if headers.iter().any(|header| header.starts_with("Host:")) { "" } else { "Host: localhost\r\n" };
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        self.raw(format!("{method} {path} HTTP/1.1\r\n{host}{headers}\r\n").as_bytes())
    }

    /// Sends this as it is.
    pub fn raw(&self, request: &[u8]) -> Told {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // Whoever says too much may not be heard to the end.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
        let told = Told { status, body: body.to_owned(), headers: headers.collect() };
        if let Some(length) = told.header("content-length").filter(|_| !body.is_empty()) {
            assert_eq!(length, body.len().to_string());
        }
        told
    }

    /// Ends it with a signal: at once, and as what was asked for. What it said on standard error.
    pub fn end(mut self, signal: &str) -> String {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        assert!(Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap().success());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        said
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
