//! Headers that the application adds to a handshake message, checked before they are written.

use core::fmt;

use crate::token::{is_field_value_byte, is_token};

/// Headers that a client adds to its request. Nothing can be injected through them.
#[derive(Clone, Copy)]
pub(crate) struct ExtraHeaders<'a>(&'a [(&'a str, &'a str)]);

/// Names that the handshake writes itself, or that would change how the message is read.
const RESERVED: [&str; 11] = [
    "host",
    "upgrade",
    "connection",
    "origin",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
];

const RESERVED_PREFIX: &str = "sec-websocket-";

impl<'a> ExtraHeaders<'a> {
    pub(crate) const NONE: Self = Self(&[]);

    pub(crate) fn new(headers: &'a [(&'a str, &'a str)]) -> Result<Self, ExtraHeaderError> {
        let mut numbered = headers.iter().enumerate();
        numbered.try_for_each(|(index, (name, value))| check(index, name, value))?;
        Ok(Self(headers))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.iter().copied()
    }
}

impl fmt::Debug for ExtraHeaders<'_> {
    // Values hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Checks whether this header may follow those of the handshake.
pub(crate) fn check(index: usize, name: &str, value: &str) -> Result<(), ExtraHeaderError> {
    if !is_token(name.as_bytes()) {
        return Err(ExtraHeaderError::Name { index });
    }
    if is_reserved(name) {
        return Err(ExtraHeaderError::Reserved { index });
    }
    // RFC 9110, 5.5: no CR, LF or NUL.
    match value.bytes().position(|byte| !is_field_value_byte(byte)) {
        Some(offset) => Err(ExtraHeaderError::Value { index, offset }),
        None => Ok(()),
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
        || name
            .get(..RESERVED_PREFIX.len())
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED_PREFIX))
}

/// A header that the caller wants to add cannot be sent. `index` is its place among the headers
/// that the caller adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtraHeaderError {
    /// The name is not a token.
    Name {
        /// The index of the header.
        index: usize,
    },
    /// The name belongs to the handshake, or would change how the message is read.
    Reserved {
        /// The index of the header.
        index: usize,
    },
    /// The value holds a control character.
    Value {
        /// The index of the header.
        index: usize,
        /// The position in the value, in bytes.
        offset: usize,
    },
}

impl fmt::Display for ExtraHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { index } => write!(f, "the name of extra header {index} is not a token"),
            Self::Reserved { index } => {
                write!(f, "the name of extra header {index} belongs to the handshake itself")
            }
            Self::Value { index, offset } => write!(
                f,
                "the value of extra header {index} has a control character at offset {offset}"
            ),
        }
    }
}

impl core::error::Error for ExtraHeaderError {}
