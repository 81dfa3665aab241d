//! Special openings: an answer that is decided later, a server at another address, a proxy that
//! gets the request itself; and the texts of their errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tidings_std::handshake::{Rejection, RequestError};
use tidings_std::server::read_request;
use tidings_std::{Config, ConnectOptions, Error, accept_with, connect_with};

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nCookie: id=7\r\n\r\n";

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, far)
}

fn read_head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

/// However long the decision takes, it is not the client that is late.
#[test]
fn an_answer_may_be_decided_later() {
    let mut config = Config::server();
    config.handshake_timeout = Duration::from_millis(300);
    for allows in [true, false] {
        let (near, mut far) = pair();
        far.write_all(REQUEST.as_bytes()).unwrap();
        let look = |request: &tidings_std::handshake::ServerRequest<'_>| {
            request.header("Cookie").map(Vec::from)
        };
        let (cookie, pending) = read_request(near, config, look).unwrap();
        assert_eq!(cookie.as_deref(), Some(&b"id=7"[..]));
        thread::sleep(Duration::from_millis(400));
        let answered = pending.answer(|request| match allows {
            true => Ok(request.accept().header("X-User", "seven")?),
            false => Err(Rejection::new(401, "sign in first\n")?),
        });
        let answer = read_head(&mut far);
        if allows {
            assert!(answered.is_ok());
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            assert!(answer.contains("\r\nX-User: seven\r\n"), "{answer}");
        } else {
            assert!(matches!(answered, Err(Error::Refused { status: 401 })));
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
    }
    let (near, mut far) = pair();
    far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let looked = read_request(near, config, |_| panic!("there is none"));
    assert!(matches!(looked, Err(Error::Request(RequestError::Missing(_)))));
    assert!(read_head(&mut far).starts_with("HTTP/1.1 426 "));
}

/// The hook itself may take its time as well.
#[test]
fn a_hook_that_is_slow_is_not_the_clients_fault() {
    let mut config = Config::server();
    config.handshake_timeout = Duration::from_millis(300);
    let (near, mut far) = pair();
    far.write_all(REQUEST.as_bytes()).unwrap();
    let accepted = accept_with(near, config, |request| {
        thread::sleep(Duration::from_millis(400));
        Ok(request.accept())
    });
    assert!(accepted.is_ok(), "{:?}", accepted.err());
    assert!(read_head(&mut far).starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_server_may_be_elsewhere_than_its_name_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").unwrap();
        request
    });
    let options = ConnectOptions::new().connect_to("chat.invalid", address).host("other.invalid");
    let declined = connect_with(&String::from("ws://chat.invalid/room"), &options).unwrap_err();
    assert!(matches!(declined, Error::Declined(_)), "{declined}");
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /room HTTP/1.1\r\nHost: other.invalid\r\n"), "{request}");

    // Now nobody is there.
    let error = connect_with("ws://chat.invalid/", &options).unwrap_err().to_string();
    let expected = format!("connecting to chat.invalid:80 at {address}: ");
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_socks_proxy_is_an_error_before_anything_is_sent() {
    let socks = tidings_endpoint::opening::Socks5Proxy::parse("127.0.0.1:1").unwrap();
    let options = ConnectOptions::new().socks5_proxy(socks);
    match connect_with("ws://chat.invalid/", &options).unwrap_err() {
        Error::Io(error) => assert_eq!(error.kind(), std::io::ErrorKind::Unsupported, "{error}"),
        other => panic!("{other}"),
    }
}

#[cfg(feature = "event-source")]
mod event_source {
    use tidings_std::client::Proxy;
    use tidings_std::sse::EventSource;

    use super::*;

    /// A server, or proxy, that answers one request with a stream of one event.
    fn serve_one(head: String) -> (u16, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_head(&mut stream);
            stream.write_all(format!("{head}\r\ndata: here\n\n").as_bytes()).unwrap();
            request
        });
        (port, server)
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

    /// RFC 9112, 3.2.2
    #[test]
    fn a_proxy_gets_plain_requests_of_http_itself() {
        let (port, proxy) = serve_one(HEAD.to_owned());
        let proxy_uri = format!("http://user:secret@127.0.0.1:{port}");
        let options = ConnectOptions::new().proxy(Proxy::parse(&proxy_uri).unwrap());
        let source = EventSource::get("http://events.invalid:81/all?from=1").unwrap();
        let mut source = source.with_connect_options(options);
        assert_eq!(source.event().unwrap().unwrap().data, "here");
        let request = proxy.join().unwrap();
        let expected = "GET http://events.invalid:81/all?from=1 HTTP/1.1\r\n";
        assert!(request.starts_with(expected), "{request}");
        let request = request.to_lowercase();
        assert!(request.contains("\r\nhost: events.invalid:81\r\n"), "{request}");
        assert!(request.contains("\r\nproxy-authorization: basic "), "{request}");
    }

    #[test]
    fn as_many_headers_of_a_stream_are_read_as_are_configured() {
        let lines: String = (0..300).map(|index| format!("X-{index}: {index}\r\n")).collect();
        let (port, server) = serve_one(format!("{HEAD}X-Folded: a\r\n b\r\n{lines}"));
        let mut config = Config::client();
        config.head_limits.max_headers = 500;
        let source = EventSource::get(format!("http://127.0.0.1:{port}/")).unwrap();
        let mut source = source.with_connect_options(ConnectOptions::new().config(config));
        assert_eq!(source.event().unwrap().unwrap().data, "here");
        drop(server.join());
    }
}
