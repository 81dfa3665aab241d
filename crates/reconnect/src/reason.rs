//! The reason why there is no connection: [`Reason`], and its meaning for another attempt.

use core::time::Duration;

/// The reason why an attempt failed, or why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The network: the name did not resolve, nobody answered, the connection broke, the stream
    /// ended without a word (1006), the server did not answer in time.
    Disconnected,
    /// The stream ended cleanly, which is how some servers make their clients reconnect: nothing
    /// failed.
    Ended,
    /// The server answered the request with a status other than the expected one.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its `Retry-After`, see [`RetryAfter`](crate::RetryAfter).
        retry_after: Option<Duration>,
    },
    /// The server closed the WebSocket with this code; 1005 if its Close frame had none.
    Closed(u16),
}

impl Reason {
    /// Returns whether another attempt makes no sense, or is not welcome.
    #[must_use]
    pub const fn forbids_retry(&self) -> bool {
        match self {
            Self::Disconnected | Self::Ended => false,
            Self::Refused { status, .. } => match status {
                // WHATWG HTML, 9.2: "use the HTTP 204 No Content response code" to tell a client
                // "to stop reconnecting".
                204 => true,
                // The same request gets the same answer. The exceptions say "not now": 408
                // Request Timeout, 425 Too Early, 429 Too Many Requests.
                408 | 425 | 429 => false,
                _ => matches!(status, 300..=499),
            },
            // RFC 6455, 7.4.1. 1000: "the purpose for which the connection was established has been
            // fulfilled". 1008: this client is against the server's policy. 1010: an extension is
            // missing, and will be. The other errors that a server reports (1002, 1003, 1007, 1009)
            // were one message's fault: the next connection may not send it.
            Self::Closed(code) => matches!(code, 1000 | 1008 | 1010),
        }
    }

    /// Returns whether the server said that it is busy.
    pub(crate) const fn is_busy(&self) -> bool {
        match self {
            Self::Disconnected | Self::Ended => false,
            Self::Refused { status, .. } => matches!(status, 429 | 503),
            // RFC 6455, 11.7 registry: 1012 Service Restart, 1013 Try Again Later.
            Self::Closed(code) => matches!(code, 1012 | 1013),
        }
    }

    /// The time that the server itself has set.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_code_allows_or_forbids_a_retry() {
        for code in 0..=u16::MAX {
            let forbidden = [1000, 1008, 1010].contains(&code);
            assert_eq!(Reason::Closed(code).forbids_retry(), forbidden, "{code}");
            assert_eq!(Reason::Closed(code).is_busy(), [1012, 1013].contains(&code), "{code}");
        }
    }

    #[test]
    fn every_status_allows_or_forbids_a_retry() {
        let refused = |status| Reason::Refused { status, retry_after: None };
        for status in [100, 200, 408, 425, 429, 500, 502, 503, 504, 599, 999] {
            assert!(!refused(status).forbids_retry(), "{status}");
        }
        for status in [204, 300, 301, 307, 400, 401, 403, 404, 410, 426, 499] {
            assert!(refused(status).forbids_retry(), "{status}");
        }
    }
}
