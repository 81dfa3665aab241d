//! The behaviour of an event source without a stream: its next request, the time of it, and the
//! cases without one.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod answers;
mod closing;
#[allow(dead_code, reason = "shared with other tests, which need other parts")]
#[path = "../event_scene/mod.rs"]
mod event_scene;
mod requests;
mod waits;

use event_scene::{Answer, Step};

/// A stream that stays open after these bytes.
fn held(body: &str) -> Answer {
    Answer::stream(body).then(Step::Hold)
}
