//! [`ResponseError`]: why a server's answer cannot be trusted.

use core::fmt;

use crate::extensions::ExtensionsError;
use crate::head::HeadError;

/// The peer's response is not HTTP, or a 101 that breaks a rule of RFC 6455, 4.1 (over
/// HTTP/2, a 2xx that breaks one of RFC 8441, 5). The connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes are not a head, or too much of one.
    Head(HeadError),
    /// A proxy answered CONNECT with 101, which answers another question.
    Status {
        /// The status code.
        status: u16,
    },
    /// A 101 came with HTTP/1.0.
    HttpVersion,
    /// A 101 came over HTTP/2, where 2xx opens the WebSocket.
    SwitchingOverHttp2,
    /// A header name is not a token.
    HeaderName {
        /// The index of the header line, from 0.
        index: usize,
    },
    /// A header value holds a control character.
    HeaderValue {
        /// The index of the header line, from 0.
        index: usize,
    },
    /// The `Upgrade` header is missing.
    UpgradeMissing,
    /// `Upgrade` is not `websocket`.
    Upgrade,
    /// The `Connection` header is missing.
    ConnectionMissing,
    /// `Connection` does not list `Upgrade`.
    Connection,
    /// The `Sec-WebSocket-Accept` header is missing.
    AcceptMissing,
    /// `Sec-WebSocket-Accept` is repeated.
    AcceptRepeated,
    /// `Sec-WebSocket-Accept` does not answer the key.
    Accept,
    /// `Sec-WebSocket-Protocol` is repeated.
    SubprotocolRepeated,
    /// The chosen subprotocol is not among those offered.
    SubprotocolNotOffered,
    /// `Sec-WebSocket-Extensions` is not an extension list.
    Extensions(ExtensionsError),
    /// An extension is not among those offered.
    ExtensionNotOffered {
        /// The index of the extension in the answer, from 0.
        index: usize,
    },
    /// An extension is listed twice.
    ExtensionRepeated {
        /// The index of the extension in the answer, from 0.
        index: usize,
    },
    /// A header that belongs to an HTTP/1.1 connection stands in a response over HTTP/2.
    ConnectionSpecific,
    /// More interim responses, such as 103, came than anybody needs.
    TooManyInterimResponses {
        /// The number that may come.
        limit: usize,
    },
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<ExtensionsError> for ResponseError {
    fn from(error: ExtensionsError) -> Self {
        Self::Extensions(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => error.fmt(f),
            Self::Status { status } => {
                write!(f, "the status {status} does not answer CONNECT")
            }
            Self::HttpVersion => f.write_str("the server switched protocols with HTTP/1.0"),
            Self::SwitchingOverHttp2 => f.write_str("the server answered 101 over HTTP/2"),
            Self::HeaderName { index } => {
                write!(f, "the name of the server's header {index} is not a token")
            }
            Self::HeaderValue { index } => {
                write!(f, "the value of the server's header {index} holds a control character")
            }
            Self::UpgradeMissing => f.write_str("the server's answer has no Upgrade header"),
            Self::Upgrade => f.write_str("the server's Upgrade header does not name websocket"),
            Self::ConnectionMissing => f.write_str("the server's answer has no Connection header"),
            Self::Connection => {
                f.write_str("the Connection header of the server's answer does not list Upgrade")
            }
            Self::AcceptMissing => {
                f.write_str("the server's answer has no Sec-WebSocket-Accept header")
            }
            Self::AcceptRepeated => {
                f.write_str("the server's answer has several Sec-WebSocket-Accept headers")
            }
            Self::Accept => f.write_str("the server's Sec-WebSocket-Accept does not fit the key"),
            Self::SubprotocolRepeated => {
                f.write_str("the server's answer has several Sec-WebSocket-Protocol headers")
            }
            Self::SubprotocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            Self::Extensions(error) => {
                write!(f, "the server's Sec-WebSocket-Extensions is malformed: {error}")
            }
            Self::ExtensionNotOffered { index } => {
                write!(f, "the server's extension {index} was not offered")
            }
            Self::ExtensionRepeated { index } => {
                write!(f, "the server's extension {index} is listed twice")
            }
            Self::ConnectionSpecific => {
                f.write_str("a header of an HTTP/1.1 connection stands in an HTTP/2 response")
            }
            Self::TooManyInterimResponses { limit } => {
                write!(f, "the server sent more than {limit} interim responses")
            }
        }
    }
}

impl core::error::Error for ResponseError {}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use super::*;

    #[test]
    fn each_error_says_what_the_server_did_and_where() {
        let mut errors = Vec::from([
            ResponseError::Head(HeadError::LineFolding { offset: 7 }),
            ResponseError::Status { status: 107 },
            ResponseError::HttpVersion,
            ResponseError::SwitchingOverHttp2,
            ResponseError::HeaderName { index: 7 },
            ResponseError::HeaderValue { index: 7 },
            ResponseError::UpgradeMissing,
            ResponseError::Upgrade,
            ResponseError::ConnectionMissing,
            ResponseError::Connection,
            ResponseError::AcceptMissing,
            ResponseError::AcceptRepeated,
            ResponseError::Accept,
            ResponseError::SubprotocolRepeated,
            ResponseError::SubprotocolNotOffered,
            ResponseError::ConnectionSpecific,
            ResponseError::TooManyInterimResponses { limit: 7 },
        ]);
        errors.extend([
            ResponseError::Extensions(ExtensionsError::Malformed { line: 0, offset: 7 }),
            ResponseError::ExtensionNotOffered { index: 7 },
            ResponseError::ExtensionRepeated { index: 7 },
        ]);
        let mut texts: Vec<String> = Vec::new();
        for error in errors {
            let text = error.to_string();
            assert!(text.len() > 20, "{text}");
            // Every position or number in the error is shown.
            let debug = std::format!("{error:?}");
            assert_eq!(text.contains('7'), debug.contains('7'), "{text}");
            assert!(!texts.contains(&text), "{text}");
            texts.push(text);
        }
    }
}
