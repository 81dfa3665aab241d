//! At a server: pages of other sites, and invalid requests. Whichever way in they take, no tunnel
//! is opened.

use tidings_tokio::handshake::{Acceptance, Rejection, ServerRequest};
use tidings_tokio::{Config, Error, accept_with};
use tokio::io::AsyncWriteExt as _;

use crate::attack_scene::{REQUEST, frame, request};
use crate::serve;

/// Pages of other sites, under every disguise, get a 403 and no WebSocket; the page of the
/// host itself, and programs, get one.
#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_cannot_connect() {
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
    // Two of them are not an origin, whichever comes first.
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

/// Whatever is wrong with a request, it is answered in HTTP and never by
/// 101, the connection ends, and bytes pipelined after it are neither a request nor a frame.
#[tokio::test(start_paused = true)]
async fn an_invalid_request_opens_no_tunnel() {
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

/// Hyper's requests go through the same checks. Requests that hyper's parser refuses are left
/// out; the rest is refused by both.
#[cfg(feature = "hyper")]
#[tokio::test(start_paused = true)]
async fn a_framework_is_not_a_laxer_path() {
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
        let outcome =
            tidings_tokio::upgrade(&mut request, Config::server(), |request| Ok(request.accept()));
        let response = outcome.err().unwrap_or_else(|| panic!("accepted: {head}"));
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

/// Requests that a proxy may have let through, as changes of a good one.
fn smuggled() -> Vec<String> {
    let replaced = |from: &str, to: &str| {
        assert!(REQUEST.contains(from), "{from}");
        format!("{}\r\n", REQUEST.replacen(from, to, 1))
    };
    let with = |lines: &str| format!("{REQUEST}{lines}\r\n");
    vec![
        // The version that proxies do not look at, and invalid keys.
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

/// A router sees the target as it came: nothing is decoded, joined or folded that would make
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
