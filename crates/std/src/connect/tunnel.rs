//! A tunnel through an HTTP proxy (RFC 6455, 4.1 item 3): [`ask`].

use std::io::{self, Read as _};
use std::net::TcpStream;

use tidings_endpoint::{
    Error, MAX_INTERIM_RESPONSES, TunnelVerdict, judge_tunnel, too_many_interim_of_proxy,
};
use tidings_handshake::{Head, HeadError, HeadScanner, Limits, Progress, TunnelRequest};

use crate::deadline::{Bounded, Deadline};
use crate::handshake_io::write_answer;

/// Asks the proxy at the other end for the tunnel and waits for its answer. Afterwards the stream
/// leads to the server.
pub(super) fn ask(
    stream: &mut TcpStream,
    request: &TunnelRequest<'_>,
    limits: Limits,
    deadline: Deadline,
) -> Result<(), Error> {
    write_answer(stream, &request.to_vec(), deadline)?;
    let mut stream = Bounded { stream, deadline };
    for _ in 0..=MAX_INTERIM_RESPONSES {
        let scanner = HeadScanner::response(limits);
        let answer = read_head_alone(&mut stream, scanner, |head| judge_tunnel(head, request));
        match answer.map_err(|error| deadline.judge(error))?? {
            TunnelVerdict::Open => return Ok(()),
            TunnelVerdict::Interim => {}
        }
    }
    Err(too_many_interim_of_proxy())
}

/// Reads a head and not one byte more: what is behind it comes from the server, and is for the
/// next layer to read.
fn read_head_alone<T>(
    stream: &mut Bounded<'_, TcpStream>,
    mut scanner: HeadScanner,
    on_head: impl FnOnce(Result<Head<'_>, HeadError>) -> T,
) -> io::Result<T> {
    let mut buffer = Vec::new();
    let mut ahead = [0; 1024];
    loop {
        // The bytes stay in the kernel until it is known whether they are of the head.
        let peeked = stream.peek(&mut ahead)?;
        let fresh = ahead.get_mut(..peeked).unwrap_or_default();
        if fresh.is_empty() {
            let eof = "the proxy ended the connection without an answer";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, eof));
        }
        let before = buffer.len();
        buffer.extend_from_slice(fresh);
        match scanner.scan(&buffer) {
            Ok(Progress::Partial) => stream.read_exact(fresh)?,
            Ok(Progress::Complete(head)) => {
                let of_head = head.len().saturating_sub(before);
                let verdict = on_head(Ok(head));
                stream.read_exact(fresh.get_mut(..of_head).unwrap_or_default())?;
                return Ok(verdict);
            }
            Err(error) => return Ok(on_head(Err(error))),
        }
    }
}
