//! What is asked.

use std::io::Read;
use std::time::{Duration, Instant};

use super::Response;
use super::response::Status;

/// Bytes that the head of a request may have.
pub(super) const LONGEST_HEAD: usize = 8 << 10;
/// How many headers it may have.
const MOST_HEADERS: usize = 64;
/// How long it may take to say it.
pub(super) const IN_TIME: Duration = Duration::from_secs(5);

/// What is asked: a path and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// Whether the head of the answer is all that is wanted.
    pub head_only: bool,
    /// Percent-decoded, from the first `/` on.
    pub path: String,
    /// Names and values after the `?`, decoded.
    pub query: Vec<(String, String)>,
    /// Names, in small letters, and values.
    headers: Vec<(String, String)>,
}

/// Where a connection is read from, which may be told how long to wait.
pub(super) trait Source: Read {
    /// The longest that the next reading may take.
    fn wait_at_most(&mut self, time: Duration) -> std::io::Result<()>;
}

impl Source for std::net::TcpStream {
    fn wait_at_most(&mut self, time: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(time))
    }
}

impl Request {
    /// Reads what `source` asks. `Err` is the answer to who asks otherwise than we understand; `None` where nobody is there to
    /// be answered.
    pub(super) fn read(source: &mut dyn Source) -> Result<Request, Option<Response>> {
        let until = Instant::now() + IN_TIME;
        let mut head: Vec<u8> = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(slow(&head));
            }
            source.wait_at_most(left).map_err(|_| None)?;
            let mut piece = [0; 1024];
            match source.read(&mut piece) {
                Ok(0) => return Err(None),
                Ok(count) => head.extend_from_slice(&piece[..count.min(piece.len())]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Err(slow(&head));
                }
                Err(_) => return Err(None),
            }
            match Self::parse(&head) {
                Ok(Some(request)) => return Ok(request),
                Ok(None) if head.len() > LONGEST_HEAD => {
                    return Err(Some(Response::says(Status::HeadersTooLarge, "The request is too long.")));
                }
                Ok(None) => {}
                Err(answer) => return Err(Some(answer)),
            }
        }
    }

    /// What a whole head says; `None` where more of it is to come.
    fn parse(head: &[u8]) -> Result<Option<Request>, Response> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let wrong = |why: &str| Response::says(Status::BadRequest, why);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Response::says(Status::HeadersTooLarge, "The request has too many headers."));
            }
            Err(error) => return Err(wrong(&format!("This is no HTTP request: {error}."))),
        }
        let head_only = match parsed.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => return Err(Response::says(Status::MethodNotAllowed, "Pages can be read, and nothing else.")),
        };
        let target = parsed.path.unwrap_or_default();
        // Proxies name the whole address; nobody asks us as one.
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decoded(path, false).filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| wrong("The path of the address is none."))?;
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name, true)?, decoded(value, true)?))
        });
        let query = pairs.collect::<Option<_>>().ok_or_else(|| wrong("The query of the address is none."))?;
        let headers = parsed
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned()));
        Ok(Some(Request { head_only, path, query, headers: headers.collect() }))
    }

    /// Its path as an answer's `Location`, without what follows; the first page where it would lead to another machine.
    pub fn path_for_location(&self) -> String {
        let is_plain = self.path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/-_.".contains(letter));
        if is_plain && !self.path.starts_with("//") { self.path.clone() } else { "/".to_owned() }
    }

    /// One that asks for `path` with these headers.
    #[cfg(test)]
    pub fn made(path: &str, headers: &[(&str, &str)]) -> Self {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self::parse(format!("GET {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap().unwrap()
    }

    /// The value of a header, by its name in small letters; the first, where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How often a header is there.
    pub fn headers(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known == name).count()
    }

    /// The value of a name after the `?`.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.iter().filter(|(known, _)| known == "cookie");
        let cookies = all.flat_map(|(_, value)| value.split(';'));
        cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, of)| of)
    }
}

/// The answer to who took too long; none to who said nothing: browsers open connections that they may need.
fn slow(head: &[u8]) -> Option<Response> {
    (!head.is_empty()).then(|| Response::says(Status::Timeout, "The request took too long."))
}

/// Percent-encoded text, decoded; `None` where it is no text. A query's `+` is a blank.
fn decoded(text: &str, is_query: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(16 * high + low).ok()?
            }
            b'+' if is_query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that sends one piece at a time.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl Source for Pieces {
        fn wait_at_most(&mut self, _: Duration) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn read(text: &[u8]) -> Result<Request, Option<u16>> {
        let pieces = text.chunks(7).map(<[u8]>::to_vec).collect();
        Request::read(&mut Pieces(pieces)).map_err(|answer| answer.map(|answer| answer.status.number()))
    }

    #[test]
    fn what_is_asked_is_understood_piece_by_piece() {
        let request =
            read(b"GET /a%20b?token=x%2By+z&parts HTTP/1.1\r\nHOST: localhost\r\nCookie: a=1; b=2\r\n\r\n").unwrap();
        assert_eq!((&*request.path, request.head_only), ("/a b", false));
        assert_eq!(
            (request.asked("token"), request.asked("parts"), request.asked("x")),
            (Some("x+y z"), Some(""), None)
        );
        assert_eq!(
            (request.header("host"), request.cookie("b"), request.cookie("c")),
            (Some("localhost"), Some("2"), None)
        );
        assert!(read(b"HEAD / HTTP/1.0\r\n\r\n").unwrap().head_only);
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for (text, number) in [
            (&b"POST / HTTP/1.1\r\n\r\n"[..], 405),
            (b"DELETE / HTTP/1.1\r\n\r\n", 405),
            (b"GET / HTTP/9.9\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00", 400),
            (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
            (b"GET /%zz HTTP/1.1\r\n\r\n", 400),
            (b"GET /%ff HTTP/1.1\r\n\r\n", 400),
            (b"GET /?a=%f HTTP/1.1\r\n\r\n", 400),
            (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 405),
        ] {
            assert_eq!(read(text), Err(Some(number)), "{}", String::from_utf8_lossy(text));
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(2 * LONGEST_HEAD));
        assert_eq!(read(long.as_bytes()), Err(Some(431)));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(read(many.as_bytes()), Err(Some(431)));
        assert_eq!(read(b"GET / HT"), Err(None), "who went away is not answered");
        assert_eq!(read(b""), Err(None));
    }
}
