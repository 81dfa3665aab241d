//! One exchange of HTTP/1.1 (RFC 9112) on a connection of its own, as far as an event stream needs
//! it: `request` writes, `head` reads the answer's head, `body` and `chunked` find where its body
//! ends.

pub(super) mod body;
mod chunked;
pub(super) mod head;
pub(super) mod request;
