//! The code of the fuzz targets: one module per target, each with a `run` that takes any bytes and
//! panics if a property does not hold.
//!
//! The libFuzzer binaries in `fuzz/fuzz_targets` call nothing else. Being a member of the workspace,
//! this crate compiles, is linted and replays the seeds of `fuzz/corpus` in every `cargo test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a panic is how a target reports what it found"
)]

mod cuts;
mod http_response;

pub mod close_payload;
pub mod connection;
pub mod deflate_stage;
pub mod event_source;
pub mod extension_header;
pub mod frame_header;
pub mod frame_stream;
pub mod handshake_request;
pub mod handshake_response;
pub mod sse_decoder;
pub mod sse_round_trip;
pub mod utf8;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its binary, its module and its seed folder.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
}

/// Every target there is.
pub const TARGETS: [Target; 12] = [
    Target { name: "close_payload", run: close_payload::run },
    Target { name: "connection", run: connection::run },
    Target { name: "deflate_stage", run: deflate_stage::run },
    Target { name: "event_source", run: event_source::run },
    Target { name: "extension_header", run: extension_header::run },
    Target { name: "frame_header", run: frame_header::run },
    Target { name: "frame_stream", run: frame_stream::run },
    Target { name: "handshake_request", run: handshake_request::run },
    Target { name: "handshake_response", run: handshake_response::run },
    Target { name: "sse_decoder", run: sse_decoder::run },
    Target { name: "sse_round_trip", run: sse_round_trip::run },
    Target { name: "utf8", run: utf8::run },
];
