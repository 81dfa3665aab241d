//! Attacks on the opening handshake, at either side, and on what is sent because of somebody's
//! words: origins, smuggled requests, injected lines, lies of servers, secrets that get around.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod attack_scene;

use std::collections::HashSet;
use std::time::Duration;

use attack_scene::{REQUEST, frame, read_head, request, switching};
use tidings_tokio::handshake::{Acceptance, Rejection, RequestError, ServerRequest};
use tidings_tokio::{Config, Connector, Error, Proxy, WebSocket, accept, accept_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

/// What a server that accepts everything makes of these bytes: how it ended, and what it answered
/// until it hung up, or for as long as the caller says.
async fn serve(bytes: &[u8]) -> (Result<WebSocket<DuplexStream>, Error>, String) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    far.write_all(bytes).await.unwrap();
    let accepted = accept(near, Config::server()).await;
    let answer = match &accepted {
        Ok(_) => read_head(&mut far).await,
        Err(_) => {
            let mut answer = String::new();
            far.read_to_string(&mut answer).await.unwrap();
            answer
        }
    };
    (accepted, answer)
}

/// V-48: pages of other sites, under every disguise, get a 403 and no WebSocket; the page of the
/// host itself, and programs, get one.
#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_can_not_connect() {
    let refused = [
        "http://evil.example",
        "https://evil.example",
        "null",
        "http://example.com.evil.example",
        "http://evilexample.com",
        "http://sub.example.com",
        "http://example.com:8080",
        "http://example.com.",
        "http://example.com@evil.example",
        "http://example.com:80@evil.example",
        "http://evil.example#example.com",
        "http://evil.example/example.com",
        "http://example.com/",
        "http://example.com,http://evil.example",
        "ftp://example.com",
        "file://",
        "chrome-extension://example.com",
        "//example.com",
        "example.com",
        "*",
        "http://",
        "http://ex%61mple.com",
        "http://127.0.0.1",
        "HTTP://EVIL.EXAMPLE",
    ];
    for origin in refused {
        let (ended, answer) = serve(&request(&format!("Origin: {origin}\r\n"))).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
        assert!(matches!(ended, Err(Error::Refused { status: 403 })), "{origin}: {ended:?}");
    }
    // Two of them are no origin at all, whichever comes first.
    for lines in [
        "Origin: http://example.com http://evil.example\r\n",
        "Origin: http://example.com\r\nOrigin: http://evil.example\r\n",
        "Origin: http://evil.example\r\nOrigin: http://example.com\r\n",
    ] {
        let (ended, answer) = serve(&request(lines)).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(ended.is_err());
    }
    for origin in
        ["http://example.com", "HTTP://Example.COM", "http://example.com:80", "https://example.com"]
    {
        let (accepted, answer) = serve(&request(&format!("Origin: {origin}\r\n"))).await;
        assert!(accepted.is_ok(), "{origin}: {answer}");
    }
    assert!(serve(&request("")).await.0.is_ok());
}

/// What a proxy may have let through, as changes of a good request.
fn smuggled() -> Vec<String> {
    let replaced = |from: &str, to: &str| {
        assert!(REQUEST.contains(from), "{from}");
        format!("{}\r\n", REQUEST.replacen(from, to, 1))
    };
    let with = |lines: &str| format!("{REQUEST}{lines}\r\n");
    vec![
        // The version that proxies do not look at, and keys that are none.
        replaced("Version: 13", "Version: 777"),
        replaced("Version: 13", "Version: 8"),
        replaced("Version: 13", "Version: 13, 8"),
        replaced("Version: 13", "Version: 013"),
        replaced("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
        replaced("dGhlIHNhbXBsZSBub25jZQ==", "x"),
        // Bodies, in every framing: a second request could stand in them.
        with("Content-Length: 5\r\n"),
        with("Content-Length: +5\r\n"),
        with("Content-Length: 5, 5\r\n"),
        with("Content-Length: 0\r\nContent-Length: 5\r\n"),
        with("Transfer-Encoding: chunked\r\n"),
        with("Transfer-Encoding: identity\r\n"),
        with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        with("transfer-encoding:\tchunked\r\n"),
        // Lines that two parsers read in two ways.
        with("X: a\r\n folded\r\n"),
        with("X : a\r\n"),
        with(" X: a\r\n"),
        with("X: a\nTransfer-Encoding: chunked\r\n\0"),
        with("X: a\rb\r\n"),
        with("X: a\0b\r\n"),
        with("X\r\n"),
        with(": a\r\n"),
        with("Host: evil.example\r\n"),
        with("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nHost: b\r\n"),
        replaced("Host: example.com", "Host: example.com, evil.example"),
        replaced("Host: example.com", "Host: user@example.com"),
        replaced("Host: example.com", "Host: example.com/evil"),
        replaced("Host: example.com\r\n", ""),
        // Methods, versions, targets.
        replaced("GET ", "POST "),
        replaced("GET ", "CONNECT "),
        replaced("GET ", "get "),
        replaced("HTTP/1.1", "HTTP/1.0"),
        replaced("HTTP/1.1", "HTTP/2.0"),
        replaced("/chat HTTP", "/chat#fragment HTTP"),
        replaced("/chat HTTP", "* HTTP"),
        replaced("/chat HTTP", "chat HTTP"),
        replaced("/chat HTTP", "/a b HTTP"),
        // Not an upgrade to this.
        replaced("Upgrade: websocket", "Upgrade: h2c"),
        replaced("Connection: Upgrade", "Connection: close"),
        replaced("Connection: Upgrade", "Connection: xUpgrade"),
    ]
}

/// V-55, V-57, V-12, V-41: whatever is wrong with a request, it is answered in HTTP and never by
/// 101, the connection ends, and what was pipelined behind it is neither a request nor a frame.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_none_opens_no_tunnel() {
    for head in smuggled() {
        let second = [&request("")[..], &frame(0x81, b"smuggled")].concat();
        let (ended, answer) = serve(&[head.as_bytes(), &second].concat()).await;
        assert!(ended.is_err(), "{head}");
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505 "),
            "{head}{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: answered twice: {answer}");
        let lower = answer.to_ascii_lowercase();
        let connection = lower.lines().find_map(|line| line.strip_prefix("connection: "));
        assert!(connection.is_some_and(|value| value.ends_with("close")), "{answer}");
        assert!(lower.contains("\r\ncontent-length: "), "{answer}");
    }
}

/// V-44: hyper's requests go through the same checks. What hyper's parser would not let through is
/// left out; the rest is refused by both.
#[cfg(feature = "hyper")]
#[tokio::test(start_paused = true)]
async fn a_framework_is_no_laxer_path() {
    'heads: for head in smuggled() {
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let mut builder = http::Request::builder().method(first.next().unwrap());
        builder = builder.uri(first.next().unwrap());
        builder = builder.version(match first.next() {
            Some("HTTP/1.0") => http::Version::HTTP_10,
            Some("HTTP/2.0") => http::Version::HTTP_2,
            _ => http::Version::HTTP_11,
        });
        for line in lines.filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else { continue 'heads };
            builder = builder.header(name, value.trim());
        }
        // A name or a value that `http` refuses reaches no handler.
        let Ok(mut request) = builder.body(()) else { continue };
        if head.contains("#fragment") || head.contains("/a b ") {
            continue; // `http` cuts fragments off, and hyper's parser refuses the space.
        }
        let verdict =
            tidings_tokio::upgrade(&mut request, Config::server(), |request| Ok(request.accept()));
        let response = verdict.err().unwrap_or_else(|| panic!("accepted: {head}"));
        assert!(response.status().is_client_error() || response.status() == 505, "{head}");
    }
    // The same request without a change is a handshake.
    let mut builder = http::Request::builder().uri("/chat");
    for line in REQUEST.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    let mut request = builder.body(()).unwrap();
    assert!(tidings_tokio::upgrade(&mut request, Config::server(), |r| Ok(r.accept())).is_ok());
}

/// V-49: a router sees the target as it came: nothing is decoded, joined or folded that would make
/// another path of it.
#[tokio::test(start_paused = true)]
async fn a_path_is_not_changed_on_its_way_to_the_router() {
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
        match request.path() {
            "/chat" => Ok(request.accept()),
            _ => Err(Rejection::not_found("")),
        }
    }
    for path in [
        "/%63hat",
        "/CHAT",
        "//chat",
        "/./chat",
        "/x/../chat",
        "/chat/",
        "/chat;x",
        "/chat%00",
        "/chat%2f",
        "/%2e/chat",
        "/chat%3fa",
    ] {
        let bytes = String::from_utf8(request("")).unwrap().replace("/chat", path);
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(bytes.as_bytes()).await.unwrap();
        let ended = accept_with(near, Config::server(), decide).await;
        assert!(matches!(ended, Err(Error::Refused { status: 404 })), "{path}: {ended:?}");
    }
}

/// V-47: nothing that a program passes on from a stranger becomes a line of a request: it is
/// refused before a byte is sent.
#[tokio::test(start_paused = true)]
async fn no_line_can_be_injected_into_a_request() {
    let evil = "a\r\nX-Evil: 1";
    let plain = Connector::new;
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
    for (connector, uri) in cases {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let failed = connector.handshake(near, uri).await;
        let is_callers = matches!(failed, Err(Error::RequestBuild(_) | Error::Uri(_)));
        assert!(is_callers, "{connector:?} to {uri:?}: {failed:?}");
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

/// V-47: nor of an answer.
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

/// What an [`Acceptance`] borrows has to live as long as the request.
trait LeakForTest {
    fn leak_for_test(self) -> &'static [(&'static str, &'static str)];
}

impl LeakForTest for [(&'static str, &'static str); 1] {
    fn leak_for_test(self) -> &'static [(&'static str, &'static str)] {
        Vec::from(self).leak()
    }
}

/// V-43: servers that lie. None opens a WebSocket, and none is worth a panic.
#[tokio::test(start_paused = true)]
async fn a_server_that_lies_opens_nothing() {
    let lies: &[(&str, &str)] = &[
        ("101 Switching", "200 OK"),
        ("101 Switching", "102 Switching"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "HTTP/2"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Sec-WebSocket-Accept: ", "X: "),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-unknown\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n"),
        ("\r\n\r\n", "\r\nX: a\r\n folded\r\n\r\n"),
        ("\r\n\r\n", "\r\n\0\r\n\r\n"),
        ("HTTP/1.1 101", "RTSP/1.0 101"),
        ("HTTP/1.1 101", "\u{feff}HTTP/1.1 101"),
    ];
    for (from, to) in lies {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let connector = Connector::new();
        let (opened, ()) = tokio::join!(connector.handshake(near, "ws://a/"), async {
            let answer = switching(&read_head(&mut far).await);
            assert!(answer.contains(from), "{from}");
            far.write_all(answer.replacen(from, to, 1).as_bytes()).await.unwrap();
            // Frames right behind it, as if it had been accepted.
            far.write_all(b"\x81\x05Hello").await.unwrap();
            far.shutdown().await.unwrap();
        });
        let error = opened.err().unwrap_or_else(|| panic!("opened with {to:?}"));
        assert!(!error.to_string().contains('\0'), "{error}");
    }
}

/// V-55: a client says nothing but its request before it has its 101, however long that takes.
#[tokio::test(start_paused = true)]
async fn a_client_sends_no_frame_before_the_answer() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let connector = Connector::new();
    let (opened, sent) = tokio::join!(connector.handshake(near, "ws://a/"), async {
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        sent
    });
    assert!(matches!(opened, Err(Error::HandshakeTimeout(_))), "{opened:?}");
    assert!(sent.starts_with("GET / HTTP/1.1\r\n") && sent.ends_with("\r\n\r\n"), "{sent}");
    assert_eq!(sent.matches("\r\n\r\n").count(), 1);
}

/// V-50, V-60: the keys of a hundred handshakes are a hundred keys.
#[tokio::test(start_paused = true)]
async fn no_key_is_used_twice() {
    let mut keys = HashSet::new();
    for _ in 0..100 {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let connector = Connector::new();
        let (_, head) = tokio::join!(
            async {
                tokio::time::timeout(Duration::from_secs(1), connector.handshake(near, "ws://a/"))
                    .await
            },
            read_head(&mut far),
        );
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        assert!(keys.insert(key.to_owned()));
    }
}

/// F-09, V-67: one who sends his request byte by byte, takes no answer, or sends on after his
/// refusal, is given up.
#[tokio::test(start_paused = true)]
async fn a_slow_handshake_ends_in_every_state() {
    let limit = Config::server().handshake_timeout;
    // The request.
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let start = Instant::now();
    let writing = tokio::spawn(async move {
        for byte in request("") {
            let _ = far.write_all(&[byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let ended = accept(near, Config::server()).await;
    assert!(matches!(ended, Err(Error::HandshakeTimeout(_))), "{ended:?}");
    assert!(start.elapsed() >= limit && start.elapsed() < limit * 2, "{:?}", start.elapsed());
    writing.abort();
    // The answer, be it good or bad.
    for head in [request(""), b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let (near, mut far) = tokio::io::duplex(8);
        let start = Instant::now();
        let writing = tokio::spawn(async move {
            far.write_all(&head).await.unwrap();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(far);
        });
        let ended = accept(near, Config::server()).await;
        assert!(ended.is_err());
        assert!(start.elapsed() < limit * 2, "{:?}", start.elapsed());
        writing.abort();
    }
    // After the refusal: neither for ever nor without bound.
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let writing = tokio::spawn(async move {
        let mut written = 0u64;
        while far.write_all(&[b'x'; 1024]).await.is_ok() {
            written += 1024;
            assert!(written < 1 << 26, "64 MiB were taken from a client that was refused");
        }
    });
    assert!(accept(near, Config::server()).await.is_err());
    writing.await.unwrap();
}

/// V-41, V-40: a head with many headers is told what is wrong with it.
#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_is_told_so() {
    for (head, status) in [
        (request(&"A: b\r\n".repeat(200)), "431"),
        (request(&format!("A: {}\r\n", "b".repeat(20_000))), "431"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9_000)).into_bytes(), "414"),
    ] {
        let (ended, answer) = serve(&head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(matches!(ended, Err(Error::Request(RequestError::Head(_)))), "{ended:?}");
    }
}

/// V-45, V-50: what is secret is in no `Debug` output: headers, cookies, the credentials of a
/// proxy, what a server set.
#[tokio::test(start_paused = true)]
async fn debug_output_shows_no_secret() {
    const SECRET: &str = "hunter2";
    let proxy = Proxy::parse("http://user:hunter2@127.0.0.1:1").unwrap();
    let connector =
        Connector::new().header("Authorization", SECRET).header("Cookie", SECRET).proxy(proxy);
    let mut shown = format!("{connector:?} {connector:#?}");

    // What the server sees, and the socket of either side.
    let (near, far) = tokio::io::duplex(1 << 16);
    let seen = std::sync::Mutex::new(String::new());
    let (server, client) = tokio::join!(
        accept_with(near, Config::server(), |request| {
            let again = format!("{request:?} {:?} {:?}", request.headers(), request.accept());
            *seen.lock().unwrap() = again;
            assert_eq!(request.header("authorization"), Some(SECRET.as_bytes()));
            Ok(request.accept())
        }),
        connector.handshake(far, "ws://a/"),
    );
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.send(SECRET).await.unwrap();
    shown += &format!("{} {server:?} {client:?}", seen.lock().unwrap());
    server.recv().await.unwrap().unwrap();
    shown += &format!("{server:?} {client:?}");

    // A refusal that sets a cookie.
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let (declined, ()) = tokio::join!(connector.handshake(near, "ws://a/"), async {
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

/// V-45: nor is it in that of an event source's request, or of a server's refusal.
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

/// V-47, F-32: what a peer wrote is escaped where it is shown: no line of a log and no colour of a
/// terminal can be forged.
#[tokio::test(start_paused = true)]
async fn what_a_peer_wrote_is_shown_escaped() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let connector = Connector::new();
    let (declined, ()) = tokio::join!(connector.handshake(near, "ws://a/"), async {
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
    let tidings_tokio::websocket::CloseStatus::Frame(close) = server.closure().received else {
        panic!("{:?}", server.closure())
    };
    assert!(!close.to_string().chars().any(char::is_control), "{close}");
}

/// V-11: what is counted is bounded beside its bytes: a hundred headers pass, one more does not; as
/// many offers as fit into a head are read, declined and forgotten.
#[tokio::test(start_paused = true)]
async fn what_is_counted_has_a_limit() {
    let own = REQUEST.lines().count() - 1;
    let max = Config::server().head_limits.headers_max;
    let (accepted, answer) = serve(&request(&"A: b\r\n".repeat(max - own))).await;
    assert!(accepted.is_ok(), "{answer}");
    let (refused, answer) = serve(&request(&"A: b\r\n".repeat(max - own + 1))).await;
    assert!(refused.is_err() && answer.starts_with("HTTP/1.1 431 "), "{answer}");

    for (name, element) in [
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=7, "),
        ("Sec-WebSocket-Extensions", "a;b;c=\"d\"; "),
        ("Sec-WebSocket-Protocol", "chat, "),
        ("Upgrade", "h2c, "),
    ] {
        let list = element.repeat(15_000 / element.len());
        let list = list.trim_end_matches([',', ';', ' ']);
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(&request(&format!("{name}: {list}\r\n"))).await.unwrap();
        let mut config = Config::server();
        config.compression = Some(tidings_tokio::Compression::default());
        match accept(near, config).await {
            Ok(_) => {
                let head = read_head(&mut far).await.to_ascii_lowercase();
                assert!(!head.contains("sec-websocket-extensions"), "{head}");
                assert!(!head.contains("sec-websocket-protocol"), "{head}");
            }
            Err(error) => assert!(matches!(error, Error::Request(_)), "{error:?}"),
        }
    }
}

/// V-21: a window is of 8 to 15 bits, or the offer is declined.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_none_is_declined() {
    for (value, is_good) in [
        ("8", true),
        ("15", true),
        ("\"10\"", true),
        ("7", false),
        ("16", false),
        ("0", false),
        ("08", false),
        ("+9", false),
        ("-9", false),
        ("1e1", false),
        ("0x9", false),
        ("9.0", false),
        ("4294967305", false),
        ("18446744073709551625", false),
        ("99999999999999999999999999", false),
    ] {
        let offer = format!(
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits={value}\r\n"
        );
        let mut config = Config::server();
        config.compression = Some(tidings_tokio::Compression::default());
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(&request(&offer)).await.unwrap();
        let accepted = accept(near, config).await;
        assert!(accepted.is_ok(), "{value}: {accepted:?}");
        let head = read_head(&mut far).await;
        assert_eq!(head.contains("permessage-deflate"), is_good, "{value}: {head}");
    }
}
