#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a check that fails in a test panics: that is what this crate is for"
)]

mod cancel;
mod clock;
mod duet;
mod endpoint;
mod fault;
mod random;
mod raw_frame;
mod scenario;
mod strategies;
mod wake;
mod wire;

pub use cancel::{Cancelled, cancelled_once, for_every_cancellation, poll_then_drop};
pub use clock::Clock;
pub use duet::{Delivery, Duet, Outcome};
pub use endpoint::{Endpoint, Side, Step};
pub use fault::{Counters, Fault, FaultTransport, Faults, Lie};
pub use random::{Keys, Random, for_seeds};
pub use raw_frame::{raw_frame, raw_header};
pub use scenario::{Ending, Scenario};
pub use strategies::{binaries, fragments, steps, texts};
pub use wake::{Woken, run_when_woken};
pub use wire::{Illegal, Unit, Wire, WireFrame};
