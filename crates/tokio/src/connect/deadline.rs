//! The one deadline of a connection in the making: [`Deadline`].

use std::time::Duration;

use tidings_endpoint::Error;
use tokio::time::{Instant, timeout_at};

/// When there must be a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    limit: Duration,
    /// `None`: so far away that it can't be told.
    at: Option<Instant>,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit, at: Instant::now().checked_add(limit) }
    }

    /// What `work` comes to, or the error that there was no time for it.
    pub(super) async fn bound<T>(
        self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.try_bound(work).await.unwrap_or(Err(Error::HandshakeTimeout(self.limit)))
    }

    /// What `work` comes to if there is time for it.
    pub(super) async fn try_bound<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.at {
            Some(at) => timeout_at(at, work).await.ok(),
            None => Some(work.await),
        }
    }
}
