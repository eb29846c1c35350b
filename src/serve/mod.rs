//! `ecgraft serve`: a running study in the browser.
//!
//! It reads, and nothing else: the store, the shards of workers that do not open it, and the epochs that stages in work leave
//! beside them. What it shows is made here, HTML with its figures; a small script asks every other second for the parts that
//! changed, and without it a reload does the same.
//!
//! | | |
//! |---|---|
//! | `http` | requests and answers |
//! | `access` | who may look |
//! | `study` | what is known, kept up to date |
//! | `pages` | what is shown |

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use crate::results::ResultsFolder;
use crate::{Error, Result, stop};

mod access;
mod http;
mod pages;
mod study;

use access::Access;
use http::{Request, Response, Server};
use pages::Site;
use study::Live;

/// The port where none is asked for.
pub const PORT: u16 = 8421;

/// How often it is looked whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What is shown, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of results.
    pub results: ResultsFolder,
    /// Names of experiments, or globs; all where there are none.
    pub names: Vec<String>,
    /// A name or address of this machine.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// What is asked for before anything is shown; one is made where `host` is not loopback.
    pub token: Option<String>,
}

/// Shows the study until the user asks to stop; `tell` is given the address when it can be looked at.
///
/// # Errors
/// A user error where the host, port or token cannot be had, and where there are experiments and none has a name that is asked
/// for.
pub fn serve(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let listener = listen(&options.host, options.port)?;
    let address =
        listener.local_addr().map_err(|error| Error::internal(format!("a socket without address: {error}")))?;
    let access = Access::new(address.ip(), address.port(), options.token.clone())?;
    let live = Live::start(options.results.clone(), options.names.clone())?;
    let site = Site::new(live.clone());
    let entrance = access.entrance();
    let answer =
        move |request: &Request| -> Response { access.answer(request).unwrap_or_else(|| site.answer(request)) };
    let server = Server::start(listener, answer)
        .map_err(|error| Error::internal(format!("cannot start a thread for connections: {error}")))?;
    tell(&format!("http://{}{entrance}", shown(&options.host, address)));
    while !stop::asked() {
        std::thread::sleep(LOOK);
    }
    live.end();
    server.end();
    Ok(())
}

/// A socket that listens on `port` of `host`.
fn listen(host: &str, port: u16) -> Result<TcpListener> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| Error::user(format!("--host {host}: this machine knows no such name or address ({error})")))?
        .collect();
    TcpListener::bind(&found[..]).map_err(|error| {
        Error::user(match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "port {port} of {host} is taken, perhaps by another `ecgraft serve`; choose another with --port, or any that \
                 is free with --port 0"
            ),
            std::io::ErrorKind::PermissionDenied => {
                format!("port {port} is kept for the system; choose one from 1024 on with --port")
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("--host {host} is no address of this machine; 0.0.0.0 stands for all it has")
            }
            _ => format!("cannot listen on port {port} of {host}: {error}"),
        })
    })
}

/// Host and port as they are written in an address: all addresses of a machine have its name.
fn shown(host: &str, address: SocketAddr) -> String {
    let port = address.port();
    let ip = match address.ip() {
        any if any.is_unspecified() => {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let name = name.trim();
            return if name.is_empty() { format!("{}:{port}", Ipv4Addr::LOCALHOST) } else { format!("{name}:{port}") };
        }
        ip => ip,
    };
    match (host.parse::<IpAddr>(), ip) {
        (Err(_), _) if !host.starts_with('[') => format!("{host}:{port}"),
        (_, IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        (_, IpAddr::V4(ip)) => format!("{ip}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_a_browser_takes_them() {
        let of = |host: &str, address: &str| shown(host, address.parse().unwrap());
        assert_eq!(of("127.0.0.1", "127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(of("localhost", "127.0.0.1:8421"), "localhost:8421");
        assert_eq!(of("::1", "[::1]:8421"), "[::1]:8421");
        assert_eq!(of("[::1]", "[::1]:8421"), "[::1]:8421");
        assert!(of("0.0.0.0", "0.0.0.0:1").ends_with(":1") && !of("0.0.0.0", "0.0.0.0:1").starts_with("0.0.0.0"));
    }
}
