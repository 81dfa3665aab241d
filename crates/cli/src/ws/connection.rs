//! The connection of the client: one WebSocket, or one after the other with `--reconnect`.
//! [`Connection`].

use std::io;
use std::time::Duration;

use tidings_tokio::client::{ClientRole, ClientStream};
use tidings_tokio::reconnect::{Disconnect, GiveUp, Policy, ReconnectEvent, Reconnecting};
use tidings_tokio::websocket::{CloseInfo, CloseStatus};
use tidings_tokio::{CloseCode, ConnectOptions, Message, WebSocket, connect_with};

use crate::terminal::{escape_controls, note};
use crate::{Error, failure, is_connect_usage};

type Socket = WebSocket<ClientStream, ClientRole>;

pub(super) struct Connection {
    sockets: Sockets,
    url: String,
    /// The Close frames of a connection that is over.
    last_close: Option<CloseInfo>,
    was_open: bool,
    offers_subprotocols: bool,
}

enum Sockets {
    One(Box<Socket>),
    Many(Box<Reconnecting>),
}

/// A result of [`Connection::recv`].
pub(super) enum Received {
    Message(Message),
    /// A connection came or went.
    Changed,
    /// The closing handshake is done.
    Closed,
}

/// The reason why the session ends early.
pub(super) enum Ended {
    /// The connection broke, or the server broke a rule.
    Lost(tidings_tokio::Error),
    /// No further attempt is made.
    GaveUp { why: String, was_open: bool, is_usage: bool },
    /// `--one` has its answer.
    Answered,
    /// `--one` has waited this long.
    NoAnswer(Duration),
    /// The server closed, and `--one` has no answer.
    Unanswered,
    /// Nobody reads our output any more.
    OutputClosed,
    /// The output cannot be written.
    Output(io::Error),
}

impl Connection {
    /// Connects once.
    pub(super) async fn open(
        url: &str,
        options: ConnectOptions,
        offers_subprotocols: bool,
    ) -> Result<Self, Error> {
        match connect_with(url, &options).await {
            Ok(socket) => {
                tell_connected(&socket, offers_subprotocols);
                Ok(Self {
                    sockets: Sockets::One(Box::new(socket)),
                    url: url.to_owned(),
                    last_close: None,
                    was_open: true,
                    offers_subprotocols,
                })
            }
            Err(error) if is_connect_usage(&error) => {
                Err(crate::UsageError(failure::describe(&error, url)).into())
            }
            Err(error) => Err(failure::describe(&error, url).into()),
        }
    }

    /// Connects as often as needed, from the first [`recv`](Self::recv) on.
    pub(super) fn reconnecting(
        url: &str,
        options: ConnectOptions,
        offers_subprotocols: bool,
    ) -> Self {
        let mut policy = Policy::websocket();
        // A person waits: the first attempt is soon.
        policy.base = Duration::from_secs(1);
        Self {
            sockets: Sockets::Many(Box::new(Reconnecting::new(url, options, policy))),
            url: url.to_owned(),
            last_close: None,
            was_open: false,
            offers_subprotocols,
        }
    }

    /// Returns whether messages can be sent.
    pub(super) fn is_open(&mut self) -> bool {
        self.socket().is_some()
    }

    pub(super) const fn reconnects(&self) -> bool {
        matches!(self.sockets, Sockets::Many(_))
    }

    /// The open WebSocket.
    pub(super) fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.sockets {
            Sockets::One(socket) => Some(socket),
            Sockets::Many(sockets) => sockets.socket(),
        }
    }

    /// The next message, over as many connections as it takes.
    ///
    /// Safe to cancel: nothing is lost.
    pub(super) async fn recv(&mut self) -> Result<Received, Ended> {
        loop {
            let event = match &mut self.sockets {
                Sockets::One(socket) => {
                    let message = socket.recv().await?;
                    return Ok(message.map_or(Received::Closed, Received::Message));
                }
                Sockets::Many(sockets) => sockets.next().await,
            };
            match event {
                None => return Ok(Received::Closed),
                Some(ReconnectEvent::Connected) => {
                    self.was_open = true;
                    let offers_subprotocols = self.offers_subprotocols;
                    if let Some(socket) = self.socket() {
                        tell_connected(socket, offers_subprotocols);
                    }
                    return Ok(Received::Changed);
                }
                Some(ReconnectEvent::Message(message)) => {
                    self.remember_close(&message);
                    return Ok(Received::Message(message));
                }
                Some(ReconnectEvent::Disconnected { why, wait }) => {
                    let next = format!("; trying again in {:.1} s", wait.as_secs_f64());
                    note(&after_first_line(&self.explain(&why), &next));
                    return Ok(Received::Changed);
                }
                Some(ReconnectEvent::GaveUp { why, reason }) => return self.gave_up(&why, reason),
                Some(_) => {}
            }
        }
    }

    /// Starts to close; messages may still come.
    pub(super) fn start_close(&mut self) {
        match &mut self.sockets {
            Sockets::One(socket) => socket.start_close(CloseCode::NORMAL, ""),
            Sockets::Many(sockets) => sockets.close(),
        }
    }

    /// The Close frames; `None` if there are none because there was no connection at the end.
    pub(super) fn close_info(&self) -> Option<CloseInfo> {
        match &self.sockets {
            Sockets::One(socket) => Some(socket.close_info()),
            Sockets::Many(_) => self.last_close,
        }
    }

    fn gave_up(&mut self, why: &Disconnect, reason: GiveUp) -> Result<Received, Ended> {
        if let (Disconnect::Closed(_), Some(info)) = (why, self.last_close) {
            if info.is_clean() {
                return Ok(Received::Closed);
            }
        }
        let is_usage = matches!(why, Disconnect::Error(error) if is_connect_usage(error));
        let why = after_first_line(&self.explain(why), &format!("; {reason}"));
        Err(Ended::GaveUp { why, was_open: self.was_open, is_usage })
    }

    /// A connection that is over is not there to be asked.
    fn remember_close(&mut self, message: &Message) {
        if let Message::Close(close) = message {
            let received = match close {
                Some(close) => CloseStatus::Frame(**close),
                None => CloseStatus::Empty,
            };
            self.last_close = Some(CloseInfo { received, sent: received });
        }
    }

    fn explain(&self, why: &Disconnect) -> String {
        match why {
            Disconnect::Error(error) => failure::describe(error, &self.url),
            _ => escape_controls(&why.to_string()).into_owned(),
        }
    }
}

/// Hints, and what a server answered, are on further lines.
fn after_first_line(text: &str, addition: &str) -> String {
    match text.split_once('\n') {
        Some((first, rest)) => format!("{first}{addition}\n{rest}"),
        None => format!("{text}{addition}"),
    }
}

fn tell_connected(socket: &Socket, offers_subprotocols: bool) {
    let subprotocol = match socket.subprotocol() {
        Some(name) => format!(", subprotocol {name}"),
        None if offers_subprotocols => ", without a subprotocol: the server chose none".to_owned(),
        None => String::new(),
    };
    let compression = if socket.may_compress() { ", compressed" } else { "" };
    note(&format!("connected{subprotocol}{compression}"));
}

impl Ended {
    /// The text for the user, safe to print.
    pub(super) fn describe(&self, url: &str) -> String {
        match self {
            Self::Lost(error) => {
                let text = escape_controls(&error.to_string()).into_owned();
                match failure::hint(error, url) {
                    Some(hint) => format!("{text}\nhint: {hint}"),
                    None => text,
                }
            }
            Self::GaveUp { why, .. } => why.clone(),
            Self::Answered => "answered".to_owned(),
            Self::NoAnswer(time) => format!("no answer came within {} s", time.as_secs_f64()),
            Self::Unanswered => "the server closed without an answer".to_owned(),
            Self::OutputClosed => "nobody reads the output any more".to_owned(),
            Self::Output(error) => format!("stdout: {error}"),
        }
    }
}

impl From<tidings_tokio::Error> for Ended {
    fn from(error: tidings_tokio::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}
