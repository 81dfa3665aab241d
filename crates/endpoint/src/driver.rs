//! What an adapter brings: [`Driver`].

use std::io::{self, IoSlice};
use std::task::Poll;

use tidings_websocket::Timestamp;

/// A transport and a clock, as a [`Session`](crate::Session) needs them.
///
/// `Pending` means "not now". An async driver has then arranged to be woken; a blocking one has
/// waited as long as it does, or has a transport that does not wait. No method answers with the
/// errors `WouldBlock` or `Interrupted`.
pub trait Driver {
    /// Reads what has come; `Ok(0)` is the end. Who blocks, blocks until `until` at most.
    ///
    /// # Errors
    /// The transport has failed.
    fn read(&mut self, buffer: &mut [u8], until: Option<Timestamp>) -> Poll<io::Result<usize>>;

    /// Writes some of these slices, which are not empty. Who blocks, blocks for a moment only: the
    /// peer may take nothing before its own bytes were read.
    ///
    /// # Errors
    /// The transport has failed.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Sends what the transport holds back.
    ///
    /// # Errors
    /// The transport has failed.
    fn flush(&mut self) -> Poll<io::Result<()>>;

    /// Ends our side of the transport.
    ///
    /// # Errors
    /// The transport has failed.
    fn shut_down(&mut self) -> Poll<io::Result<()>>;

    /// The time since the session began.
    fn now(&self) -> Timestamp;

    /// Called after a method has said `Pending`: ready when it may be tried again or the time has
    /// come, which is never if there is none.
    fn wait(&mut self, until: Option<Timestamp>) -> Poll<()>;
}
