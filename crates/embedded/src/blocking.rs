//! WebSockets and event streams on [`embedded_io::Read`] and [`embedded_io::Write`].
//!
//! The same as [`asynchronous`](crate::asynchronous), which has the documentation, without `.await`:
//! each call runs the async code over a stream that blocks.
//!
//! # Time
//! A read that waits forever meets no deadline and sends no Ping. Give the stream a read timeout (an
//! error of kind [`TimedOut`](embedded_io::ErrorKind::TimedOut)), and call [`recv`](WebSocket::recv)
//! again after it:
//!
//! ```
//! use embedded_io::{Error as _, ErrorKind, Read, Write};
//! use tidings_embedded::blocking::WebSocket;
//! use tidings_embedded::websocket::{Event, Role, Timestamp};
//! use tidings_embedded::Error;
//!
//! fn serve<S: Read + Write, R: Role, C: FnMut() -> Timestamp>(
//!     mut socket: WebSocket<'_, S, R, C>,
//! ) -> Result<(), Error<S::Error>> {
//!     loop {
//!         match socket.recv() {
//!             Ok(Some((Event::Text { text, .. }, _))) => {
//!                 // a command
//!                 # let _ = text;
//!             }
//!             Ok(Some(_)) => {}
//!             Ok(None) => return Ok(()),
//!             Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut => {
//!                 // Nothing came: time for something else. What was due is done.
//!             }
//!             Err(error) => return Err(error),
//!         }
//!     }
//! }
//! ```

mod events;
mod opening;
mod socket;
mod stream;

pub use events::{EventStream, EventWriter};
pub use opening::{accept, connect};
pub use socket::{Sender, WebSocket};
