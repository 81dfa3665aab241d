//! The reason why a client has no connection, and whether it tries again: [`Disconnect`].

use std::fmt;

use tidings_reconnect::{GiveUp, Next, Reason, Reconnect, Timestamp};
use tidings_websocket::CloseStatus;

use crate::error::Error;
use crate::opening::retry_after::retry_after;
use crate::random::random_u64;

/// The reason why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// It failed, or could not be opened.
    Error(Error),
    /// The server closed it.
    Closed(CloseStatus),
}

impl Disconnect {
    /// Returns its meaning for another attempt, if the fault is not the caller's.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Error(error) => error.into(),
            Self::Closed(CloseStatus::Missing) => Reason::Disconnected,
            Self::Closed(close) => Reason::Closed(close.code()),
        }
    }

    /// Returns whether the fault is in the caller's request: another attempt would ask the same.
    #[must_use]
    pub const fn is_user(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_user())
    }

    /// Returns the next step, after the attempts that `reconnect` remembers. `now` is the time on
    /// its clock.
    pub fn next(&self, reconnect: &mut Reconnect, now: Timestamp) -> Next {
        let next = if self.is_user() {
            Next::GiveUp(GiveUp::Forbidden)
        } else {
            reconnect.failed(now, self.reason(), random_u64())
        };
        crate::trace::retry(next);
        next
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Closed(close) => write!(f, "the server closed: {close}"),
        }
    }
}

/// The meaning of a client's error for another attempt. Check [`Error::is_user`] first: another
/// attempt does not correct a mistake of the caller.
impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        match error {
            Error::Declined(declined) => {
                let mut headers = declined.headers.iter();
                let retry_after = headers
                    .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                    .and_then(|(_, value)| retry_after(value));
                Self::Refused { status: declined.status, retry_after }
            }
            Error::Proxy { status, .. } => Self::Refused { status: *status, retry_after: None },
            _ => Self::Disconnected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidings_handshake::UriError;
    use tidings_reconnect::Policy;
    use tidings_websocket::frame::{CloseCode, CloseFrame};

    use super::*;
    use crate::error::Declined;
    use crate::opening::HandshakeTimeout;

    fn declined(status: u16, headers: &[(&str, &str)]) -> Error {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Error::Declined(Box::new(Declined {
            status,
            reason: String::new(),
            headers: headers.iter().map(owned).collect(),
            body_start: Vec::new(),
        }))
    }

    #[test]
    fn each_way_to_have_no_connection_has_its_reason() {
        let two_minutes = Some(Duration::from_secs(120));
        let going_away = CloseStatus::Frame(CloseFrame::new(CloseCode::GOING_AWAY, "bye"));
        for (disconnect, reason) in [
            (Disconnect::Closed(CloseStatus::Missing), Reason::Disconnected),
            (Disconnect::Closed(CloseStatus::Empty), Reason::Closed(1005)),
            (Disconnect::Closed(going_away), Reason::Closed(1001)),
            (Disconnect::Error(std::io::Error::other("x").into()), Reason::Disconnected),
            (Disconnect::Error(HandshakeTimeout::new(Duration::ZERO).into()), Reason::Disconnected),
            (
                Disconnect::Error(Error::Proxy {
                    proxy: "p:1".into(),
                    status: 407,
                    challenge: None,
                }),
                Reason::Refused { status: 407, retry_after: None },
            ),
            (
                Disconnect::Error(declined(503, &[("X", "1"), ("retry-AFTER", "120")])),
                Reason::Refused { status: 503, retry_after: two_minutes },
            ),
            (
                Disconnect::Error(declined(404, &[("Retry-After", "soon")])),
                Reason::Refused { status: 404, retry_after: None },
            ),
        ] {
            assert_eq!(disconnect.reason(), reason, "{disconnect}");
            assert!(!disconnect.is_user());
        }
    }

    #[test]
    fn what_the_caller_got_wrong_is_not_tried_again() {
        let mut reconnect = Reconnect::new(Policy::websocket());
        let disconnect = Disconnect::Error(Error::Uri(UriError::Scheme));
        let next = disconnect.next(&mut reconnect, Timestamp::default());
        assert_eq!(next, Next::GiveUp(GiveUp::Forbidden));
        let disconnect = Disconnect::Closed(CloseStatus::Missing);
        let next = disconnect.next(&mut reconnect, Timestamp::default());
        assert!(matches!(next, Next::Wait(_)), "{next:?}");
        assert_eq!(reconnect.failures(), 1);
    }
}
