//! The client's half: the request, and the check of the server's answer.

#[cfg(feature = "alloc")]
pub(crate) mod declined_body;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod response_error;
