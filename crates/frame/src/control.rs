//! The payload of a control frame: at most 125 bytes, so it is a small value and borrows nothing.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

/// The payload of a Ping, Pong or Close frame: 0 to 125 bytes, held inline.
///
/// RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less".
///
/// ```
/// use tidings_frame::ControlPayload;
///
/// let payload = ControlPayload::new(b"are you there?")?;
/// assert_eq!(payload.as_bytes(), b"are you there?");
/// assert!(ControlPayload::new(&[0; 126]).is_err());
/// # Ok::<(), tidings_frame::ControlPayloadTooLong>(())
/// ```
#[derive(Clone, Copy)]
pub struct ControlPayload {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl ControlPayload {
    /// The most bytes that a control frame carries.
    pub const MAX_LEN: usize = 125;

    /// No payload.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX_LEN], len: 0 };

    /// Copies up to 125 bytes.
    ///
    /// # Errors
    /// [`ControlPayloadTooLong`] for more than 125 bytes.
    pub fn new(payload: &[u8]) -> Result<Self, ControlPayloadTooLong> {
        let mut new = Self::EMPTY;
        if new.append(payload) == payload.len() {
            Ok(new)
        } else {
            Err(ControlPayloadTooLong { len: payload.len() })
        }
    }

    /// Appends as much of `bytes` as fits and returns its length.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let len = usize::from(self.len);
        let mut taken = 0u8;
        for (to, from) in self.bytes.iter_mut().skip(len).zip(bytes) {
            *to = *from;
            taken += 1; // at most 125
        }
        self.len += taken; // `skip` leaves MAX_LEN - len places
        usize::from(taken)
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let bytes = self.bytes.get(..usize::from(self.len));
        debug_assert!(bytes.is_some(), "{} bytes", self.len);
        bytes.unwrap_or_default()
    }

    /// Its length in bytes, 0 to 125.
    #[must_use]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for ControlPayload {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl AsRef<[u8]> for ControlPayload {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ControlPayload {}

impl PartialOrd for ControlPayload {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ControlPayload {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for ControlPayload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl TryFrom<&[u8]> for ControlPayload {
    type Error = ControlPayloadTooLong;

    fn try_from(payload: &[u8]) -> Result<Self, ControlPayloadTooLong> {
        Self::new(payload)
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlPayload({})", self.as_bytes().escape_ascii())
    }
}

/// The caller gave a control frame more than 125 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPayloadTooLong {
    /// The length that was given.
    pub len: usize,
}

impl fmt::Display for ControlPayloadTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a control frame carries at most 125 bytes (RFC 6455, 5.5), got {}", self.len)
    }
}

impl core::error::Error for ControlPayloadTooLong {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    /// W-082: 125 bytes fit, 126 do not.
    #[test]
    fn the_125th_byte_is_the_last() {
        let bytes = [b'x'; 126];
        for len in 0..=125 {
            assert_eq!(ControlPayload::new(&bytes[..len]).unwrap().as_bytes(), &bytes[..len]);
        }
        let error = ControlPayload::new(&bytes).unwrap_err();
        assert_eq!(error, ControlPayloadTooLong { len: 126 });
        let shown = "a control frame carries at most 125 bytes (RFC 6455, 5.5), got 126";
        assert_eq!(error.to_string(), shown);
    }

    #[test]
    fn payloads_are_equal_where_their_bytes_are() {
        let payload = |bytes| ControlPayload::new(bytes).unwrap();
        assert_eq!(payload(b"ab"), payload(b"ab"));
        assert_ne!(payload(b"ab"), payload(b"ac"));
        // Bytes after the payload do not count.
        assert_ne!(payload(b"a"), payload(b"a\0"));
        assert_eq!(ControlPayload::default(), payload(b""));
        assert_eq!(payload(b"ab").as_ref(), b"ab");
        assert!(payload(b"").is_empty() && !payload(b"\0").is_empty());
    }

    /// W-085: a payload comes from the peer, so a log shows it escaped.
    #[test]
    fn debug_output_is_escaped() {
        let payload = ControlPayload::new(b"a\r\n\xFF").unwrap();
        assert_eq!(format!("{payload:?}"), r"ControlPayload(a\r\n\xff)");
    }

    #[test]
    fn append_takes_what_fits() {
        let mut payload = ControlPayload::new(&[1; 120]).unwrap();
        assert_eq!(payload.append(&[2; 10]), 5);
        assert_eq!(payload.append(&[3]), 0);
        assert_eq!(payload.len(), 125);
        assert_eq!(payload.as_bytes()[119..], [1, 2, 2, 2, 2, 2]);
    }
}
