//! The heads that a client shows to a function of its caller.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use tidings_tokio::client::Head;
use tidings_tokio::{Config, ConnectOptions, accept, connect_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Seen = Arc<Mutex<Vec<String>>>;

/// Options that keep all heads.
fn observing() -> (ConnectOptions, Seen) {
    let seen = Seen::default();
    let keep = Arc::clone(&seen);
    let options = ConnectOptions::new().on_head(move |head| {
        let (sign, bytes) = match head {
            Head::Request(bytes) => ('>', bytes),
            Head::Response(bytes) => ('<', bytes),
            _ => return,
        };
        keep.lock().unwrap().push(format!("{sign} {}", String::from_utf8_lossy(bytes)));
    });
    (options, seen)
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn the_heads_of_each_handshake_are_shown_redirects_included() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/old", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let first = read_head(&mut stream).await;
        let answer = b"HTTP/1.1 307 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        accept(stream, Config::server()).await.unwrap();
        first
    });
    let (options, seen) = observing();
    connect_with(&uri, &options.max_redirects(1)).await.unwrap();
    let first_request = server.await.unwrap();
    let seen = seen.lock().unwrap();
    let [asked, moved, asked_again, opened] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(*asked, format!("> {first_request}"));
    assert_eq!(*moved, "< HTTP/1.1 307 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n");
    assert!(asked_again.starts_with("> GET /new HTTP/1.1\r\n"), "{asked_again}");
    assert!(opened.starts_with("< HTTP/1.1 101 "), "{opened}");
    assert!(opened.ends_with("\r\n\r\n"), "{opened}");
}

#[cfg(feature = "event-source")]
#[tokio::test]
async fn the_heads_of_a_request_for_an_event_stream_are_shown() {
    use tidings_tokio::sse::EventSource;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let (options, seen) = observing();
    let source = EventSource::get(format!("http://{address}/events?a=b")).unwrap();
    let mut source = source.with_connect_options(options);
    assert_eq!(source.event().await.unwrap().unwrap().data, "a");
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("> GET /events?a=b HTTP/1.1\r\n"), "{seen:?}");
    assert!(seen[0].contains(&format!("host: {address}\r\n")), "{seen:?}");
    let answer = "< HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    assert_eq!(seen[1], answer);
}
