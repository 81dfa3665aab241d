//! The client's half: the request, and what the server may answer to it.

#[cfg(feature = "alloc")]
pub(crate) mod declined_body;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod response_error;
