//! `tidings ws` as a process, with peers that the tests make: what it sends, prints and reports, and
//! its exit codes. [`process`] runs it, [`peer`] is a server for it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod certificates;
mod endings;
mod failures;
mod listening;
mod manual;
mod messages;
mod mistakes;
mod peer;
mod process;
mod reconnecting;
mod requests;
mod secrets;
