//! The chat: every text that someone sends goes to everyone, in one order for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use tidings_tokio::{
    CloseCode, Config, Error, Message, WebSocket,
    message::SharedStr,
    server::{UpgradedStream, accept_same_origin},
};
use tokio::sync::{broadcast, watch};

use super::{Body, Demo};

/// The number of messages that a slow reader may lag; after that it loses the oldest.
const BACKLOG_LEN: usize = 1024;
/// Messages that go out in one write; the longest of them fit into the socket's queue.
const MAX_BATCH_LEN: usize = 32;
/// The longest chat message, in bytes.
const MAX_MESSAGE_LEN: u64 = 16 * 1024;

/// The one room.
pub(super) struct Chat {
    messages: broadcast::Sender<SharedStr>,
    people: AtomicUsize,
    received: AtomicU64,
}

/// The figures of the chat on the dashboard.
#[derive(Clone, Copy)]
pub(super) struct Stats {
    pub(super) people: usize,
    /// Messages received since the last look.
    pub(super) received: u64,
}

impl Chat {
    pub(super) fn new() -> Self {
        let (messages, _) = broadcast::channel(BACKLOG_LEN);
        Self { messages, people: AtomicUsize::new(0), received: AtomicU64::new(0) }
    }

    pub(super) fn take_stats(&self) -> Stats {
        Stats {
            people: self.people.load(Ordering::Relaxed),
            received: self.received.swap(0, Ordering::Relaxed),
        }
    }

    fn say(&self, text: SharedStr) {
        self.received.fetch_add(1, Ordering::Relaxed);
        // Fails if nobody listens; the sender does.
        let _ = self.messages.send(text);
    }
}

/// Answers an upgrade request; the chat continues in a separate task.
pub(super) fn upgrade(
    mut request: Request<Incoming>,
    demo: Arc<Demo>,
    stopping: watch::Receiver<()>,
) -> Response<Body> {
    let mut config = Config::server();
    config.limits.max_message_len = MAX_MESSAGE_LEN;
    config.limits.max_frame_len = MAX_MESSAGE_LEN;
    // RFC 6455, 10.2: no page of another site may speak in its visitor's name.
    match tidings_tokio::upgrade(&mut request, config, accept_same_origin) {
        Ok((response, upgrade)) => {
            tokio::spawn(async move {
                let Ok(mut socket) = upgrade.socket().await else { return };
                demo.chat.people.fetch_add(1, Ordering::Relaxed);
                // The socket knows how it ended; the room continues.
                let _ = attend(&mut socket, &demo.chat, stopping).await;
                demo.chat.people.fetch_sub(1, Ordering::Relaxed);
            });
            response.map(|()| super::whole(""))
        }
        Err(rejection) => rejection.map(super::whole),
    }
}

async fn attend(
    socket: &mut WebSocket<UpgradedStream>,
    chat: &Chat,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Error> {
    let mut messages = chat.messages.subscribe();
    loop {
        tokio::select! {
            received = socket.recv() => match received? {
                Some(Message::Text(text)) => chat.say(text),
                Some(_) => {
                    return socket.close(CloseCode::UNSUPPORTED_DATA, "text only").await;
                }
                None => return Ok(()),
            },
            message = messages.recv() => match message {
                Ok(text) => {
                    socket.feed(Message::Text(text))?;
                    // Messages that are already available go out in the same write.
                    for _ in 0..MAX_BATCH_LEN {
                        let Ok(text) = messages.try_recv() else { break };
                        socket.feed(Message::Text(text))?;
                    }
                    socket.flush().await?;
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    socket.send(format!("({missed} messages were dropped: too slow)")).await?;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            _ = stopping.changed() => {
                return socket.close(CloseCode::GOING_AWAY, "the server stops").await;
            }
        }
    }
}
