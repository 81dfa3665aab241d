//! The server's exchange: a request, and the answer to it.

use core::fmt;
use core::ops::Range;

use tidings_time::Timestamp;

use super::{Opening, Phase, Then};
use crate::head::HeadScanner;
use crate::headers::HeaderSlots;
use crate::limits::Limits;
use crate::server::rejection::Rejection;
use crate::server::request::{Decision, ServerRequest};
use crate::server::request_error::RequestError;
use crate::wire::BufferTooSmall;

/// The side that reads the request.
#[derive(Clone, Copy, Debug)]
pub enum Server {}

impl Opening<Server> {
    /// Waits for a request.
    #[must_use]
    pub const fn server(limits: Limits, deadline: Timestamp) -> Self {
        Self::new(HeadScanner::request(limits), Phase::Reading, deadline)
    }

    /// After [`Step::Head`]: checks the request, asks the application if it holds every MUST of
    /// RFC 6455, 4.2.1, and puts the answer into the buffer, to be written. Heads with more than
    /// `HEADERS` header lines are refused.
    ///
    /// The answer follows the received bytes, which may contain first frames; a refusal for which
    /// there is no room there overwrites them.
    ///
    /// # Errors
    ///
    /// The client is refused. The following steps tell it so.
    ///
    /// [`Step::Head`]: super::Step::Head
    pub fn answer<F, const HEADERS: usize>(
        &mut self,
        buffer: &mut [u8],
        decide: F,
    ) -> Result<(), Refusal>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
    {
        let Err(refusal) = self.try_answer::<F, HEADERS>(buffer, decide) else { return Ok(()) };
        let rejection = match &refusal {
            Refusal::Application { .. } => return Err(refusal),
            Refusal::Request(error) => Rejection::from(*error),
            // RFC 6585, 5: a shorter head would have left room for the answer.
            Refusal::BufferTooSmall(_) => {
                Rejection::of_static(431, "the head leaves no room for the answer\n")
            }
        };
        match rejection.encode(buffer) {
            Ok(len) => self.refuse(0..len),
            Err(error) => {
                self.phase = Phase::ShuttingDown;
                return Err(error.into());
            }
        }
        Err(refusal)
    }

    /// All of it but the refusals that are not the application's.
    fn try_answer<F, const HEADERS: usize>(
        &mut self,
        buffer: &mut [u8],
        decide: F,
    ) -> Result<(), Refusal>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
    {
        let start = self.received_len;
        debug_assert!(start <= buffer.len(), "always the same buffer");
        let (received, room) = buffer.split_at_mut_checked(start).unwrap_or_default();
        let head = self.head(received).map_err(RequestError::from)?;
        let mut slots = HeaderSlots::<HEADERS>::new();
        let request = ServerRequest::parse(head, &mut slots)?;
        match decide(&request) {
            Ok(acceptance) => {
                let len = acceptance.encode(room)?;
                self.accept(head.len(), start..start.saturating_add(len));
                Ok(())
            }
            Err(rejection) => {
                let len = rejection.encode(room)?;
                self.refuse(start..start.saturating_add(len));
                Err(Refusal::Application { status: rejection.status() })
            }
        }
    }

    /// Use it after [`Step::Head`] instead of [`answer`](Self::answer): the bytes in this range of
    /// the buffer, after the received ones, are an [`Acceptance`]. `head_len` is that of the
    /// request.
    ///
    /// [`Acceptance`]: crate::Acceptance
    /// [`Step::Head`]: super::Step::Head
    pub fn accept(&mut self, head_len: usize, acceptance: Range<usize>) {
        debug_assert!(head_len <= self.received_len && self.received_len <= acceptance.start);
        self.head_len = head_len;
        self.write(acceptance, Then::Open);
    }

    /// After [`Step::Head`], in place of [`answer`](Self::answer): the bytes at this place of the
    /// buffer are a [`Rejection`].
    ///
    /// [`Step::Head`]: super::Step::Head
    pub fn refuse(&mut self, rejection: Range<usize>) {
        self.write(rejection, Then::ShutDown);
    }
}

/// The reason why a server opens no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not an opening handshake.
    Request(RequestError),
    /// The application refuses it.
    Application {
        /// The HTTP status.
        status: u16,
    },
    /// The application's answer does not fit into the buffer after the request, or no answer at all
    /// fits into it.
    BufferTooSmall(BufferTooSmall),
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<BufferTooSmall> for Refusal {
    fn from(error: BufferTooSmall) -> Self {
        Self::BufferTooSmall(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Application { status } => {
                write!(f, "the application refuses with status {status}")
            }
            Self::BufferTooSmall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}
