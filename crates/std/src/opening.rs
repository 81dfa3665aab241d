//! Drives a handshake over a stream: [`drive`].

use std::io::{self, Read as _, Write as _};

use tidings_endpoint::opening::{Handshake, Io};

use crate::deadline::{Bounded, Deadline};
use crate::transport::Transport;

/// Does the operations of the handshake until it is over. The time comes from the clock of
/// `deadline`.
pub(crate) fn drive<S, H>(stream: &mut S, handshake: &mut H, deadline: Deadline)
where
    S: Transport,
    H: Handshake,
{
    while let Some((io, until)) = handshake.next_io(deadline.now()) {
        let mut stream = Bounded::until(stream, deadline, until);
        let result = match io {
            Io::Read(room) => stream.read(room),
            Io::Write(bytes) => stream.write(bytes),
            Io::Flush => stream.flush().map(|()| 0),
            Io::ShutDown => stream.shut_down().map(|()| 0),
        };
        let is_late = matches!(&result, Err(error) if error.kind() == io::ErrorKind::TimedOut)
            && until <= deadline.now();
        // The handshake sees by the clock that the time is over.
        if !is_late {
            handshake.completed(result);
        }
    }
}
