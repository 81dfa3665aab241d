//! The transport as `Read` and `Write`.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use super::{Answer, Call, FaultTransport};

impl FaultTransport {
    /// Ends the stream to the other side, as `TcpStream::shutdown` does it.
    ///
    /// # Errors
    /// The configured faults.
    pub fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        assert_eq!(how, Shutdown::Write, "only the sending side is shut down");
        result(self.call(Call::Shutdown, None)).map(|_| ())
    }
}

impl Read for FaultTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        result(self.call(Call::Read(buffer), None))
    }
}

impl Write for FaultTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        result(self.call(Call::Write(slices), None))
    }

    fn flush(&mut self) -> io::Result<()> {
        result(self.call(Call::Flush, None)).map(|_| ())
    }
}

fn result(answer: Answer) -> io::Result<usize> {
    match answer {
        Answer::Done(len) => Ok(len),
        Answer::Wait | Answer::NotNow => Err(ErrorKind::WouldBlock.into()),
        Answer::Error(kind) => Err(kind.into()),
    }
}
