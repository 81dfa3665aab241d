//! The shared code of clients of event streams: everything but the transport ([`Client`]), with the
//! request and its redirects ([`EventSourceRequest`], [`RedirectableRequest`]), the content coding
//! ([`ContentDecoder`]), and the items for the application ([`ClientEvent`], [`DisconnectCause`]).
//!
//! The rules of WHATWG HTML, 9.2, are those of
//! [`tidings_sse::event_source`]; a transport is the adapter's.

mod answer;
mod client;
mod client_event;
mod content;
mod fault;
mod redirectable_request;
mod request;

pub use answer::AnswerReader;
pub use client::{BoxError, Client, Decision, NextAttempt, Received};
pub use client_event::{
    Answer, AnswerCut, ClientEvent, DisconnectCause, EventError, Opened, Reply,
};
pub use content::ContentDecoder;
pub use fault::{CodingError, RedirectFault, RequestFault, StreamError};
pub use redirectable_request::RedirectableRequest;
pub use request::EventSourceRequest;

pub use tidings_sse as sse;
