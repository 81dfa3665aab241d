//! The state of an event source: [`State`], and the three states of the standard.

use tidings_time::Timestamp;

use super::{Config, GiveUp};

/// The state of an [`EventSource`](super::EventSource). The numbers are those of the standard's
/// `readyState` (WHATWG HTML 9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// An attempt is under way, or will be.
    Connecting = 0,
    /// There is a stream.
    Open = 1,
    /// There will be none any more.
    Closed = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// For the next attempt, which is due at this time.
    Waiting { until: Timestamp },
    /// For the response to a request that was sent, or sent on, at this time.
    Requesting { since: Timestamp, redirects: u32 },
    /// Open since then; the last byte came then, if there was one.
    Open { since: Timestamp, heard: Timestamp, has_spoken: bool },
    /// For good.
    Closed(GiveUp),
}

impl State {
    pub(super) const fn ready_state(self) -> ReadyState {
        match self {
            Self::Waiting { .. } | Self::Requesting { .. } => ReadyState::Connecting,
            Self::Open { .. } => ReadyState::Open,
            Self::Closed(_) => ReadyState::Closed,
        }
    }

    /// Returns the time at which the state ends by itself. A deadline that the clock cannot reach
    /// counts as none.
    pub(super) fn deadline(self, config: &Config) -> Option<Timestamp> {
        let deadline = match self {
            Self::Waiting { until } => until,
            Self::Requesting { since, .. } => since.after(config.response_timeout),
            Self::Open { heard, .. } => heard.after(config.idle_timeout),
            Self::Closed(_) => return None,
        };
        (deadline < Timestamp::from_epoch(Config::NEVER)).then_some(deadline)
    }
}
