//! The ID after which a reconnecting client wants to resume: [`LastEventId`].

use std::error::Error;
use std::fmt;

use http::{HeaderMap, Response, StatusCode};
use tidings_sse::{EventId, InvalidField};

/// The value of a client's `Last-Event-ID` header (WHATWG HTML 9.2.4). It comes from the client,
/// has a bounded length, and is a valid event ID; whether there ever was such an event is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LastEventId(Box<str>);

impl LastEventId {
    /// The default limit for the length of an ID, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Reads the header of a request. Returns `None` if there is no such header, or if it is empty:
    /// some clients send an empty one while they have no ID.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    /// use tidings_endpoint::event_sink::LastEventId;
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(LastEventId::from_headers(&headers), Ok(None));
    /// headers.insert("last-event-id", HeaderValue::from_bytes("…7".as_bytes()).unwrap());
    /// let id = LastEventId::from_headers(&headers).unwrap().unwrap();
    /// assert_eq!(id.as_str(), "…7");
    /// ```
    ///
    /// # Errors
    /// The value is invalid; [`LastEventIdError::response`] is an answer for the client.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, LastEventIdError> {
        Self::from_headers_within(headers, Self::MAX_LEN)
    }

    /// Reads the header, with a limit to the ID's length in bytes.
    ///
    /// # Errors
    /// As for [`from_headers`](Self::from_headers).
    pub fn from_headers_within(
        headers: &HeaderMap,
        max_len: usize,
    ) -> Result<Option<Self>, LastEventIdError> {
        let values = headers.get_all("last-event-id").iter();
        let mut values = values.filter(|value| !value.is_empty());
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(LastEventIdError::Repeated);
        }
        Self::from_bytes(value.as_bytes(), max_len)
    }

    /// Checks an ID from another source, such as the decoded value of a query parameter. An empty
    /// one counts as none, as in a header.
    ///
    /// ```
    /// use tidings_endpoint::event_sink::LastEventId;
    ///
    /// let id = LastEventId::from_bytes(b"7", LastEventId::MAX_LEN)?;
    /// assert_eq!(id.as_ref().map(LastEventId::as_str), Some("7"));
    /// assert_eq!(LastEventId::from_bytes(b"", LastEventId::MAX_LEN)?, None);
    /// # Ok::<(), tidings_endpoint::event_sink::LastEventIdError>(())
    /// ```
    ///
    /// # Errors
    /// All of [`LastEventIdError`] but `Repeated`.
    pub fn from_bytes(id: &[u8], max_len: usize) -> Result<Option<Self>, LastEventIdError> {
        // WHATWG HTML 9.2.4: a client without an ID sends no header. The empty string is the last
        // event ID of a client that has seen none (9.2.6), so a header that says so says the same.
        if id.is_empty() {
            return Ok(None);
        }
        if id.len() > max_len {
            return Err(LastEventIdError::TooLong { len: id.len(), max_len });
        }
        // The header's value is the ID in UTF-8, not limited to ASCII.
        let text = std::str::from_utf8(id)
            .map_err(|error| LastEventIdError::NotUtf8 { at: error.valid_up_to() })?;
        let id = EventId::new(text).map_err(LastEventIdError::Illegal)?;
        Ok(Some(Self(id.as_str().into())))
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reason why a `Last-Event-ID` is not valid. The client is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastEventIdError {
    /// There is more than one header.
    Repeated,
    /// It is longer than the limit.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max_len: usize,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// The place of the first byte that is not.
        at: usize,
    },
    /// No event can have this ID.
    Illegal(InvalidField),
}

impl LastEventIdError {
    /// An answer: 400, with the error as its text. A client then gives up.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(self.to_string());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }
}

impl fmt::Display for LastEventIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated => f.write_str("the request has more than one Last-Event-ID header"),
            Self::TooLong { len, max_len } => write!(
                f,
                "the Last-Event-ID is {len} bytes long, which is over the limit of {max_len}"
            ),
            Self::NotUtf8 { at } => write!(f, "the Last-Event-ID is not UTF-8 at byte {at}"),
            Self::Illegal(error) => write!(f, "no event can have this Last-Event-ID: {error}"),
        }
    }
}

/// The text of a cause is in its own: it goes to the client as one line.
impl Error for LastEventIdError {}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(values: &[&[u8]]) -> Result<Option<String>, LastEventIdError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("Last-Event-ID", HeaderValue::from_bytes(value).unwrap());
        }
        LastEventId::from_headers(&headers).map(|id| id.map(|id| id.as_str().to_owned()))
    }

    #[test]
    fn an_id_is_utf8_and_not_just_ascii() {
        for id in ["1", "\u{2026}", "a b, c", "\u{A0}", "🎈", "a\tb"] {
            assert_eq!(read(&[id.as_bytes()]), Ok(Some(id.to_owned())));
        }
        assert_eq!(read(&[]), Ok(None));
    }

    /// Clients without an ID should send no header; some send an empty one and give up after a 400.
    #[test]
    fn an_empty_id_counts_as_absent() {
        assert_eq!(read(&[b""]), Ok(None));
        assert_eq!(read(&[b"", b""]), Ok(None));
        assert_eq!(read(&[b"", b"7"]), Ok(Some("7".to_owned())));
        assert_eq!(LastEventId::from_bytes(b"", 9), Ok(None));
    }

    #[test]
    fn each_fault_is_told() {
        use LastEventIdError as E;
        assert_eq!(read(&[b"1", b"2"]), Err(E::Repeated));
        assert_eq!(read(&[b"ab\xE2\x80"]), Err(E::NotUtf8 { at: 2 }));
        assert!(read(&[&[b'x'; 1024]]).is_ok());
        assert_eq!(read(&[&[b'x'; 1025]]), Err(E::TooLong { len: 1025, max_len: 1024 }));
        // http lets none of these into a header; another way may.
        assert_eq!(
            LastEventId::from_bytes(b"a\0", 9),
            Err(E::Illegal(InvalidField::Nul { at: 1 }))
        );
        for line_break in [b"a\r", b"a\n"] {
            let fault = E::Illegal(InvalidField::LineBreak { at: 1 });
            assert_eq!(LastEventId::from_bytes(line_break, 9), Err(fault));
        }
        let response = E::NotUtf8 { at: 2 }.response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.body(), "the Last-Event-ID is not UTF-8 at byte 2");
    }
}
