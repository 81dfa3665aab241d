//! `Stream` and `Sink` of the futures crates, for combinators that need them. The inherent methods
//! need none of this.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tidings_websocket::Role;
use tidings_websocket::frame::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::socket::WebSocket;
use crate::split::{OwnedReceiver, OwnedSender};
use crate::wakers::End;
use tidings_endpoint::Error;
use tidings_endpoint::websocket::Message;

impl<S, R> Stream for WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.share();
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl<S, R> FusedStream for WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    fn is_terminated(&self) -> bool {
        self.link.send.has_reported()
    }
}

impl<S, R> Sink<Message> for WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.share();
        self.poll_at(End::Sender, cx, |socket, cx| socket.link.poll_room(cx))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.tell_both(|socket| socket.feed(message))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.share();
        WebSocket::poll_flush(&mut self, cx)
    }

    /// Writes our Close frame, unless closing has begun; the stream returns the remaining messages
    /// of the peer, and ends.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.share();
        self.tell_both(|socket| socket.start_close(CloseCode::NORMAL, ""));
        WebSocket::poll_flush(&mut self, cx)
    }
}

impl<S, R> Stream for OwnedReceiver<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl<S, R> Sink<Message> for OwnedSender<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.feed(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        OwnedSender::poll_flush(&mut self, cx)
    }

    /// Writes our Close frame; the receiver sees the end.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(CloseCode::NORMAL, "");
        OwnedSender::poll_flush(&mut self, cx)
    }
}
