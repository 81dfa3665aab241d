//! WebSockets and event streams on [`embedded_io_async::Read`] and [`embedded_io_async::Write`].
//!
//! # Time
//! Race [`recv`](WebSocket::recv) with a timer for [`poll_timeout`](WebSocket::poll_timeout). If the
//! timer wins, call [`handle_timeout`](WebSocket::handle_timeout) and then `recv` again:
//!
//! ```
//! # mod embassy_futures {
//! #     pub mod select {
//! #         use std::{future::{Future, poll_fn}, pin::pin, task::Poll};
//! #         pub enum Either<A, B> { First(A), Second(B) }
//! #         pub async fn select<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
//! #             let (mut a, mut b) = (pin!(a), pin!(b));
//! #             poll_fn(|context| match (a.as_mut().poll(context), b.as_mut().poll(context)) {
//! #                 (Poll::Ready(a), _) => Poll::Ready(Either::First(a)),
//! #                 (_, Poll::Ready(b)) => Poll::Ready(Either::Second(b)),
//! #                 _ => Poll::Pending,
//! #             }).await
//! #         }
//! #     }
//! # }
//! use embassy_futures::select::{Either, select};
//! use embedded_io_async::{Read, Write};
//! use tidings_embedded::Error;
//! use tidings_embedded::asynchronous::WebSocket;
//! use tidings_embedded::websocket::{Event, Role, Timestamp};
//!
//! async fn serve<S: Read + Write, R: Role, C: FnMut() -> Timestamp>(
//!     mut socket: WebSocket<'_, S, R, C>,
//!     mut sleep_until: impl AsyncFnMut(Option<Timestamp>), // `None`: forever
//! ) -> Result<(), Error<S::Error>> {
//!     loop {
//!         let timer = sleep_until(socket.poll_timeout());
//!         match select(socket.recv(), timer).await {
//!             Either::First(received) => match received? {
//!                 Some((Event::Text { text, .. }, sender)) => {
//!                     // a command; answer it with `sender`
//!                     # let _ = (text, sender);
//!                 }
//!                 Some(_) => {}
//!                 None => return Ok(()),
//!             },
//!             Either::Second(()) => socket.handle_timeout(),
//!         }
//!     }
//! }
//! ```
//!
//! # Cancel safety
//! The state of the protocol is in the socket, not in the futures, so a future may be dropped at
//! every await point. Each method documents the consequences. All of this requires that a `read` or
//! `write` of the stream has done nothing if its future is dropped early, as `embedded-io-async`
//! encourages.

mod event_stream;
mod event_writer;
mod opening;
mod receive_half;
mod sender;
mod socket;

pub use event_stream::EventStream;
pub use event_writer::EventWriter;
pub use opening::{accept, connect};
#[cfg(feature = "blocking")]
pub(crate) use opening::{open_client, open_server};
#[cfg(feature = "blocking")]
pub(crate) use receive_half::ReceiveHalf;
pub use sender::Sender;
pub use socket::WebSocket;
