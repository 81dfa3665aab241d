//! A talk between a client and a server over a transport that fails in every way: it goes as
//! without faults, or ends with an error that says what happened. Nothing is reported twice, lost
//! in between or torn, and nobody needs a poll that no wake-up announced.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod byte_stream;
mod comparison;
mod exhaustive;
mod fatal;
mod harmless;
#[allow(dead_code, reason = "shared with cancellation, which needs another part")]
#[path = "../scene/mod.rs"]
mod scene;
