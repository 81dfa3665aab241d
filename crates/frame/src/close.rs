//! The reason for closing a connection (RFC 6455, 5.5.1 and 7.4): codes that may be in a Close
//! frame, reasons that fit into one, and the frame's payload as a value, [`CloseFrame`].

use core::fmt;
use core::str;

use crate::control::ControlPayload;
use crate::utf8::InvalidUtf8;

/// A status code that may be sent in a Close frame.
///
/// 0 to 999 are not used; 1004 is reserved; 1005, 1006 and 1015 "MUST NOT be set as a status code
/// in a Close control frame" (RFC 6455, 7.4.1); 1016 to 2999 are not registered; nothing is
/// defined from 5000 up. None of these can be represented.
///
/// ```
/// use tidings_frame::CloseCode;
///
/// let code: CloseCode = 1000.try_into()?;
/// assert_eq!(code, CloseCode::NORMAL);
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(1006), None);
/// assert_eq!(CloseCode::new(4001).unwrap().to_string(), "4001");
/// # Ok::<(), tidings_frame::InvalidCloseCode>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away: a server shuts down, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the peer sent a type of data that the endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data did not fit the message's type, for example text that is not UTF-8.
    pub const INVALID_PAYLOAD_DATA: Self = Self(1007);
    /// 1008: the peer broke the endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message was too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not negotiate an extension that the client needs. Only clients send
    /// it.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition on the server.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts; reconnect after a random delay.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from its upstream server.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code that the API reports when a Close frame had no code (RFC 6455, 7.1.5). Never on the
    /// wire.
    pub const NO_STATUS_RECEIVED: u16 = 1005;
    /// The code that the API reports when there was no Close frame at all (RFC 6455, 7.1.5). Never
    /// on the wire.
    pub const ABNORMAL_CLOSURE: u16 = 1006;

    /// The code with this number, `None` if it must not be on the wire.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The code's number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns who may define the meaning of the code.
    #[must_use]
    pub const fn range(self) -> CloseCodeRange {
        match self.0 {
            ..3000 => CloseCodeRange::Protocol,
            3000..4000 => CloseCodeRange::Registered,
            _ => CloseCodeRange::Private,
        }
    }

    /// Returns whether an application may choose the code: 1000 and 3000 to 4999, as in browsers.
    /// The others describe the protocol's state, which the endpoint itself has to know.
    #[must_use]
    pub const fn is_for_applications(self) -> bool {
        matches!(self.0, 1000 | 3000..=4999)
    }

    /// The code's name, empty for 3000 and up.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => "",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "" => write!(f, "{}", self.0),
            name => write!(f, "{} ({name})", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({self})")
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code).ok_or(InvalidCloseCode { code })
    }
}

/// The number is not a close code that may be sent; see [`CloseCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidCloseCode {
    /// The number.
    pub code: u16,
}

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the close code {} must not be sent (RFC 6455, 7.4)", self.code)
    }
}

impl core::error::Error for InvalidCloseCode {}

/// The authority that defines the meaning of a [`CloseCode`] (RFC 6455, 7.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseCodeRange {
    /// 1000 to 2999: the protocol, its extensions and revisions.
    Protocol,
    /// 3000 to 3999: libraries and frameworks, registered with IANA.
    Registered,
    /// 4000 to 4999: private use between two applications.
    Private,
}

/// The reason in a Close frame: up to 123 bytes of UTF-8, held inline.
///
/// It comes from the peer and is "not necessarily human readable" (RFC 6455, 5.5.1): do not show
/// it to end users, and escape it in logs.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseReason {
    text: ControlPayload,
}

impl CloseReason {
    /// The most bytes of text beside the code.
    pub const MAX_LEN: usize = ControlPayload::MAX_LEN - 2;

    /// No reason.
    pub const EMPTY: Self = Self { text: ControlPayload::EMPTY };

    /// The reason with this text, cut after the last whole character that fits.
    ///
    /// ```
    /// use tidings_frame::CloseReason;
    ///
    /// assert_eq!(CloseReason::truncated("bye").as_str(), "bye");
    /// assert_eq!(CloseReason::truncated(&"é".repeat(99)).as_str(), "é".repeat(61));
    /// ```
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        let mut reason = Self::EMPTY;
        let mut room = Self::MAX_LEN;
        for character in text.chars() {
            let mut utf8 = [0; 4];
            let bytes = character.encode_utf8(&mut utf8).as_bytes();
            match room.checked_sub(bytes.len()) {
                Some(left) => room = left,
                None => break,
            }
            reason.text.append(bytes);
        }
        reason
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The text was valid when it was stored.
        let text = str::from_utf8(self.text.as_bytes());
        debug_assert!(text.is_ok(), "{text:?}");
        text.unwrap_or_default()
    }
}

impl AsRef<str> for CloseReason {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for CloseReason {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for CloseReason {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The content of a Close frame with a payload: a code and a reason.
///
/// ```
/// use tidings_frame::{CloseCode, CloseFrame};
///
/// let close = CloseFrame::new(CloseCode::NORMAL, "done");
/// let payload = close.to_payload();
/// assert_eq!(payload.as_bytes(), b"\x03\xE8done");
/// assert_eq!(CloseFrame::parse(&payload), Ok(Some(close)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseFrame {
    /// The status code.
    pub code: CloseCode,
    /// The reason; may be empty.
    pub reason: CloseReason,
}

impl CloseFrame {
    /// A code and a reason; the reason is cut to 123 bytes at a character boundary.
    #[must_use]
    pub fn new(code: CloseCode, reason: &str) -> Self {
        Self { code, reason: CloseReason::truncated(reason) }
    }

    /// Reads the payload of a Close frame; `None` if it is empty, which is legal.
    ///
    /// # Errors
    /// [`CloseFrameError`] names the rule of RFC 6455, 5.5.1 or 7.4 that the peer broke.
    pub fn parse(payload: &ControlPayload) -> Result<Option<Self>, CloseFrameError> {
        let (code, reason) = match payload.as_bytes() {
            [] => return Ok(None),
            // 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte
            // unsigned integer".
            [_] => return Err(CloseFrameError::CutCode),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let code = CloseCode::new(code).ok_or(CloseFrameError::IllegalCode { code })?;
        // 5.5.1: "the body MAY contain UTF-8-encoded data".
        if let Err(error) = str::from_utf8(reason) {
            let offset = error.valid_up_to() as u64;
            return Err(CloseFrameError::ReasonNotUtf8(InvalidUtf8 { offset }));
        }
        let mut text = ControlPayload::EMPTY;
        text.append(reason); // fits: two bytes of a control payload are gone
        Ok(Some(Self { code, reason: CloseReason { text } }))
    }

    /// Returns the payload of a Close frame with this content.
    #[must_use]
    pub fn to_payload(&self) -> ControlPayload {
        let mut payload = ControlPayload::EMPTY;
        payload.append(&self.code.get().to_be_bytes());
        payload.append(self.reason.text.as_bytes());
        payload
    }
}

/// The code without a reason.
impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: CloseReason::EMPTY }
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{}", self.code),
            // Untrusted text: escaped, so that it cannot forge a line of a log.
            reason => write!(f, "{}: {}", self.code, reason.escape_debug()),
        }
    }
}

/// The peer's Close frame has a payload that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseFrameError {
    /// The payload is a single byte, half a code.
    CutCode,
    /// The code must not be on the wire.
    IllegalCode {
        /// The code that was sent.
        code: u16,
    },
    /// The reason is not UTF-8.
    ReasonNotUtf8(InvalidUtf8),
}

impl CloseFrameError {
    /// The code to fail the connection with: 1007 for text that is not UTF-8, else 1002.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::CutCode | Self::IllegalCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::ReasonNotUtf8(_) => CloseCode::INVALID_PAYLOAD_DATA,
        }
    }
}

impl fmt::Display for CloseFrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutCode => f.write_str("a Close frame's payload is 1 byte (RFC 6455, 5.5.1)"),
            Self::IllegalCode { code } => InvalidCloseCode { code: *code }.fmt(f),
            Self::ReasonNotUtf8(error) => write!(f, "the reason of a Close frame: {error}"),
        }
    }
}

impl core::error::Error for CloseFrameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    /// W-115, W-116, W-118: all 65,536 codes, by the text of 7.4.
    #[test]
    fn every_code_is_legal_or_not() {
        for code in 0..=u16::MAX {
            let legal = match code {
                0..=999 => false,
                1004 | 1005 | 1006 | 1015 => false,
                1000..=1014 => true,
                1016..=2999 => false,
                3000..=4999 => true,
                5000.. => false,
            };
            assert_eq!(CloseCode::new(code).is_some(), legal, "{code}");
            if let Some(close_code) = CloseCode::new(code) {
                assert_eq!(close_code.get(), code);
                assert_eq!(u16::from(close_code), code);
                assert_eq!(CloseCode::try_from(code), Ok(close_code));
                assert_eq!(CloseFrame::from(close_code), CloseFrame::new(close_code, ""));
                assert_eq!(close_code.range() == CloseCodeRange::Protocol, code < 3000);
                assert_eq!(close_code.range() == CloseCodeRange::Private, code >= 4000);
                assert_eq!(close_code.is_for_applications(), code == 1000 || code >= 3000);
                assert_eq!(close_code.name().is_empty(), code >= 3000);
            }
        }
    }

    /// RFC 6455, 7.4.1 and 11.7, and IANA for 1012 to 1014.
    #[test]
    fn a_code_is_shown_with_its_name() {
        for (code, shown) in [
            (1000, "1000 (normal closure)"),
            (1001, "1001 (going away)"),
            (1002, "1002 (protocol error)"),
            (1003, "1003 (unsupported data)"),
            (1007, "1007 (invalid payload data)"),
            (1008, "1008 (policy violation)"),
            (1009, "1009 (message too big)"),
            (1010, "1010 (mandatory extension)"),
            (1011, "1011 (internal error)"),
            (1012, "1012 (service restart)"),
            (1013, "1013 (try again later)"),
            (1014, "1014 (bad gateway)"),
            (3000, "3000"),
            (4999, "4999"),
        ] {
            let code = CloseCode::new(code).unwrap();
            assert_eq!(code.to_string(), shown);
            assert_eq!(format!("{code:?}"), format!("CloseCode({shown})"));
        }
    }

    /// W-083: a body is empty or at least two bytes.
    #[test]
    fn an_empty_body_is_legal_and_half_a_code_is_not() {
        assert_eq!(CloseFrame::parse(&ControlPayload::EMPTY), Ok(None));
        let half = ControlPayload::new(&[3]).unwrap();
        assert_eq!(CloseFrame::parse(&half), Err(CloseFrameError::CutCode));
        assert_eq!(CloseFrameError::CutCode.close_code(), CloseCode::PROTOCOL_ERROR);
    }

    /// W-116: a code that must not be sent is the peer's protocol error.
    #[test]
    fn an_illegal_code_is_named() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let payload = ControlPayload::new(&u16::to_be_bytes(code)).unwrap();
            let error = CloseFrame::parse(&payload).unwrap_err();
            assert_eq!(error, CloseFrameError::IllegalCode { code });
            assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
            let invalid = CloseCode::try_from(code).unwrap_err();
            assert_eq!(invalid, InvalidCloseCode { code });
            let shown = format!("the close code {code} must not be sent (RFC 6455, 7.4)");
            assert_eq!((error.to_string(), invalid.to_string()), (shown.clone(), shown));
        }
    }

    /// W-084: the reason is UTF-8, as received and as sent.
    #[test]
    fn a_reason_that_is_not_utf8_fails_with_1007() {
        let payload = ControlPayload::new(b"\x03\xE8ab\xC3(").unwrap();
        let error = CloseFrame::parse(&payload).unwrap_err();
        assert_eq!(error, CloseFrameError::ReasonNotUtf8(InvalidUtf8 { offset: 2 }));
        assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD_DATA);
    }

    /// W-084: a long reason is cut between characters, whatever their length.
    #[test]
    fn a_reason_is_cut_at_a_characters_boundary() {
        for (character, count) in [("x", 123), ("é", 61), ("漢", 41), ("😀", 30)] {
            for shift in ["", "a", "ab", "abc"] {
                let text = format!("{shift}{}", character.repeat(200));
                let reason = CloseReason::truncated(&text);
                let kept = reason.as_str();
                assert!(text.starts_with(kept));
                assert!(kept.len() + character.len() > CloseReason::MAX_LEN);
                assert!(kept.len() <= CloseReason::MAX_LEN);
                assert!(!shift.is_empty() || kept.chars().count() == count);
                let close = CloseFrame::new(CloseCode::NORMAL, &text);
                assert_eq!(CloseFrame::parse(&close.to_payload()), Ok(Some(close)));
            }
        }
    }

    /// W-083, W-084, W-116: each error shows the peer's fault and the broken rule.
    #[test]
    fn an_error_names_the_rule() {
        for (error, shown) in [
            (CloseFrameError::CutCode, "a Close frame's payload is 1 byte (RFC 6455, 5.5.1)"),
            (
                CloseFrameError::IllegalCode { code: 1005 },
                "the close code 1005 must not be sent (RFC 6455, 7.4)",
            ),
            (
                CloseFrameError::ReasonNotUtf8(InvalidUtf8 { offset: 2 }),
                "the reason of a Close frame: \
                 invalid UTF-8 at byte 2 of the text (RFC 6455, 8.1)",
            ),
        ] {
            assert_eq!(error.to_string(), shown);
        }
    }

    #[test]
    fn a_reason_is_shown_as_text_and_escaped_for_debugging() {
        let reason = CloseReason::truncated("über\n");
        assert_eq!(reason.to_string(), "über\n");
        assert_eq!(format!("{reason:>6}|"), " über\n|");
        assert_eq!(format!("{reason:?}"), r#""über\n""#);
    }

    /// W-085: the peer's text cannot forge a line where it is displayed.
    #[test]
    fn a_displayed_reason_is_escaped() {
        let close = CloseFrame::new(CloseCode::NORMAL, "a\r\nb\x1b[31m");
        assert_eq!(close.to_string(), "1000 (normal closure): a\\r\\nb\\u{1b}[31m");
        let close = CloseFrame::new(CloseCode::new(4242).unwrap(), "");
        assert_eq!(close.to_string(), "4242");
    }
}
