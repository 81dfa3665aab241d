//! The blocking server of event streams: its bytes on the wire, and with our own blocking client.

#![cfg(all(feature = "event-server", feature = "event-source"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod ends;
mod feed;
mod requests;
mod resuming;
mod slow;
