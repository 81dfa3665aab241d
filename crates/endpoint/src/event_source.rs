//! What the clients of event streams share: all but the transport ([`Client`]), with the request and
//! where redirects take it ([`EventSourceRequest`], [`Exchange`]), the content coding
//! ([`ContentDecoder`]), and what is told to the application ([`Update`], [`Lost`]).
//!
//! The rules of WHATWG HTML, 9.2, are those of
//! [`tidings_sse::event_source`]; a transport is the adapter's.

mod client;
mod content;
mod exchange;
mod fault;
mod request;
mod update;

pub use client::{Client, Judged, Received, Refusal};
pub use content::ContentDecoder;
pub use exchange::Exchange;
pub use fault::{CodingError, RedirectFault, RequestFault, StreamError};
pub use request::EventSourceRequest;
pub use update::{Answer, EventError, Lost, Opened, Update};

pub use tidings_sse as sse;
