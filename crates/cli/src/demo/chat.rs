//! The chat: every text that someone sends goes to everyone, in one order for all.
//!
//! A client that asks for nothing receives the texts, as they were sent. One that asks for the
//! subprotocol [`JSON`] receives objects: first the last messages, each with an ID and its time,
//! then new ones, and the frames that its own messages came in. What clients send is plain text.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use serde::Serialize;
use tidings_tokio::handshake::{Decision, Rejection, ServerRequest};
use tidings_tokio::{
    CloseCode, Config, Error, Message, WebSocket,
    message::SharedStr,
    server::{ServerRole, Upgrade, UpgradedStream, accept_same_origin},
    sse::server::EventIds,
};
use tokio::sync::{
    broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    watch,
};

use super::tap::{Frame, Tap};
use super::{Body, Demo, inspector::hex, since_epoch};

/// The subprotocol of the page.
const JSON: &str = "demo-chat";
/// The number of messages that a slow reader may lag; after that it loses the oldest.
const BACKLOG_LEN: usize = 1024;
/// Messages that go out in one write, and their length: one more of the longest messages fits into
/// the socket's queue.
const MAX_BATCH_LEN: usize = 32;
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// The longest chat message, in bytes.
const MAX_MESSAGE_LEN: u64 = 16 * 1024;
/// The messages that a newcomer receives, and their length as JSON, in bytes.
const HISTORY_LEN: usize = 50;
const MAX_HISTORY_BYTES: usize = 64 * 1024;

/// The one room.
pub(super) struct Chat {
    /// They distinguish the messages of this run from those of an earlier one.
    ids: EventIds,
    history: Mutex<History>,
    messages: broadcast::Sender<Said>,
    people: AtomicUsize,
    received: AtomicU64,
}

/// A message in both forms.
#[derive(Clone)]
struct Said {
    text: SharedStr,
    json: SharedStr,
}

/// The last messages, and all that come after them.
type Joined = (Vec<SharedStr>, broadcast::Receiver<Said>);

/// An object that a client of the subprotocol receives.
#[derive(Serialize)]
#[serde(untagged)]
enum Object<'a> {
    Said {
        id: &'a str,
        /// Milliseconds since 1970.
        at: u64,
        text: &'a str,
    },
    /// The frame of a message that this client has sent, in hexadecimal; `null` if it is longer
    /// than the inspector takes.
    Frame { frame: Option<&'a str> },
    /// The number of messages that this client was too slow for.
    Dropped { dropped: u64 },
}

impl Object<'_> {
    fn to_json(&self) -> SharedStr {
        // It has only numbers and strings, which can always be written.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// The last messages.
#[derive(Default)]
struct History {
    messages: VecDeque<SharedStr>,
    bytes: usize,
}

impl History {
    fn push(&mut self, json: SharedStr) {
        self.bytes = self.bytes.saturating_add(json.len());
        self.messages.push_back(json);
        while self.messages.len() > HISTORY_LEN || self.bytes > MAX_HISTORY_BYTES {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.len());
        }
    }
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
        Self {
            ids: EventIds::new(),
            history: Mutex::default(),
            messages,
            people: AtomicUsize::new(0),
            received: AtomicU64::new(0),
        }
    }

    pub(super) fn take_stats(&self) -> Stats {
        Stats {
            people: self.people.load(Ordering::Relaxed),
            received: self.received.swap(0, Ordering::Relaxed),
        }
    }

    fn say(&self, text: SharedStr) {
        self.received.fetch_add(1, Ordering::Relaxed);
        // Nothing panics while the lock is held. Under it, the order is the same for all.
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.ids.next_id();
        let at = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
        let json = Object::Said { id: id.as_str(), at, text: &text }.to_json();
        history.push(json.clone());
        // Fails if nobody listens; the sender does.
        let _ = self.messages.send(Said { text, json });
    }

    /// Begins to listen.
    fn join(&self) -> Joined {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        (history.messages.iter().cloned().collect(), self.messages.subscribe())
    }
}

/// Answers an upgrade request; the chat continues in a separate task.
pub(super) fn upgrade(
    mut request: Request<Incoming>,
    demo: Arc<Demo>,
    stopping: watch::Receiver<()>,
) -> Response<Body> {
    match tidings_tokio::upgrade(&mut request, config(), decide) {
        Ok((response, upgrade)) => {
            // Before the response: whoever has it hears all that is said from then on.
            let joined = demo.chat.join();
            tokio::spawn(async move {
                let Ok(mut visitor) = Visitor::new(upgrade).await else { return };
                demo.chat.people.fetch_add(1, Ordering::Relaxed);
                // The socket knows how it ended; the room continues.
                let _ = visitor.attend(&demo.chat, joined, stopping).await;
                demo.chat.people.fetch_sub(1, Ordering::Relaxed);
            });
            response.map(|()| super::whole(""))
        }
        Err(rejection) => rejection.map(super::whole),
    }
}

fn config() -> Config {
    let mut config = Config::server();
    config.limits.max_message_len = MAX_MESSAGE_LEN;
    config.limits.max_frame_len = MAX_MESSAGE_LEN;
    config
}

fn decide<'r>(request: &ServerRequest<'r>) -> Decision<'r> {
    // RFC 6455, 10.2: no page of another site may speak in its visitor's name.
    let acceptance = accept_same_origin(request)?;
    let subprotocol = request.choose_subprotocol(&[JSON]);
    acceptance.subprotocol(subprotocol).map_err(|_| Rejection::forbidden("subprotocol"))
}

/// One client.
struct Visitor {
    socket: WebSocket<Tap<UpgradedStream>>,
    /// It speaks the subprotocol.
    reads_json: bool,
    /// The number of texts that it has sent.
    said: u64,
}

impl Visitor {
    async fn new(upgrade: Upgrade) -> Result<Self, hyper::Error> {
        let socket = upgrade.socket().await?;
        let reads_json = socket.subprotocol() == Some(JSON);
        // Nothing was read yet, so nothing is lost between the two sockets.
        let stream = Tap::new(socket.into_inner());
        let socket = WebSocket::from_handshaken(stream, ServerRole, config(), &[]);
        Ok(Self { socket, reads_json, said: 0 })
    }

    async fn attend(
        &mut self,
        chat: &Chat,
        (history, mut messages): Joined,
        mut stopping: watch::Receiver<()>,
    ) -> Result<(), Error> {
        if self.reads_json {
            for json in history {
                self.socket.send(Message::Text(json)).await?;
            }
        }
        loop {
            tokio::select! {
                received = self.socket.recv() => match received? {
                    Some(Message::Text(text)) => {
                        chat.say(text);
                        self.show_frame().await?;
                    }
                    Some(_) => {
                        return self.socket.close(CloseCode::UNSUPPORTED_DATA, "text only").await;
                    }
                    None => return Ok(()),
                },
                message = messages.recv() => match message {
                    Ok(first) => self.forward(first, &mut messages).await?,
                    Err(RecvError::Lagged(dropped)) => {
                        self.socket.send(self.dropped_notice(dropped)).await?;
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = stopping.changed() => {
                    return self.socket.close(CloseCode::GOING_AWAY, "the server stops").await;
                }
            }
        }
    }

    /// Sends a message, and those that are already available in the same write.
    async fn forward(
        &mut self,
        first: Said,
        messages: &mut broadcast::Receiver<Said>,
    ) -> Result<(), Error> {
        let mut next = Some(first);
        let mut count = 0_usize;
        let mut bytes = 0_usize;
        while let Some(Said { text, json }) = next {
            let message = if self.reads_json { json } else { text };
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(message.len());
            self.socket.feed(Message::Text(message))?;
            // Before the next one is taken from the channel, where it would be lost.
            if count >= MAX_BATCH_LEN || bytes > MAX_BATCH_BYTES {
                break;
            }
            next = match messages.try_recv() {
                Ok(said) => Some(said),
                Err(TryRecvError::Lagged(dropped)) => {
                    self.socket.feed(self.dropped_notice(dropped))?;
                    None
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            };
        }
        self.socket.flush().await
    }

    /// Tells a client that it was too slow for this number of messages.
    fn dropped_notice(&self, dropped: u64) -> Message {
        Message::Text(if self.reads_json {
            Object::Dropped { dropped }.to_json()
        } else {
            format!("({dropped} messages were dropped: too slow)").into()
        })
    }

    /// Shows a client the bytes in which its message has just come.
    async fn show_frame(&mut self) -> Result<(), Error> {
        let number = self.said;
        self.said = self.said.saturating_add(1);
        if !self.reads_json {
            return Ok(());
        }
        let Some(frame) = self.socket.get_ref().frame(number) else { return Ok(()) };
        let frame = match frame {
            Frame::Whole(bytes) => Some(hex(bytes)),
            Frame::TooLong => None,
        };
        self.socket.send(Message::Text(Object::Frame { frame: frame.as_deref() }.to_json())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chat: &Chat) -> Vec<String> {
        let (history, _) = chat.join();
        let value = |json: SharedStr| serde_json::from_str::<serde_json::Value>(&json).unwrap();
        history.into_iter().map(|json| value(json)["text"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_newcomer_receives_the_last_messages_in_order() {
        let chat = Chat::new();
        for number in 0..HISTORY_LEN + 7 {
            chat.say(format!("\"{number}\"").into());
        }
        let wanted: Vec<String> = (7..HISTORY_LEN + 7).map(|n| format!("\"{n}\"")).collect();
        assert_eq!(texts(&chat), wanted);
    }

    #[test]
    fn the_bytes_of_the_history_are_bounded() {
        let chat = Chat::new();
        chat.say("small".into());
        // Control characters are the longest in JSON: six bytes for one.
        for _ in 0..HISTORY_LEN {
            chat.say("\u{1}".repeat(2000).into());
            let history = chat.history.lock().unwrap();
            let bytes: usize = history.messages.iter().map(|json| json.len()).sum();
            assert_eq!(history.bytes, bytes);
            assert!(bytes <= MAX_HISTORY_BYTES, "{bytes}");
        }
        assert_eq!(texts(&chat).len(), 5);
        // One that is longer than all of it is not kept, and nor is anything before it.
        chat.say("\u{1}".repeat(MAX_HISTORY_BYTES / 6).into());
        assert!(texts(&chat).is_empty());
        chat.say("small again".into());
        assert_eq!(texts(&chat), ["small again"]);
    }
}
