//! The client of event streams over loopback: its requests, its events, and its reconnections.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed step fails the test"
)]

mod answers;
mod closing;
mod requests;
mod source;
#[path = "../sse_support/mod.rs"]
mod sse_support;
mod streams;
