//! Subprotocols (RFC 6455, 1.9): the client's list, and the choice of one of them.

use core::fmt;

use crate::headers::{HeaderValues, Headers};
use crate::token::{is_token, trim};

pub(crate) const HEADER: &str = "Sec-WebSocket-Protocol";

/// The number of subprotocols that a request may offer: they are compared with each other.
pub const MAX_SUBPROTOCOLS: usize = 64;

/// The subprotocols that a client offers, in its order of preference, over all header lines.
#[derive(Debug)]
pub struct Subprotocols<'a> {
    lines: HeaderValues<'a, 'static>,
    rest: &'a [u8],
}

impl<'a> Subprotocols<'a> {
    pub(crate) fn of(headers: Headers<'a>) -> Self {
        Self { lines: headers.get_all(HEADER), rest: &[] }
    }

    /// The next element, which may be no token.
    fn next_element(&mut self) -> Option<&'a [u8]> {
        loop {
            while self.rest.is_empty() {
                self.rest = self.lines.next()?;
            }
            let mut parts = self.rest.splitn(2, |byte| *byte == b',');
            let element = trim(parts.next().unwrap_or_default());
            self.rest = parts.next().unwrap_or_default();
            // RFC 9110, 5.6.1.2: empty elements do not count.
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

impl<'a> Iterator for Subprotocols<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let element = self.next_element()?;
        debug_assert!(is_token(element), "the list was checked before");
        core::str::from_utf8(element).ok()
    }
}

/// RFC 6455, 4.1 item 10: one or more tokens, all different.
pub(crate) fn check_offer(headers: Headers<'_>) -> Result<(), SubprotocolError> {
    if headers.get(HEADER).is_none() {
        return Ok(());
    }
    let mut seen: [&[u8]; MAX_SUBPROTOCOLS] = [&[]; MAX_SUBPROTOCOLS];
    let mut count = 0;
    let mut elements = Subprotocols::of(headers);
    while let Some(element) = elements.next_element() {
        if !is_token(element) {
            return Err(SubprotocolError::NotToken { index: count });
        }
        if seen.iter().take(count).any(|other| *other == element) {
            return Err(SubprotocolError::Repeated { index: count });
        }
        *seen.get_mut(count).ok_or(SubprotocolError::TooMany)? = element;
        count += 1;
    }
    if count == 0 { Err(SubprotocolError::Empty) } else { Ok(()) }
}

/// The same rule for a client's offer.
pub(crate) fn check_list(subprotocols: &[&str]) -> Result<(), SubprotocolError> {
    for (index, subprotocol) in subprotocols.iter().enumerate() {
        if !is_token(subprotocol.as_bytes()) {
            return Err(SubprotocolError::NotToken { index });
        }
        if subprotocols.iter().take(index).any(|other| other == subprotocol) {
            return Err(SubprotocolError::Repeated { index });
        }
        if index >= MAX_SUBPROTOCOLS {
            return Err(SubprotocolError::TooMany);
        }
    }
    Ok(())
}

/// A list of subprotocols breaks RFC 6455, 4.1 item 10. `index` is a place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubprotocolError {
    /// The header is there and names nothing.
    Empty,
    /// An element is not a token.
    NotToken {
        /// The index of the element.
        index: usize,
    },
    /// An element stands there a second time.
    Repeated {
        /// The index of the element.
        index: usize,
    },
    /// There are more than [`MAX_SUBPROTOCOLS`].
    TooMany,
}

impl fmt::Display for SubprotocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the list of subprotocols is empty"),
            Self::NotToken { index } => write!(f, "subprotocol {index} is not a token"),
            Self::Repeated { index } => write!(f, "subprotocol {index} is listed twice"),
            Self::TooMany => write!(f, "there are more than {MAX_SUBPROTOCOLS} subprotocols"),
        }
    }
}

impl core::error::Error for SubprotocolError {}

#[cfg(test)]
mod tests;
