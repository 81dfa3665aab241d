//! Real sockets of this machine, for tests of adapters that block.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// The two ends of a TCP connection: the accepted one, and the connecting one. Both send every
/// write at once.
#[must_use]
pub fn loopback() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// The head of the HTTP message that comes next, up to its blank line, and no byte more.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_head_is_read_and_nothing_after_it() {
        let (mut near, mut far) = loopback();
        far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest").unwrap();
        drop(far);
        assert_eq!(read_head(&mut near), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut rest = String::new();
        near.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "rest");
    }
}
