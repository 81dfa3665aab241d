//! Why a relayed stream was cut: [`RelayError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [`Relay`](super::Relay) was cut.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RelayError<E> {
    /// The upstream broke off.
    Upstream(E),
    /// The upstream ended inside an event.
    CutEvent {
        /// How many bytes of the event were passed on.
        len: u64,
    },
    /// There was no response from the upstream, and the client was already told to expect one (see
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
