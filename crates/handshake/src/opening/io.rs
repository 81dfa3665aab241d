//! The requests of a machine to its driver: [`Step`], [`Io`].

use core::fmt;

/// The next step.
#[derive(Debug)]
#[must_use]
pub enum Step<'b> {
    /// Do this, and report the result.
    Io(Io<'b>),
    /// A head has arrived, or bytes that cannot be one: answer the request, or check the response.
    Head,
    /// The handshake is over.
    Done,
}

/// An operation on the transport.
#[must_use]
pub enum Io<'b> {
    /// Write some of these bytes, which are not empty.
    Write(&'b [u8]),
    /// Flush the transport.
    Flush,
    /// Read some bytes into this room, which is not empty; 0 is the end.
    Read(&'b mut [u8]),
    /// End the writing side. A transport that cannot do this alone reports an error.
    ShutDown,
}

impl fmt::Debug for Io<'_> {
    // The bytes hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(bytes) => write!(f, "Write({} bytes)", bytes.len()),
            Self::Flush => f.write_str("Flush"),
            Self::Read(room) => write!(f, "Read({} bytes)", room.len()),
            Self::ShutDown => f.write_str("ShutDown"),
        }
    }
}
