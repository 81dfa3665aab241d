//! The adapter over real sockets and threads: handshakes, messages, deadlines, ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

mod loopback;
mod messages;
mod opening;
mod sending;
mod waits;
