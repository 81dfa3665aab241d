//! The events of a connection.

use tidings_frame::{CloseFrame, ControlPayload, Text};

use crate::violation::Violation;

/// Text or binary (RFC 6455, 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// An event of a connection. Data borrows the slice that it was received in, so the connection is
/// not borrowed while an event lives: sending inside an event is fine.
///
/// A message is one event if it was whole in the slice, otherwise several; `is_first` and `is_last`
/// mark its boundaries, and control events may come between.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A part of a text message: valid UTF-8, cut between characters.
    Text {
        /// The text of this part.
        text: Text<'a>,
        /// `true` if it begins the message.
        is_first: bool,
        /// `true` if it ends the message.
        is_last: bool,
    },
    /// A part of a binary message.
    Binary {
        /// The bytes of this part.
        bytes: &'a mut [u8],
        /// `true` if it begins the message.
        is_first: bool,
        /// `true` if it ends the message.
        is_last: bool,
    },
    /// A part of a compressed message (RFC 7692), still to be inflated: only on a connection that
    /// [allows](crate::Connection::allow_compression) them. Text has not been checked for UTF-8
    /// yet. [Refuse](crate::Connection::refuse) it if it is invalid.
    Compressed {
        /// The kind of the message once inflated.
        kind: MessageKind,
        /// The bytes of this part.
        bytes: &'a mut [u8],
        /// `true` if it begins the message.
        is_first: bool,
        /// `true` if it ends the message.
        is_last: bool,
    },
    /// The peer sent a Ping; the Pong is already pending.
    Ping(ControlPayload),
    /// The peer sent a Pong, asked for or not.
    Pong(ControlPayload),
    /// The peer sent its Close frame, `None` if that had no code. Nothing else will be received; if
    /// the peer closed first, the answer is already pending.
    Close(Option<CloseFrame>),
    /// The peer broke a rule or a limit. Nothing else will be received; the Close frame that
    /// reports it is already pending.
    Violation(Violation),
}
