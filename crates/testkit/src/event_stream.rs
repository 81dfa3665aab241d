//! What an event stream says: as a decoder hears it ([`Outcome::of`]), and as the standard has it
//! ([`interpret`]). The two are the same, or the decoder is wrong.

mod outcome;
mod standard;

pub use outcome::{DataAs, Heard, Outcome, decoder};
pub use standard::interpret;
