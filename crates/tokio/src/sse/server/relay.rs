//! An event stream of another server, passed on: [`Relay`].

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use tidings_sse::EventBoundaries;
use tokio::time::{Instant, Sleep, sleep_until};

/// A body that passes on an upstream's event stream, byte by byte as it comes, for gateways.
///
/// When the upstream is silent, comments keep the connection alive, and only between events. An
/// upstream that breaks, or ends inside an event, ends this body by an error: the client is not led
/// to believe that all has come.
///
/// The stream must not be compressed. Before its first byte no comment can be sent, as it may begin
/// with a byte order mark.
///
/// ```
/// use http::Response;
/// use tidings_tokio::sse::server::Relay;
///
/// fn pass_on(upstream: Response<hyper::body::Incoming>) -> Response<Relay<hyper::body::Incoming>> {
///     upstream.map(Relay::new)
/// }
/// ```
pub struct Relay<B> {
    upstream: B,
    boundaries: EventBoundaries,
    keep_alive: Option<Duration>,
    /// Runs while the upstream is silent at a boundary.
    timer: Option<Pin<Box<Sleep>>>,
    last_frame_at: Option<Instant>,
    since_boundary: u64,
    ended: bool,
}

impl<B: Body + Unpin> Relay<B> {
    /// Passes on `upstream`. One that is not `Unpin` comes as `Box::pin(body)`.
    pub fn new(upstream: B) -> Self {
        Self {
            upstream,
            boundaries: EventBoundaries::new(),
            keep_alive: Some(Duration::from_secs(15)),
            timer: None,
            last_frame_at: None,
            since_boundary: 0,
            ended: false,
        }
    }

    /// Sends a comment after this long without a byte; by default after 15 seconds.
    #[must_use]
    pub fn keep_alive(self, interval: Duration) -> Self {
        Self { keep_alive: Some(interval.max(Duration::from_millis(1))), ..self }
    }

    /// Sends no comments.
    #[must_use]
    pub fn without_keep_alive(self) -> Self {
        Self { keep_alive: None, ..self }
    }

    /// Whether what was passed on so far ends behind a blank line.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.boundaries.at_boundary()
    }

    /// How many bytes were passed on behind the last boundary: of an event that is not complete.
    #[must_use]
    pub fn bytes_since_boundary(&self) -> u64 {
        self.since_boundary
    }

    fn follow(&mut self, chunk: &[u8]) {
        let len = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.since_boundary = match self.boundaries.feed(chunk) {
            Some(boundary) => {
                debug_assert!(boundary <= chunk.len(), "the boundary is in the chunk");
                len(chunk.len().saturating_sub(boundary))
            }
            None => self.since_boundary.saturating_add(len(chunk.len())),
        };
    }

    /// The upstream is silent: is it time for a comment?
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = || self.last_frame_at?.checked_add(self.keep_alive?);
        let Some(due) = due().filter(|_| self.at_boundary()) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }
}

impl<B> Body for Relay<B>
where
    B: Body + Unpin,
{
    type Data = Bytes;
    type Error = RelayError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut this.upstream).poll_frame(cx) {
            Poll::Pending => {
                return this.poll_keep_alive(cx).map(|()| {
                    this.last_frame_at = Some(Instant::now());
                    Some(Ok(Frame::data(Bytes::from_static(b":\n\n"))))
                });
            }
            Poll::Ready(frame) => frame,
        };
        this.last_frame_at = Some(Instant::now());
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                // Of `Bytes` this is no copy.
                let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                if let Some(data) = frame.data_ref() {
                    this.follow(data);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                this.end();
                Some(Err(RelayError::Upstream(error)))
            }
            None => {
                this.end();
                // WHATWG HTML 9.2.6: an event without its blank line is never dispatched.
                let inside = this.since_boundary > 0;
                inside.then_some(Err(RelayError::CutEvent { len: this.since_boundary }))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.since_boundary == 0 && self.upstream.is_end_stream())
    }
}

impl<B> Relay<B> {
    fn end(&mut self) {
        self.ended = true;
        self.timer = None;
    }
}

impl<B> fmt::Debug for Relay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("bytes_since_boundary", &self.since_boundary)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Why a [`Relay`] was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayError<E> {
    /// The upstream broke.
    Upstream(E),
    /// The upstream ended inside an event.
    CutEvent {
        /// How many bytes of the event were passed on.
        len: u64,
    },
}

impl<E: fmt::Display> fmt::Display for RelayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => write!(f, "the upstream of the event stream broke: {error}"),
            Self::CutEvent { len } => {
                write!(f, "the upstream of the event stream ended inside an event, {len} bytes in")
            }
        }
    }
}

impl<E: Error + 'static> Error for RelayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Upstream(error) => Some(error),
            Self::CutEvent { .. } => None,
        }
    }
}
