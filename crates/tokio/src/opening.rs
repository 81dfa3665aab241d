//! Drives a handshake over a stream: [`drive`], by the time of a [`Clock`].

use std::future::Future;
use std::io;

use tidings_endpoint::Error;
use tidings_endpoint::opening::{Deadline, Handshake, Io, Phase, Route};
use tidings_websocket::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// The time since a handshake began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    /// Returns the result of `work`, if it finishes by then.
    pub(crate) async fn until<T>(self, at: Timestamp, work: impl Future<Output = T>) -> Option<T> {
        match self.epoch.checked_add(at.since_epoch()) {
            Some(at) => timeout_at(at, work).await.ok(),
            // Too far away to be represented.
            None => Some(work.await),
        }
    }

    /// Returns the result of a phase of connecting, or an error that names it.
    pub(crate) async fn within<T>(
        self,
        deadline: Deadline,
        (route, phase): (&Route<'_>, Phase),
        work: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Error> {
        match self.until(deadline.at(), work).await {
            Some(result) => result.map_err(|error| route.failed(phase, error)),
            None => Err(route.timed_out(phase, deadline)),
        }
    }
}

/// Does the operations of the handshake until it is over.
pub(crate) async fn drive<S, H>(stream: &mut S, handshake: &mut H, clock: Clock)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handshake,
{
    while let Some((io, until)) = handshake.next_io(clock.now()) {
        let operation = async {
            match io {
                Io::Read(room) => stream.read(room).await,
                Io::Write(bytes) => stream.write(bytes).await,
                Io::Flush => stream.flush().await.map(|()| 0),
                Io::ShutDown => stream.shutdown().await.map(|()| 0),
            }
        };
        // If it is not complete in time, the handshake sees so by the clock.
        if let Some(result) = clock.until(until, operation).await {
            handshake.completed(result);
        }
    }
}
