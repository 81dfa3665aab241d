//! Attacks by text from a peer that is sent or shown: lines that are injected into requests,
//! answers and logs, and secrets that leak.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod attack_scene;

use attack_scene::{frame, read_head, request};
use tidings_tokio::handshake::{Acceptance, Rejection, ServerRequest};
use tidings_tokio::{
    Config, ConnectOptions, Error, accept_with, client::Proxy, client::client_handshake,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Nothing that a program passes on from a stranger becomes a line of a request: it is
/// refused before a byte is sent.
#[tokio::test(start_paused = true)]
async fn no_line_can_be_injected_into_a_request() {
    let evil = "a\r\nX-Evil: 1";
    let plain = ConnectOptions::new;
    let cases = [
        (plain().header("X", evil), "ws://a/"),
        (plain().header("X", "a\nb"), "ws://a/"),
        (plain().header("X", "a\rb"), "ws://a/"),
        (plain().header("X", "a\0b"), "ws://a/"),
        (plain().header(evil, "a"), "ws://a/"),
        (plain().header("X: y", "a"), "ws://a/"),
        (plain().header("", "a"), "ws://a/"),
        (plain().subprotocols([evil]), "ws://a/"),
        (plain().subprotocols(["a, b"]), "ws://a/"),
        (plain().origin("http://a\r\nX: y"), "ws://a/"),
        (plain(), "ws://a/\r\nX: y"),
        (plain(), "ws://a/ HTTP/1.1\r\nX: y"),
        (plain(), "ws://a\r\nX: y/"),
        (plain(), "ws://a/?\nb"),
        // Headers that frame the message or make the handshake belong to it.
        (plain().header("Host", "evil.example"), "ws://a/"),
        (plain().header("content-length", "5"), "ws://a/"),
        (plain().header("Transfer-Encoding", "chunked"), "ws://a/"),
        (plain().header("Sec-WebSocket-Key", "x"), "ws://a/"),
        (plain().header("Connection", "close"), "ws://a/"),
    ];
    for (options, uri) in cases {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let failed = client_handshake(near, uri, &options).await;
        let is_user = matches!(failed, Err(Error::RequestBuild(_) | Error::Uri(_)));
        assert!(is_user, "{options:?} to {uri:?}: {failed:?}");
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

/// Nor of an answer.
#[tokio::test(start_paused = true)]
async fn no_line_can_be_injected_into_an_answer() {
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
        for (name, value) in [
            ("X", "a\r\nSet-Cookie: evil"),
            ("X\r\nSet-Cookie", "evil"),
            ("Set-Cookie", "a\nb"),
            ("Sec-WebSocket-Accept", "x"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
        ] {
            let headers = [(name, value)];
            assert!(request.accept().headers(headers.leak_for_test()).is_err(), "{name}: {value}");
            let rejection = Rejection::forbidden("");
            assert!(rejection.headers(headers.leak_for_test()).is_err(), "{name}: {value}");
        }
        assert!(request.accept().subprotocol(Some("a\r\nX: y")).is_err());
        assert!(request.accept().subprotocol(Some("not offered")).is_err());
        // A status that would open a tunnel, or none that HTTP knows.
        for status in [101, 200, 204, 100, 304, 42, 1000] {
            assert!(Rejection::new(status, "").is_err(), "{status}");
        }
        Err(Rejection::forbidden("\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n"))
    }
    let (near, mut far) = tokio::io::duplex(1 << 16);
    far.write_all(&request("")).await.unwrap();
    let refused = accept_with(near, Config::server(), decide).await;
    assert!(matches!(refused, Err(Error::Refused { status: 403 })), "{refused:?}");
    // A body may hold anything: its length says where it ends.
    let mut answer = String::new();
    far.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("{}", body.len())), "{answer}");
}

/// A value that an [`Acceptance`] borrows has to live as long as the request.
trait LeakForTest {
    fn leak_for_test(self) -> &'static [(&'static str, &'static str)];
}

impl LeakForTest for [(&'static str, &'static str); 1] {
    fn leak_for_test(self) -> &'static [(&'static str, &'static str)] {
        Vec::from(self).leak()
    }
}

/// A peer's text is escaped where it is shown: no line of a log and no colour of a
/// terminal can be forged.
#[tokio::test(start_paused = true)]
async fn what_a_peer_wrote_is_shown_escaped() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let options = ConnectOptions::new();
    let (declined, ()) = tokio::join!(client_handshake(near, "ws://a/", &options), async {
        read_head(&mut far).await;
        let answer = "HTTP/1.1 403 \u{9b}31m\u{202e}red\t\r\nContent-Length: 0\r\n\r\n";
        far.write_all(answer.as_bytes()).await.unwrap();
    });
    let shown = declined.unwrap_err().to_string();
    assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown:?}");

    // The reason of a Close frame.
    let (mut server, mut far, _) = attack_scene::server(Config::server(), "").await;
    far.write_all(&frame(0x88, b"\x0F\xA0\x1B[31m\r\nforged")).await.unwrap();
    server.recv().await.unwrap();
    let tidings_tokio::websocket::CloseStatus::Frame(close) = server.close_info().received else {
        panic!("{:?}", server.close_info())
    };
    assert!(!close.to_string().chars().any(char::is_control), "{close}");
}

/// No secret is in any `Debug` output: headers, cookies, the credentials of a proxy,
/// values that a server set.
#[tokio::test(start_paused = true)]
async fn debug_output_shows_no_secret() {
    const SECRET: &str = "hunter2";
    let proxy = Proxy::parse("http://user:hunter2@127.0.0.1:1").unwrap();
    let options =
        ConnectOptions::new().header("Authorization", SECRET).header("Cookie", SECRET).proxy(proxy);
    let mut shown = format!("{options:?} {options:#?}");

    // The server's view, and the socket of either side.
    let (near, far) = tokio::io::duplex(1 << 16);
    let seen = std::sync::Mutex::new(String::new());
    let (server, client) = tokio::join!(
        accept_with(near, Config::server(), |request| {
            let again = format!("{request:?} {:?} {:?}", request.headers(), request.accept());
            *seen.lock().unwrap() = again;
            assert_eq!(request.header("authorization"), Some(SECRET.as_bytes()));
            Ok(request.accept())
        }),
        client_handshake(far, "ws://a/", &options),
    );
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.send(SECRET).await.unwrap();
    shown += &format!("{} {server:?} {client:?}", seen.lock().unwrap());
    server.recv().await.unwrap().unwrap();
    shown += &format!("{server:?} {client:?}");

    // A refusal that sets a cookie.
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let (declined, ()) = tokio::join!(client_handshake(near, "ws://a/", &options), async {
        read_head(&mut far).await;
        let answer = "HTTP/1.1 403 Forbidden\r\nSet-Cookie: hunter2\r\nContent-Length: 0\r\n\r\n";
        far.write_all(answer.as_bytes()).await.unwrap();
    });
    let error = declined.unwrap_err();
    assert!(matches!(&error, Error::Declined(declined) if declined.status == 403), "{error:?}");
    shown += &format!("{error:?} {error}");

    assert!(!shown.contains(SECRET), "{shown}");
    // As the bytes of a `Vec<u8>` are shown.
    let as_numbers = format!("{:?}", SECRET.as_bytes());
    assert!(!shown.contains(as_numbers.trim_matches(['[', ']'])), "{shown}");
    let base64 = "dXNlcjpodW50ZXIy";
    assert!(!shown.contains(base64), "{shown}");
}

/// Nor is it in that of an event source's request, or of a server's refusal.
#[cfg(feature = "event-source")]
#[test]
fn debug_output_of_an_event_source_shows_no_secret() {
    use tidings_tokio::sse::{EventSource, EventSourceRequest};
    let request = EventSourceRequest::post("http://127.0.0.1:1/", "hunter2")
        .header("authorization", "Bearer hunter2")
        .header("cookie", "hunter2");
    let shown = format!("{request:?} {request:#?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let source = EventSource::open(request).unwrap();
    assert!(!format!("{source:?}").contains("hunter2"));
}
