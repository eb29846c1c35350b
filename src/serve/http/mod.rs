//! The little of HTTP/1.1 that pages for reading need: GET and HEAD, an answer, and the connection ends.
//!
//! httparse reads the head of a request; what is here are limits. A request has [`request::LONGEST_HEAD`] bytes and
//! [`request::IN_TIME`] to say what it wants, answers have [`server::TO_WRITE`] for each piece, and where all
//! [`server::CONNECTIONS`] are taken the oldest makes room: whoever is slow waits for nobody but themselves.

mod request;
mod response;
mod server;

pub(super) use request::Request;
pub(super) use response::{Kind, Response, Status};
pub(super) use server::Server;
