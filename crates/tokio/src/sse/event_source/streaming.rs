//! An open stream: [`Streaming`], from the chunks of a body to their events.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Version;
use http_body::Body as _;
use hyper::body::Incoming;
use tidings_endpoint::event_source::{
    AnswerCut, AnswerReader, Client, ClientEvent, ContentDecoder, Received, StreamError,
};
use tidings_sse::Timestamp;
use tokio::time::timeout;

use super::fetch::Connection;

/// The number of chunks that are decoded before other tasks get a turn, if they contain nothing to
/// report: a small body may inflate to a large one.
const MAX_CHUNKS: usize = 16;

pub(super) struct Streaming {
    response: ResponseBody,
    content: ContentDecoder,
    /// The arrival time of the chunk in `content`.
    received_at: Timestamp,
}

pub(super) enum Incident {
    Event(ClientEvent),
    /// The body is over as HTTP says that it is.
    End,
    Broken(StreamError),
}

impl Streaming {
    pub(super) fn new(response: ResponseBody, content: ContentDecoder) -> Self {
        Self { response, content, received_at: Timestamp::default() }
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
                Poll::Ready(None) if self.response.is_cut() => {
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
}

/// Reads the body of a response that is not a stream.
pub(super) async fn read_answer(
    mut response: ResponseBody,
    mut reader: AnswerReader,
) -> ClientEvent {
    let limit = reader.timeout();
    let reading = async {
        loop {
            match poll_fn(|cx| response.poll_data(cx)).await {
                Some(Ok(data)) => {
                    if !reader.receive(data) {
                        break None;
                    }
                }
                Some(Err(_)) => break Some(AnswerCut::Connection),
                None => break response.is_cut().then_some(AnswerCut::Connection),
            }
        }
    };
    // What came in time is what there is.
    let cut = timeout(limit, reading).await.unwrap_or(Some(AnswerCut::TimedOut));
    reader.finish(cut)
}

/// A body, and the connection that must be polled for it to move.
pub(super) struct ResponseBody {
    version: Version,
    connection: Option<Connection>,
    body: Incoming,
}

impl ResponseBody {
    pub(super) fn new(version: Version, connection: Option<Connection>, body: Incoming) -> Self {
        Self { version, connection, body }
    }

    /// Returns whether a body that is over has no proper end. hyper reports a stream that is reset
    /// with `NO_ERROR` or `CANCEL` as one that has ended; by RFC 9113, 8.1, only `END_STREAM` ends
    /// it.
    fn is_cut(&self) -> bool {
        self.version == Version::HTTP_2 && !self.body.is_end_stream()
    }

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
