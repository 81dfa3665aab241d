//! An open stream: [`Streaming`], from the chunks of a body to what they mean.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::Body as _;
use hyper::body::Incoming;
use tidings_endpoint::event_source::{
    Client, ClientEvent, ContentDecoder, Received, StreamError, UnexpectedResponse,
};
use tidings_sse::Timestamp;
use tokio::time::timeout;

use super::fetch::Connection;

/// How many pieces of content are decoded before other tasks get a turn, if there is nothing to
/// tell: a small body may unfold to a large one.
const MAX_CHUNKS: usize = 16;

/// How long the body of a refusal is waited for.
const BODY_START_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Streaming {
    version: Version,
    response: ResponseBody,
    content: ContentDecoder,
    /// When the chunk that `content` has came.
    received_at: Timestamp,
}

pub(super) enum Incident {
    Event(ClientEvent),
    /// The body is over as HTTP says that it is.
    End,
    Broken(StreamError),
}

impl Streaming {
    pub(super) fn new(
        version: Version,
        connection: Option<Connection>,
        body: Incoming,
        content: ContentDecoder,
    ) -> Self {
        let response = ResponseBody { connection, body };
        Self { version, response, content, received_at: Timestamp::default() }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
        now: impl Fn() -> Timestamp,
    ) -> Poll<Incident> {
        for _ in 0..MAX_CHUNKS {
            match client.receive(self.received_at, &mut self.content) {
                Ok(Received::Event(event)) => {
                    return Poll::Ready(Incident::Event(event));
                }
                Ok(Received::Passed) => continue,
                Ok(Received::Nothing) => {}
                Err(error) => return Poll::Ready(Incident::Broken(StreamError::Coding(error))),
            }
            match self.response.poll_data(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(data))) => {
                    self.content.feed(data);
                    self.received_at = now();
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Incident::Broken(StreamError::Http(error.into())));
                }
                Poll::Ready(None) if self.is_cut() => {
                    let error = "the server reset the stream of HTTP/2 before its end";
                    return Poll::Ready(Incident::Broken(StreamError::Http(error.into())));
                }
                Poll::Ready(None) => {
                    return Poll::Ready(match self.content.finish() {
                        Ok(()) => Incident::End,
                        Err(error) => Incident::Broken(StreamError::Coding(error)),
                    });
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether a body that is over has no end. hyper tells of a stream that is reset with `NO_ERROR`
    /// or `CANCEL` as of one that has ended; RFC 9113, 8.1, has `END_STREAM` end it.
    fn is_cut(&self) -> bool {
        self.version == Version::HTTP_2 && !self.response.body.is_end_stream()
    }
}

/// How the body of a refusal begins.
pub(super) async fn read_start(connection: Option<Connection>, body: Incoming) -> Vec<u8> {
    let mut response = ResponseBody { connection, body };
    let mut start = Vec::new();
    let reading = async {
        while start.len() < UnexpectedResponse::MAX_BODY_START_LEN {
            match poll_fn(|cx| response.poll_data(cx)).await {
                Some(Ok(data)) => start.extend_from_slice(&data),
                Some(Err(_)) | None => break,
            }
        }
    };
    // What came in time is what there is.
    let _ = timeout(BODY_START_TIMEOUT, reading).await;
    start.truncate(UnexpectedResponse::MAX_BODY_START_LEN);
    start
}

/// A body, and the connection that must be polled for it to move.
struct ResponseBody {
    connection: Option<Connection>,
    body: Incoming,
}

impl ResponseBody {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
        loop {
            let connection = self.connection.as_mut();
            if connection.is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
                // If it failed, so does the body.
                self.connection = None;
            }
            return match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => continue,
                },
            };
        }
    }
}
