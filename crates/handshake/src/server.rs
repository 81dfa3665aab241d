//! The server's half: a request that holds every MUST, and the two answers to it.

pub(crate) mod acceptance;
pub(crate) mod forwarded;
pub(crate) mod rejection;
pub(crate) mod request;
pub(crate) mod request_error;
pub(crate) mod response_headers;
