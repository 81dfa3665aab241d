//! An exchange between a client and a server over a transport that fails in every way: it goes as
//! without faults, or ends with an error that describes the failure. Nothing is reported twice,
//! lost in between or torn, and no progress needs a poll without a wake-up.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod byte_stream;
mod comparison;
mod exhaustive;
mod fatal;
mod harmless;
#[allow(dead_code, reason = "shared with cancellation, which needs another part")]
#[path = "../scene/mod.rs"]
mod scene;
