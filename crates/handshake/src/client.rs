//! The client's half: the request, and what the server may answer to it.

pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod response_error;
