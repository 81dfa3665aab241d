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
mod endpoint;
pub mod event_stream;
mod fault;
#[cfg(feature = "deflate")]
mod foreign_deflate;
mod loopback;
mod pair;
mod random;
mod raw_frame;
mod scenario;
#[cfg(feature = "proptest")]
mod strategies;
mod wake;
mod wire;

pub use cancel::{Cancelled, cancelled_once, for_every_cancellation, poll_then_drop};
pub use clock::Clock;
pub use endpoint::{Endpoint, Side, Step};
pub use fault::{Counters, Fault, FaultTransport, Faults, Lie};
#[cfg(feature = "deflate")]
pub use foreign_deflate::{ForeignDeflate, deflate_bomb};
pub use loopback::{loopback, read_head};
pub use pair::{Delivery, Outcome, Pair};
pub use random::{Keys, Random, for_seeds};
pub use raw_frame::{Missing, RawFrame, raw_frame, raw_header};
pub use scenario::{Ending, Scenario};
#[cfg(feature = "proptest")]
pub use strategies::{binaries, fragments, steps, texts};
pub use wake::{Woken, run_when_woken};
pub use wire::{Illegal, Unit, Wire, WireFrame};

/// The examples of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
