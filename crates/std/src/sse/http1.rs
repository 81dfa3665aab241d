//! One exchange of HTTP/1.1 (RFC 9112) on a separate connection, as far as an event stream needs
//! it. A client writes a `request`, reads a `head`, and finds the end of its `body` (`chunked`). A
//! server reads a `head` and writes a `response`.

#[cfg(feature = "event-source")]
pub(super) mod body;
#[cfg(feature = "event-source")]
mod chunked;
pub(super) mod head;
#[cfg(feature = "event-source")]
pub(super) mod request;
#[cfg(feature = "event-server")]
pub(super) mod response;
