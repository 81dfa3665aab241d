//! The server of event streams for programs that block: a thread for each client.
//!
//! An [`EventRequest`] is read from a connection. A [`Responder`] opens a stream: an
//! [`EventSender`], for the code that publishes, and a response, which [`EventRequest::respond`]
//! writes until the stream ends or the client has left. With [`LastEventId`] and [`History`] a
//! client that reconnects misses nothing; the rules are those of [`tidings_endpoint::event_sink`].
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use std::thread;
//!
//! use tidings_std::sse::server::{EncodedEvent, EventRequest, Responder, ServeError};
//! use tidings_std::sse::EventSource;
//!
//! fn serve(stream: TcpStream) -> Result<(), ServeError> {
//!     let request = EventRequest::read(stream)?;
//!     let (sender, response) = Responder::new().open();
//!     thread::spawn(move || {
//!         for text in ["hello", "goodbye"] {
//!             if sender.blocking_send(EncodedEvent::text(text)).is_err() {
//!                 break; // the client has left
//!             }
//!         }
//!     });
//!     request.respond(response)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let url = format!("http://{}/", listener.local_addr()?);
//! thread::spawn(move || {
//!     for stream in listener.incoming().flatten() {
//!         thread::spawn(move || serve(stream));
//!     }
//! });
//! # #[cfg(feature = "event-source")] {
//! let mut events = EventSource::get(url)?;
//! assert_eq!(events.event()?.unwrap().data, "hello");
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! At a shutdown, [`close_all`](event_sink::Responder::close_all) ends all streams, and with them the
//! threads that write them.
//!
//! With another HTTP server take [`EventBody::write_to`], for the body alone.

mod body;
mod request;

use std::fmt;
use std::io;

use http::Response;
use tidings_endpoint::event_sink;
use tidings_handshake::HeadError;

pub use body::EventBody;
pub use request::EventRequest;
pub use tidings_endpoint::event_sink::{
    Capacity, EncodedEvent, EventBodyError, EventIds, EventSender, History, HistoryError,
    LastEventId, LastEventIdError, Permit, Queued, Replay, Replayed, SendError, UniqueId, WhenFull,
};

/// Opens event streams, all with the same settings; the response is written by
/// [`EventRequest::respond`].
pub type Responder = event_sink::Responder<EventBody>;

/// Returns the response that makes an `EventSource` stop permanently: 204. A stream that merely
/// ends makes it reconnect.
#[must_use]
pub fn stop_reconnecting() -> Response<EventBody> {
    event_sink::stop_reconnecting()
}

/// The reason why a request was not served to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The connection failed, or ended, before there was a whole request.
    Read(io::Error),
    /// The head of the request breaks the rules of HTTP, or is over a limit. It was answered.
    Head(HeadError),
    /// A request of HTTP/1.1 must have exactly one `Host`. It was answered.
    Host,
    /// The connection failed before the end of the response: the client has left.
    Write(io::Error),
    /// The stream was cut, and the connection with it.
    Cut(EventBodyError),
}

impl ServeError {
    /// Returns whether the client has left, which is how most event streams end.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        matches!(self, Self::Read(error) | Self::Write(error) if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        ))
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "reading the request: {error}"),
            Self::Head(error) => write!(f, "the request: {error}"),
            Self::Host => f.write_str("the request must have exactly one Host header"),
            Self::Write(error) => write!(f, "writing the response: {error}"),
            Self::Cut(error) => error.fmt(f),
        }
    }
}

/// The text of the cause is in its own.
impl std::error::Error for ServeError {}
