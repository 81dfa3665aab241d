//! Fan-out to slow WebSocket clients: the recipe of docs/guide/src/topics/broadcast.md, which has the rest
//! of this file word for word.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tidings::tokio::{CloseCode, Config, Error, Message, WebSocket, accept};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// The fate of a message for which the queue of a client has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest message is dropped, and the client is told how many it missed.
    DropOldest,
    /// Only the latest message of each key is kept.
    LatestByKey,
    /// The client is disconnected, and may reconnect and catch up.
    Disconnect,
}

/// The clients that are connected. Publishing never waits for one of them.
#[derive(Debug, Default)]
pub struct Room {
    clients: Mutex<Vec<Weak<Outbox>>>,
}

impl Room {
    /// Queues a message for every client. The message is stored once, however many get it.
    pub fn publish(&self, key: &'static str, message: impl Into<Message>) {
        let message = message.into();
        lock(&self.clients).retain(|client| match client.upgrade() {
            Some(outbox) => {
                outbox.push(key, message.clone());
                true
            }
            None => false,
        });
    }

    /// Serves one client until it leaves, or until it is too slow.
    ///
    /// # Errors
    /// Those of the connection, such as [`Error::WriteTimeout`].
    pub async fn serve<S>(
        &self,
        mut socket: WebSocket<S>,
        capacity: usize,
        when_full: WhenFull,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let outbox = Arc::new(Outbox::new(capacity, when_full));
        lock(&self.clients).push(Arc::downgrade(&outbox));
        loop {
            // Both are cancel safe: the one that loses the race has taken nothing.
            let next = tokio::select! {
                received = socket.recv() => match received? {
                    Some(message) => {
                        self.publish("chat", message);
                        continue;
                    }
                    None => return Ok(()),
                },
                next = outbox.next() => next,
            };
            match next {
                Next::Message(message) => socket.send(message).await?,
                Next::Missed(count) => socket.send(format!("({count} messages missed)")).await?,
                Next::TooSlow => {
                    // Closing waits for what was written before, up to a minute more for a slow client.
                    let closing = socket.close(CloseCode::TRY_AGAIN_LATER, "too slow");
                    let limit = Duration::from_secs(10);
                    return tokio::time::timeout(limit, closing).await.unwrap_or(Ok(()));
                }
            }
            // Until the transport has taken it, nothing more leaves the outbox. A client for which the
            // transport has no room for `Config::write_timeout` is disconnected.
            socket.flush().await?;
        }
    }
}

/// The messages that wait for one client.
#[derive(Debug)]
struct Outbox {
    capacity: usize,
    when_full: WhenFull,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<(&'static str, Message)>,
    missed: u64,
    overflowed: bool,
}

enum Next {
    Message(Message),
    Missed(u64),
    TooSlow,
}

impl Outbox {
    fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self { capacity, when_full, queue: Mutex::default(), filled: Notify::new() }
    }

    fn push(&self, key: &'static str, message: Message) {
        let mut queue = lock(&self.queue);
        if queue.overflowed {
            return;
        }
        if self.when_full == WhenFull::LatestByKey {
            queue.messages.retain(|(queued, _)| *queued != key);
        }
        if queue.messages.len() >= self.capacity {
            if self.when_full == WhenFull::Disconnect {
                *queue = Queue { overflowed: true, ..Queue::default() };
                self.filled.notify_one();
                return;
            }
            queue.messages.pop_front();
            queue.missed += 1;
        }
        queue.messages.push_back((key, message));
        self.filled.notify_one();
    }

    /// Waits for the next message of the queue.
    async fn next(&self) -> Next {
        loop {
            let filled = self.filled.notified();
            if let Some(next) = lock(&self.queue).take() {
                return next;
            }
            filled.await;
        }
    }
}

impl Queue {
    fn take(&mut self) -> Option<Next> {
        if self.overflowed {
            return Some(Next::TooSlow);
        }
        if self.missed > 0 {
            return Some(Next::Missed(std::mem::take(&mut self.missed)));
        }
        self.messages.pop_front().map(|(_, message)| Next::Message(message))
    }
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let room = Arc::new(Room::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9002").await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let socket = accept(stream, Config::server()).await?;
            if let Err(error) = room.serve(socket, 64, WhenFull::DropOldest).await {
                eprintln!("{peer}: {error}");
            }
            Ok::<_, Error>(())
        });
    }
}
