//! What is answered.

use std::fmt::Write as _;
use std::io::Write;

/// How an answer went, by HTTP's numbers (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    SeeOther,
    NotModified,
    BadRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Misdirected,
    HeadersTooLarge,
    Fault,
}

impl Status {
    /// Its number.
    #[cfg(test)]
    pub fn number(self) -> u16 {
        self.line().0
    }

    fn line(self) -> (u16, &'static str) {
        match self {
            Status::Ok => (200, "OK"),
            Status::SeeOther => (303, "See Other"),
            Status::NotModified => (304, "Not Modified"),
            Status::BadRequest => (400, "Bad Request"),
            Status::Unauthorized => (401, "Unauthorized"),
            Status::NotFound => (404, "Not Found"),
            Status::MethodNotAllowed => (405, "Method Not Allowed"),
            Status::Timeout => (408, "Request Timeout"),
            Status::Misdirected => (421, "Misdirected Request"),
            Status::HeadersTooLarge => (431, "Request Header Fields Too Large"),
            Status::Fault => (500, "Internal Server Error"),
        }
    }
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    Css,
    Script,
    Svg,
    Json,
    Text,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Html => "text/html; charset=utf-8",
            Kind::Css => "text/css; charset=utf-8",
            Kind::Script => "text/javascript; charset=utf-8",
            Kind::Svg => "image/svg+xml",
            Kind::Json => "application/json",
            Kind::Text => "text/plain; charset=utf-8",
        }
    }
}

/// What every answer says: nothing is loaded from elsewhere, no other page looks in, and nobody keeps it but to ask whether it
/// is still so.
const ALWAYS: &str = "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action \
                      'self'\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
                      Cache-Control: private, no-cache\r\nConnection: close\r\n";

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub status: Status,
    kind: Kind,
    /// Further headers: names and values without line ends.
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// Something of a kind.
    pub fn new(status: Status, kind: Kind, body: impl Into<Vec<u8>>) -> Self {
        Self { status, kind, headers: Vec::new(), body: body.into() }
    }

    /// A sentence.
    pub fn says(status: Status, words: &str) -> Self {
        let response = Self::new(status, Kind::Text, format!("{words}\n"));
        match status {
            Status::MethodNotAllowed => response.with("Allow", "GET, HEAD"),
            _ => response,
        }
    }

    /// With a header. What would end its line is left out.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value: String = value.into().chars().filter(|letter| !letter.is_control()).collect();
        self.headers.push((name, value));
        self
    }

    /// The same with a name of its content, or that it is what the asker, who knows `known`, has.
    pub fn unless_known(self, tag: &str, known: Option<&str>) -> Self {
        let quoted = format!("\"{tag}\"");
        let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim() == quoted));
        let response = match is_known {
            true => Self { status: Status::NotModified, body: Vec::new(), ..self },
            false => self,
        };
        response.with("ETag", quoted)
    }

    /// Writes it, without its body where the head is all that is wanted.
    ///
    /// # Errors
    /// Where nobody reads.
    pub(super) fn write(&self, head_only: bool, to: &mut dyn Write) -> std::io::Result<()> {
        let (number, words) = self.status.line();
        let mut head = format!("HTTP/1.1 {number} {words}\r\n{ALWAYS}");
        if self.status != Status::NotModified {
            // Writing to a text does not fail.
            let _ = write!(head, "Content-Type: {}\r\nContent-Length: {}\r\n", self.kind.name(), self.body.len());
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        to.write_all(head.as_bytes())?;
        if !head_only {
            to.write_all(&self.body)?;
        }
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response, head_only: bool) -> String {
        let mut bytes = Vec::new();
        response.write(head_only, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_answer_has_its_length_and_no_line_of_the_users() {
        let response = Response::new(Status::Ok, Kind::Html, "äb").with("Location", "/\r\nX-Evil: 1");
        let text = written(&response, false);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\näb"), "{text}");
        assert!(text.contains("Content-Length: 3\r\n") && text.contains("Location: /X-Evil: 1\r\n"), "{text}");
        assert!(written(&response, true).ends_with("Location: /X-Evil: 1\r\n\r\n"));
        assert!(written(&Response::says(Status::MethodNotAllowed, "No."), false).contains("Allow: GET, HEAD\r\n"));
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let page = || Response::new(Status::Ok, Kind::Html, "page");
        assert_eq!(page().unless_known("1f", Some("\"0a\", \"1f\"")).status, Status::NotModified);
        for other in [None, Some("\"0a\""), Some("1f")] {
            assert_eq!(page().unless_known("1f", other).status, Status::Ok, "{other:?}");
        }
        let same = written(&page().unless_known("1f", Some("\"1f\"")), false);
        assert!(same.starts_with("HTTP/1.1 304 ") && same.ends_with("ETag: \"1f\"\r\n\r\n"), "{same}");
    }
}
