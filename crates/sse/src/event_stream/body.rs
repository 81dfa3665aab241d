//! Bodies as streams of chunks: [`BodyChunks`].

use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use http_body::Body;

use super::EventStream;

/// The data of a body, chunk by chunk, for [`EventStream::from_body`].
#[derive(Debug)]
pub struct BodyChunks<B>(Pin<Box<B>>);

/// Turns a body into a stream of events.
pub trait BodyEvents: Body + Sized {
    /// The events in this body, with [`Limits::DEFAULT`](crate::Limits::DEFAULT).
    fn events(self) -> EventStream<BodyChunks<Self>> {
        EventStream::from_body(self)
    }
}

impl<B: Body> BodyEvents for B {}

impl<B: Body> EventStream<BodyChunks<B>> {
    /// Reads a body.
    pub fn from_body(body: B) -> Self {
        Self::new(BodyChunks::new(body))
    }
}

impl<B: Body> BodyChunks<B> {
    /// The chunks of this body, for [`EventStream::with_decoder`].
    pub fn new(body: B) -> Self {
        Self(Box::pin(body))
    }
}

impl<B: Body> Stream for BodyChunks<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.0.as_mut().poll_frame(cx)) {
                // Trailers say nothing about events.
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        // `Bytes` are not copied.
                        return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
