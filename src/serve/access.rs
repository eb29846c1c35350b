//! Who may look.
//!
//! On loopback it is who is on this machine; that a page elsewhere, opened in a browser here, is not among them is told from
//! the name it asks for: its own, led here by its name server. Beyond loopback, and where one was given, it takes a token.

use std::io::Read;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::http::{Kind, Request, Response, Status};
use crate::{Error, Result};

/// Letters that a token has at least.
const SHORTEST: usize = 12;

/// Who may look.
#[derive(Clone, Debug)]
pub(super) struct Access {
    token: Option<String>,
    /// Whether only this machine's names for itself are answered to.
    is_loopback: bool,
    /// The name of the cookie that keeps the token: cookies are of a machine, whatever the port.
    cookie: String,
}

impl Access {
    /// For a server on `port` of `address`: with `token`, or one that is made here where the address is not loopback.
    ///
    /// # Errors
    /// A user error for a token that is too short, or has letters that an address does not have.
    pub fn new(address: IpAddr, port: u16, token: Option<String>) -> Result<Self> {
        let is_loopback = address.is_loopback();
        let token = match token {
            Some(token) => Some(checked(token)?),
            None if is_loopback => None,
            None => Some(random()?),
        };
        Ok(Self { token, is_loopback, cookie: format!("ecgraft-{port}") })
    }

    /// What follows the address of the first page, so that it may be looked at.
    pub fn entrance(&self) -> String {
        self.token.as_ref().map_or_else(String::new, |token| format!("/?token={token}"))
    }

    /// The answer to who may not look, or has just shown the token and goes on without it in the address; `None` for who may.
    pub fn answer(&self, request: &Request) -> Option<Response> {
        if self.is_loopback && !is_of_this_machine(request) {
            let why = "This is answered as localhost, 127.0.0.1 or [::1] alone, and was asked for under another name.";
            return Some(Response::says(Status::Misdirected, why));
        }
        let token = self.token.as_deref()?;
        if let Some(shown) = request.asked("token") {
            if !is_same(shown, token) {
                return Some(Self::refused("That token is not the one."));
            }
            let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax", self.cookie);
            let there = Response::new(Status::SeeOther, Kind::Text, "");
            return Some(there.with("Location", request.path_for_location()).with("Set-Cookie", cookie));
        }
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let shown = bearer.or_else(|| request.cookie(&self.cookie));
        match shown {
            Some(shown) if is_same(shown, token) => None,
            _ => Some(Self::refused("This study is shown to who has the token.")),
        }
    }

    fn refused(why: &str) -> Response {
        let page = include_str!("token.html").replace("{why}", why);
        Response::new(Status::Unauthorized, Kind::Html, page).with("WWW-Authenticate", "Bearer")
    }
}

/// Whether the name that is asked for is this machine's own; which port follows does not matter, as tunnels change it.
fn is_of_this_machine(request: &Request) -> bool {
    let Some(host) = request.header("host").filter(|_| request.headers("host") == 1) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_named = ["localhost", "localhost."].iter().any(|known| name.eq_ignore_ascii_case(known));
    is_named || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether two texts are the same, in a time that does not tell how far they are.
fn is_same(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|text| Sha256::digest(text.as_bytes()));
    one.iter().zip(other.iter()).fold(0, |apart, (a, b)| apart | (a ^ b)) == 0
}

fn checked(token: String) -> Result<String> {
    let is_plain = token.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.~".contains(letter));
    if token.len() < SHORTEST || !is_plain {
        return Err(Error::user(format!(
            "--token takes {SHORTEST} or more letters, digits, `-`, `_`, `.` and `~`; beyond loopback one is made where it is left out"
        )));
    }
    Ok(token)
}

/// 128 bits of the system's, as digits.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|error| Error::user(format!("no token can be made here ({error}); give one with --token")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn asked(path: &str, headers: &[(&str, &str)]) -> Request {
        Request::made(path, headers)
    }

    fn answer(access: &Access, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
        access.answer(&asked(path, headers)).map(|response| response.status.number())
    }

    #[test]
    fn on_loopback_this_machine_is_answered_and_nobody_elses_name() {
        let access = Access::new("127.0.0.1".parse().unwrap(), 8421, None).unwrap();
        for host in ["localhost:8421", "LocalHost", "127.0.0.1:1", "127.8.0.9", "[::1]:8421", "localhost."] {
            assert_eq!(answer(&access, "/", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "", "1", "127.0.0.1.nip.io"] {
            assert_eq!(answer(&access, "/", &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(answer(&access, "/", &[]), Some(421));
        assert_eq!(answer(&access, "/", &[("host", "localhost"), ("host", "evil.example")]), Some(421));
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let access = Access::new("0.0.0.0".parse().unwrap(), 8421, Some(TOKEN.into())).unwrap();
        let host = ("host", "node7");
        assert_eq!(answer(&access, "/", &[host]), Some(401));
        assert_eq!(answer(&access, "/?token=0123456789abcdeg", &[host]), Some(401));
        assert_eq!(answer(&access, "/", &[host, ("cookie", "ecgraft-8421=0123456789abcde")]), Some(401));
        assert_eq!(answer(&access, "/", &[host, ("cookie", "ecgraft-8421=0123456789abcdef")]), None);
        assert_eq!(answer(&access, "/", &[host, ("authorization", "Bearer 0123456789abcdef")]), None);
        assert_eq!(answer(&access, "/?token=0123456789abcdef", &[host]), Some(303));
        assert_eq!(access.entrance(), format!("/?token={TOKEN}"));
    }

    #[test]
    fn beyond_loopback_a_token_is_made() {
        let of = || Access::new("0.0.0.0".parse().unwrap(), 1, None).unwrap().entrance();
        assert!(of().len() == "/?token=".len() + 32 && of() != of());
        assert_eq!(Access::new("::1".parse().unwrap(), 1, None).unwrap().entrance(), "");
        for wrong in ["short", "with a blank in it", "semicolon;semicolon", "äöüäöüäöüäöü"] {
            assert!(Access::new("::1".parse().unwrap(), 1, Some(wrong.into())).is_err(), "{wrong}");
        }
    }
}
