#![cfg_attr(not(doctest), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod policy;
mod reason;
mod reconnect;
mod retry_after;

pub use policy::Policy;
pub use reason::Reason;
pub use reconnect::{GiveUp, Next, Reconnect};
pub use retry_after::RetryAfter;
pub use tidings_time::Timestamp;
