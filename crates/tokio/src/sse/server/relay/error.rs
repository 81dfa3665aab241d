//! The error of a relayed stream: [`RelayError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The reason why a [`Relay`](super::Relay) was cut.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RelayError<E> {
    /// The upstream broke off.
    Upstream(E),
    /// The upstream ended inside an event.
    CutEvent {
        /// The number of bytes of the event that were passed on.
        len: u64,
    },
    /// The upstream did not respond, and the client was already told to expect a stream (see
    /// [`Relay::response_within`](super::Relay::response_within)).
    Request(Arc<dyn Error + Send + Sync>),
}

impl<E> fmt::Display for RelayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(_) => f.write_str("the upstream of the event stream broke off"),
            Self::CutEvent { len } => {
                write!(f, "the upstream of the event stream ended inside an event, {len} bytes in")
            }
            Self::Request(_) => f.write_str("the upstream of the event stream did not answer"),
        }
    }
}

impl<E: Error + 'static> Error for RelayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Upstream(error) => Some(error),
            Self::CutEvent { .. } => None,
            Self::Request(error) => Some(&**error),
        }
    }
}
