//! The content of an event stream: as a decoder reports it ([`Outcome::of`]), and by the standard
//! ([`interpret`]). The two are the same, or the decoder is wrong.

mod outcome;
mod standard;

pub use outcome::{DataAs, Heard, Outcome, decoder};
pub use standard::interpret;
