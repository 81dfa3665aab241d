//! The limits of a handshake: its time, the size of its head, the length of its lists, and its
//! numbers.

use std::time::Duration;

use tidings_tokio::handshake::RequestError;
use tidings_tokio::{Config, Error, accept};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::attack_scene::{REQUEST, read_head, request};
use crate::serve;

/// A client that sends its request byte by byte, takes no answer, or keeps sending
/// after its refusal, is cut off.
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

/// The answer to a head with many headers names the fault.
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

/// Counts are bounded as well as bytes: a hundred headers pass, one more does not; as many
/// offers as fit into a head are read, declined and forgotten.
#[tokio::test(start_paused = true)]
async fn what_is_counted_has_a_limit() {
    let own = REQUEST.lines().count() - 1;
    let max = Config::server().head_limits.max_headers;
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
        config.compression = Some(tidings_tokio::compression::Compression::default());
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

/// A window is of 8 to 15 bits, or the offer is declined.
#[tokio::test(start_paused = true)]
async fn an_invalid_window_is_declined() {
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
        config.compression = Some(tidings_tokio::compression::Compression::default());
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(&request(&offer)).await.unwrap();
        let accepted = accept(near, config).await;
        assert!(accepted.is_ok(), "{value}: {accepted:?}");
        let head = read_head(&mut far).await;
        assert_eq!(head.contains("permessage-deflate"), is_good, "{value}: {head}");
    }
}
