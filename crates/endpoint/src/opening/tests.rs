//! The handshakes against a transport in memory, with reads and writes split at every position.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::io;
use std::time::Duration;

use tidings_handshake::{
    HeadError, Key, Proxy, RedirectError, Rejection, RequestError, ResponseError, ServerRequest,
};
use tidings_websocket::Timestamp;

mod heads;
mod places;

use super::*;
use crate::error::{Declined, Error};
use crate::websocket::{Compression, Config};

/// The number of bytes that the transport moves in one call.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    Bytes,
    /// Up to this place of the whole, then all.
    At(usize),
}

impl Cut {
    fn len(self, done: usize, available: usize) -> usize {
        match self {
            Self::Whole => available,
            Self::Bytes => available.min(1),
            Self::At(place) if done < place => available.min(place - done),
            Self::At(_) => available,
        }
    }
}

fn cuts(len: usize) -> impl Iterator<Item = Cut> {
    [Cut::Whole, Cut::Bytes].into_iter().chain((1..len).map(Cut::At))
}

/// The answer of a peer to a request.
type Answer = Box<dyn Fn(&str) -> Vec<u8>>;

/// A transport, with a record of its calls. The peer answers when it has a whole request.
struct Memory {
    answer: Answer,
    to_read: Vec<u8>,
    read_len: usize,
    written: Vec<u8>,
    is_shut_down: bool,
    cut: Cut,
    /// The peer keeps its side open: a read of nothing takes for ever.
    stays_open: bool,
    now: Timestamp,
    /// Writes fail from this many bytes on.
    max_written: usize,
}

impl Memory {
    /// The peer says this from the start.
    fn saying(bytes: &[u8], cut: Cut) -> Self {
        Self {
            answer: Box::new(|_| Vec::new()),
            to_read: bytes.to_vec(),
            read_len: 0,
            written: Vec::new(),
            is_shut_down: false,
            cut,
            stays_open: false,
            now: Timestamp::default(),
            max_written: usize::MAX,
        }
    }

    /// The peer says this after the request.
    fn answering(answer: impl Fn(&str) -> String + 'static, cut: Cut) -> Self {
        let answer = Box::new(move |request: &str| answer(request).into_bytes());
        Self { answer, ..Self::saying(b"", cut) }
    }

    /// `None`: the operation was not complete when the time was over.
    fn perform(&mut self, io: Io<'_>, until: Timestamp) -> Option<io::Result<usize>> {
        Some(match io {
            Io::Write(bytes) if self.written.len() + bytes.len() > self.max_written => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Io::Write(bytes) => {
                let len = self.cut.len(self.written.len(), bytes.len());
                self.written.extend_from_slice(&bytes[..len]);
                if self.written.ends_with(b"\r\n\r\n") && self.to_read.is_empty() {
                    self.to_read = (self.answer)(self.request());
                }
                Ok(len)
            }
            Io::Flush => Ok(0),
            Io::Read(room) => {
                let left = &self.to_read[self.read_len..];
                if left.is_empty() && self.stays_open {
                    self.now = until;
                    return None;
                }
                let len = self.cut.len(self.read_len, left.len()).min(room.len());
                room[..len].copy_from_slice(&left[..len]);
                self.read_len += len;
                Ok(len)
            }
            Io::ShutDown => {
                self.is_shut_down = true;
                Ok(0)
            }
        })
    }

    fn drive(&mut self, handshake: &mut impl Handshake) {
        while let Some((io, until)) = handshake.next_io(self.now) {
            if let Some(result) = self.perform(io, until) {
                handshake.completed(result);
            }
        }
        assert!(handshake.next_io(self.now).is_none(), "it stays over");
    }

    /// Returns the written bytes up to the end of the head.
    fn request(&self) -> &str {
        let written = String::from_utf8_lossy(&self.written);
        let end = written.find("\r\n\r\n").map_or(self.written.len(), |end| end + 4);
        std::str::from_utf8(&self.written[..end]).unwrap()
    }

    fn unread(&self) -> &[u8] {
        &self.to_read[self.read_len..]
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

fn has_line(head: &str, line: &str) -> bool {
    head.split("\r\n").any(|other| other == line)
}

mod server {
    use super::*;

    fn request(lines: &str) -> String {
        format!(
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             {lines}\r\n"
        )
    }

    fn serve<F>(transport: &mut Memory, config: &Config, decide: F) -> Result<Opened, Error>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> tidings_handshake::Decision<'r>,
    {
        let mut handshake = ServerHandshake::new(config, transport.now, decide);
        transport.drive(&mut handshake);
        handshake.finish()
    }

    #[test]
    fn a_request_is_answered_at_every_cut() {
        let mut config = Config::server();
        config.compression = Some(Compression::default());
        let offers = "Sec-WebSocket-Protocol: v2, v1\r\n\
                      Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let received = request(offers) + "first";
        for cut in cuts(received.len()) {
            let mut transport = Memory::saying(received.as_bytes(), cut);
            let opened = serve(&mut transport, &config, |request| {
                let chosen = request.choose_subprotocol(&["v1"]);
                // Made here, and gone when the answer is written.
                let cookie = format!("at={}", request.path());
                Ok(request.accept().subprotocol(chosen)?.header("Set-Cookie", &cookie)?)
            });
            let opened = opened.unwrap();
            assert_eq!([&opened.received, transport.unread()].concat(), b"first", "{cut:?}");
            assert_eq!(opened.negotiated.subprotocol.as_deref(), Some("v1"));
            assert!(opened.negotiated.compression.is_some());
            let answer = transport.request();
            assert_eq!(answer.len(), transport.written.len());
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            for line in ["Sec-WebSocket-Protocol: v1", "Set-Cookie: at=/chat"] {
                assert!(has_line(answer, line), "{answer}");
            }
            assert!(answer.contains("permessage-deflate"), "{answer}");
        }
    }

    #[test]
    fn a_refusal_arrives_and_says_what_was_decided() {
        let rest = vec![b'x'; 5000];
        for (head, status, is_expected) in [
            (
                request(""),
                "404",
                (|error| matches!(error, Error::Refused { status: 404 })) as fn(&_) -> _,
            ),
            (request("Origin: x\r\n").replace("13", "8"), "426", |error| {
                matches!(error, Error::Request(RequestError::Version))
            }),
            (request(&format!("X: {}\r\n", "x".repeat(20_000))), "431", |error| {
                matches!(error, Error::Request(RequestError::Head(_)))
            }),
        ] {
            for cut in [Cut::Whole, Cut::Bytes, Cut::At(100)] {
                let received = [head.as_bytes(), &rest].concat();
                let mut transport = Memory::saying(&received, cut);
                let error = serve(&mut transport, &Config::server(), |request| {
                    Err(Rejection::not_found(format!("nothing at {}\n", request.path())))
                });
                let error = error.unwrap_err();
                assert!(is_expected(&error), "{error:?}");
                let answer = String::from_utf8(transport.written).unwrap();
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
                assert_eq!(status == "404", answer.ends_with("\r\n\r\nnothing at /chat\n"));
                assert!(transport.is_shut_down);
                assert_eq!(transport.read_len, received.len(), "drained");
            }
        }
    }

    #[test]
    fn a_long_head_is_read_and_its_first_frames_are_kept() {
        let received = request(&format!("X: {}\r\n", "x".repeat(15_000))) + "first";
        for cut in [Cut::Whole, Cut::Bytes, Cut::At(1024)] {
            let mut transport = Memory::saying(received.as_bytes(), cut);
            let opened = serve(&mut transport, &Config::server(), accept_same_origin).unwrap();
            assert_eq!([&opened.received, transport.unread()].concat(), b"first");
        }
    }

    #[test]
    fn a_client_that_is_silent_or_gone_gets_no_answer() {
        for (stays_open, expected) in [(true, "longer than 10s"), (false, "client ended")] {
            let received = request("");
            for len in [0, 1, 100, received.len() - 1] {
                let mut transport = Memory::saying(&received.as_bytes()[..len], Cut::Whole);
                transport.stays_open = stays_open;
                let error = serve(&mut transport, &Config::server(), accept_same_origin);
                let error = error.unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
                assert_eq!(transport.written, b"");
            }
        }
        // The refusal was sent; the client's reaction does not matter.
        let mut transport = Memory::saying(b"GET / HTTP/1.1\r\n\r\n", Cut::Whole);
        transport.stays_open = true;
        let error = serve(&mut transport, &Config::server(), accept_same_origin).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(transport.now <= Timestamp::default().after(Duration::from_secs(1)));
        // It could not be sent.
        let mut transport = Memory::saying(b"GET / HTTP/1.1\r\n\r\n", Cut::Whole);
        transport.max_written = 0;
        let error = serve(&mut transport, &Config::server(), accept_same_origin).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
}

mod client {
    use super::*;

    fn switching(request: &str, lines: &str) -> String {
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = Key::parse(key.unwrap().as_bytes()).unwrap().accept();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
        )
    }

    fn options() -> ConnectOptions {
        ConnectOptions::new()
            .subprotocols(["v2", "v1"])
            .origin("https://page.example")
            .header("Authorization", "secret")
            .header("User-Agent", "tidings")
    }

    fn compressing(options: ConnectOptions) -> ConnectOptions {
        let mut config = Config::client();
        config.compression = Some(Compression::default());
        options.config(config)
    }

    /// One handshake, with its result.
    fn shake_hands(
        connecting: &mut Connecting<'_>,
        transport: &mut Memory,
    ) -> Result<Option<Opened>, Error> {
        let mut handshake = connecting.handshake();
        transport.drive(&mut handshake);
        handshake.finish()
    }

    fn open(options: &ConnectOptions, transport: &mut Memory) -> Result<Option<Opened>, Error> {
        let mut connecting = Connecting::new(options, "ws://a/chat", transport.now).unwrap();
        shake_hands(&mut connecting, transport)
    }

    fn declined(result: Result<Option<Opened>, Error>) -> Declined {
        match result.unwrap_err() {
            Error::Declined(declined) => *declined,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_handshake_opens_at_every_cut() {
        let options = compressing(options());
        let lines = "Sec-WebSocket-Protocol: v1\r\n\
                     Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let answer = move |request: &str| {
            format!("HTTP/1.1 103 \r\nLink: x\r\n\r\n{}first", switching(request, lines))
        };
        for cut in cuts(450) {
            let mut transport = Memory::answering(answer, cut);
            let opened = open(&options, &mut transport).unwrap().unwrap();
            assert_eq!([&opened.received, transport.unread()].concat(), b"first", "{cut:?}");
            assert_eq!(opened.negotiated.subprotocol.as_deref(), Some("v1"));
            assert!(opened.negotiated.compression.is_some());
            let request = transport.request();
            assert_eq!(request.len(), transport.written.len());
            for line in ["GET /chat HTTP/1.1", "Authorization: secret", "Host: a"] {
                assert!(has_line(request, line), "{request}");
            }
            assert!(request.contains("permessage-deflate"), "{request}");
        }
    }

    #[test]
    fn the_body_of_a_declined_handshake_is_read_at_every_cut() {
        for (headers, body, expected) in [
            ("Content-Length: 5\r\n", "sorry and more", "sorry"),
            ("Transfer-Encoding: chunked\r\n", "3\r\nsor\r\n2\r\nry\r\n0\r\n\r\nmore", "sorry"),
            ("", "sorry", "sorry"),
            ("Content-Length: 0\r\n", "more", ""),
        ] {
            let answer = format!("HTTP/1.1 403 Forbidden\r\n{headers}\r\n{body}");
            for cut in cuts(answer.len()) {
                let answer = answer.clone();
                let mut transport = Memory::answering(move |_| answer.clone(), cut);
                let declined = declined(open(&options(), &mut transport));
                assert_eq!((declined.status, &*declined.reason), (403, "Forbidden"));
                assert_eq!(String::from_utf8_lossy(&declined.body_start), expected, "{cut:?}");
                assert!(transport.request().len() == transport.written.len());
            }
        }
    }

    #[test]
    fn a_body_has_a_limit_in_bytes_and_in_time() {
        let head = "HTTP/1.1 503 Busy\r\n\r\n";
        for cut in [Cut::Whole, Cut::At(5000)] {
            let endless = head.to_owned() + &"x".repeat(100_000);
            let mut transport = Memory::answering(move |_| endless.clone(), cut);
            assert_eq!(declined(open(&options(), &mut transport)).body_start.len(), 64 * 1024);
        }
        let mut transport = Memory::answering(move |_| head.to_owned() + "part", Cut::Bytes);
        transport.stays_open = true;
        assert_eq!(declined(open(&options(), &mut transport)).body_start, b"part");
        assert_eq!(transport.now, Timestamp::default().after(TIMEOUT));
    }

    /// RFC 7692, 5; RFC 6455, 7.4.1.
    #[test]
    fn a_wrong_answer_about_compression_is_told_by_1010() {
        let options = compressing(options());
        let wrong = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n";
        for cut in cuts(300) {
            for is_told in [true, false] {
                let answer = move |request: &str| switching(request, wrong);
                let mut transport = Memory::answering(answer, cut);
                if !is_told {
                    let mut request = Memory::answering(answer, cut);
                    let _ = open(&options, &mut request);
                    transport.max_written = request.request().len();
                }
                let error = open(&options, &mut transport).unwrap_err();
                assert!(matches!(error, Error::Compression(_)), "{error}");
                let request_len = transport.request().len();
                match &transport.written[request_len..] {
                    [0x88, 0x82, a, b, _, _, first, second] => {
                        assert_eq!([first ^ a, second ^ b], 1010u16.to_be_bytes(), "{cut:?}");
                        assert!(is_told);
                    }
                    other => assert!(other.is_empty() && !is_told, "{other:x?}"),
                }
            }
        }
    }

    /// The destinations of headers.
    #[test]
    fn a_redirect_takes_along_what_may_go() {
        let options = options().max_redirects(2);
        let mut connecting =
            Connecting::new(&options, "ws://a/first", Timestamp::default()).unwrap();
        let mut keys = Vec::new();
        for (location, route, path, trusted) in [
            ("/second", ("a", 80), "/first", true),
            ("http://b:8080/third", ("a", 80), "/second", true),
            ("", ("b", 8080), "/third", false),
        ] {
            let found = connecting.route().unwrap();
            assert_eq!((found.host(), found.port()), route);
            let answer = move |request: &str| match location {
                "" => switching(request, ""),
                _ => format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"),
            };
            let mut transport = Memory::answering(answer, Cut::Whole);
            let opened = shake_hands(&mut connecting, &mut transport).unwrap();
            assert_eq!(opened.is_some(), location.is_empty());
            let request = transport.request();
            assert!(has_line(request, &format!("GET {path} HTTP/1.1")), "{request}");
            assert_eq!(request.contains("secret"), trusted, "{request}");
            let origin = if trusted { "https://page.example" } else { "null" };
            assert!(has_line(request, &format!("Origin: {origin}")), "{request}");
            assert!(has_line(request, "User-Agent: tidings"), "{request}");
            keys.extend(
                request
                    .lines()
                    .find(|line| line.starts_with("Sec-WebSocket-Key"))
                    .map(str::to_owned),
            );
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3, "a new key for each request");
    }

    #[test]
    fn redirects_that_are_not_followed() {
        let redirect = |_: &str| "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n".to_owned();
        let options = options().max_redirects(1);
        let now = Timestamp::default();
        let mut connecting = Connecting::new(&options, "ws://a/", now).unwrap();
        let mut transport = Memory::answering(redirect, Cut::Whole);
        assert!(shake_hands(&mut connecting, &mut transport).unwrap().is_none());
        let mut transport = Memory::answering(redirect, Cut::Whole);
        let error = shake_hands(&mut connecting, &mut transport).unwrap_err();
        assert!(matches!(error, Error::Redirect(RedirectError::TooMany { max: 1 })), "{error}");

        let mut on_stream = Connecting::on_stream(&options, "ws://a/", now).unwrap();
        let mut transport = Memory::answering(redirect, Cut::Whole);
        assert_eq!(declined(shake_hands(&mut on_stream, &mut transport)).status, 302);
    }

    #[test]
    fn a_missing_or_silent_server_is_an_error() {
        let bad = |_: &str| "SSH-2.0-OpenSSH\r\n".to_owned();
        let error = open(&options(), &mut Memory::answering(bad, Cut::Whole)).unwrap_err();
        assert!(matches!(error, Error::Response(ResponseError::Head(_))), "{error}");

        let interim = |request: &str| {
            "HTTP/1.1 103 \r\n\r\n".repeat(MAX_INTERIM_RESPONSES + 1) + &switching(request, "")
        };
        let error = open(&options(), &mut Memory::answering(interim, Cut::Whole)).unwrap_err();
        let expected =
            matches!(error, Error::Response(ResponseError::TooManyInterimResponses { limit: 8 }));
        assert!(expected, "{error}");

        let mut silent = Memory::answering(|_| "HTTP/1.1".to_owned(), Cut::Whole);
        silent.stays_open = true;
        let error = open(&options(), &mut silent).unwrap_err();
        let Error::HandshakeTimeout(timeout) = error else { panic!("{error}") };
        assert_eq!((timeout.limit(), timeout.phase().is_some()), (TIMEOUT, true));
        let error = open(&options(), &mut Memory::answering(|_| String::new(), Cut::Whole));
        assert!(error.unwrap_err().is_disconnect());
    }

    #[test]
    fn what_cannot_be_asked_for_is_found_at_once() {
        let now = Timestamp::default();
        for options in [
            ConnectOptions::new().header("X", "a\r\nY: b"),
            ConnectOptions::new().header("Host", "other"),
            ConnectOptions::new().subprotocols(["a", "a"]),
            ConnectOptions::new().origin("no origin"),
        ] {
            let error = Connecting::new(&options, "ws://a/", now).unwrap_err();
            assert!(matches!(error, Error::RequestBuild(_)), "{error}");
        }
        let error = Connecting::new(&ConnectOptions::new(), "ws://a/#x", now).unwrap_err();
        assert!(matches!(error, Error::Uri(_)), "{error}");
    }

    #[test]
    fn debug_output_shows_no_credentials() {
        let proxy = Proxy::parse("http://user:secret@proxy.example").unwrap();
        let options = options().proxy(proxy);
        let mut connecting = Connecting::new(&options, "ws://a/", Timestamp::default()).unwrap();
        let route = connecting.route().unwrap();
        let tunnel = route.tunnel(connecting.deadline());
        let shown = format!("{options:?} {route:?} {tunnel:?}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101, 99"), "{shown}");
        let shown = format!("{connecting:?}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101, 99"), "{shown}");
        let shown = format!("{:?}", connecting.handshake());
        assert!(!shown.contains("secret") && !shown.contains("115, 101, 99"), "{shown}");
    }
}

mod tunnel {
    use super::*;

    fn ask(transport: &mut Memory) -> Result<(), Error> {
        let proxy = Proxy::parse("http://Aladdin:open%20sesame@proxy.example:3128").unwrap();
        let options = ConnectOptions::new().proxy(proxy);
        let connecting = Connecting::new(&options, "ws://server:8080/", transport.now).unwrap();
        let route = connecting.route().unwrap();
        assert_eq!((route.host(), route.port()), ("proxy.example", 3128));
        let mut tunnel = route.tunnel(connecting.deadline()).unwrap();
        transport.drive(&mut tunnel);
        tunnel.finish()
    }

    #[test]
    fn what_follows_the_proxys_head_is_left_to_the_next_layer() {
        let head = "HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\n\r\n";
        let after = "\x16\x03\x01 of the server";
        for cut in cuts(head.len() + after.len()) {
            let mut transport = Memory::answering(move |_| [head, after].concat(), cut);
            ask(&mut transport).unwrap();
            assert_eq!(transport.unread(), after.as_bytes(), "{cut:?}");
            let request = transport.request();
            assert_eq!(request.len(), transport.written.len());
            assert!(request.starts_with("CONNECT server:8080 HTTP/1.1\r\n"), "{request}");
            let credentials = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
            assert!(has_line(request, credentials), "{request}");
        }
    }

    #[test]
    fn a_proxy_that_refuses_is_told_apart_from_a_server() {
        for (answer, status) in [
            ("HTTP/1.1 407 Who?\r\nContent-Length: 4\r\n\r\nbody", Some(407)),
            ("HTTP/1.0 502\r\n\r\n", Some(502)),
            ("HTTP/1.1 101 Switching\r\n\r\n", None),
            ("SOCKS\r\n", None),
        ] {
            for cut in cuts(answer.len()) {
                match ask(&mut Memory::answering(|_| answer.to_owned(), cut)).unwrap_err() {
                    Error::Proxy { status: found, .. } => assert_eq!(Some(found), status),
                    Error::ProxyResponse { .. } => assert_eq!(status, None, "{answer}"),
                    other => panic!("{other}"),
                }
            }
        }
        let error = ask(&mut Memory::answering(|_| "HTTP/1.1 2".to_owned(), Cut::Whole));
        assert!(error.unwrap_err().to_string().contains("the proxy ended the connection"));
    }
}
