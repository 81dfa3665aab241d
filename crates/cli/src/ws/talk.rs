//! The conversation of the client: messages out, messages in, until the end of both. [`Talk`].

use std::time::Duration;

use tidings_tokio::Message;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{Connection, Ended, Received};
use super::input::Input;
use super::output::Output;

/// The time that the server has for its Close when nobody waits for anything else.
const LAST_CLOSE: Duration = Duration::from_secs(2);

/// The rules of a conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talk {
    pub(super) output: Output,
    /// The time to receive after the end of the input.
    pub(super) linger: Duration,
    /// The first message is the answer, and the end.
    pub(super) one: bool,
    /// The time for the answer.
    pub(super) timeout: Option<Duration>,
}

impl Talk {
    /// Talks until the end.
    pub(super) async fn run(
        self,
        connection: &mut Connection,
        input: &mut Input,
    ) -> Result<(), Ended> {
        let ended = self.converse(connection, input).await;
        if matches!(
            &ended,
            Err(Ended::OutputClosed | Ended::Output(_) | Ended::Answered | Ended::NoAnswer(_))
        ) {
            connection.start_close();
            let rest = async {
                while let Ok(Received::Message(_) | Received::Changed) = connection.recv().await {}
            };
            let _ = timeout(LAST_CLOSE, rest).await;
        }
        ended
    }

    /// Closes, and prints the remaining messages.
    pub(super) async fn close(self, connection: &mut Connection) -> Result<(), Ended> {
        connection.start_close();
        loop {
            match connection.recv().await? {
                Received::Message(message) => drop(self.show(connection, &message)?),
                Received::Changed => {}
                Received::Closed => return Ok(()),
            }
        }
    }

    async fn converse(self, connection: &mut Connection, input: &mut Input) -> Result<(), Ended> {
        let answer_until = self.timeout.and_then(|limit| Instant::now().checked_add(limit));
        let mut input_ended: Option<Instant> = None;
        loop {
            // A time that the clock cannot reach never comes.
            let linger_until = match self.one {
                true => answer_until,
                false => input_ended.and_then(|at| at.checked_add(self.linger)),
            };
            let linger_over = async {
                match linger_until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let reads = input_ended.is_none() && connection.is_open();
            tokio::select! {
                received = connection.recv() => match received? {
                    Received::Message(message) => {
                        let is_data = self.show(connection, &message)?;
                        if self.one && is_data {
                            return Err(Ended::Answered);
                        }
                    }
                    Received::Changed => {}
                    Received::Closed if self.one => return Err(Ended::Unanswered),
                    Received::Closed => return Ok(()),
                },
                message = input.next(), if reads => match message {
                    Some(message) => self.send(connection, input, message).await?,
                    // The question was not sent, so no answer comes.
                    None if self.one && input.has_failed() => return self.close(connection).await,
                    None => input_ended = Some(Instant::now()),
                },
                () = linger_over => match (self.one, self.timeout) {
                    (true, Some(limit)) => return Err(Ended::NoAnswer(limit)),
                    _ => return self.close(connection).await,
                },
            }
        }
    }

    async fn send(
        self,
        connection: &mut Connection,
        input: &mut Input,
        message: Message,
    ) -> Result<(), Ended> {
        let reconnects = connection.reconnects();
        let Some(socket) = connection.socket() else {
            input.put_back(message);
            return Ok(());
        };
        self.output.sending(&message);
        match socket.send(&message).await {
            // `recv` returns the reason, and a new connection gets the message.
            Err(_) if reconnects => input.put_back(message),
            // The server has just closed: `recv` returns the reason.
            Err(error) if error.is_closed() => input.lose(),
            sent => sent?,
        }
        Ok(())
    }

    /// Shows a message. Returns whether it is one, and no control frame.
    fn show(self, connection: &mut Connection, message: &Message) -> Result<bool, Ended> {
        self.output.show(message, None)?;
        if let Message::Pong(_) = message {
            self.output.round_trip(connection.socket().and_then(|socket| socket.round_trip_time()));
        }
        Ok(message.is_text() || message.is_binary())
    }
}
