//! The adapter over real sockets and threads: handshakes, messages, deadlines, ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod loopback;
mod messages;
mod opening;
mod sending;
mod waits;
