//! The reports of the feature `tracing`, and the values it never reports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io;
use std::sync::{Arc, Mutex};

use tidings_tokio::client::client_handshake;
use tidings_tokio::websocket::Client;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, WebSocket, accept,
    client::{ClientRole, RandomMasks},
    server::ServerRole,
};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tracing_subscriber::fmt::MakeWriter;

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

type Pair = (WebSocket<DuplexStream>, WebSocket<DuplexStream, ClientRole>);

fn pair() -> Pair {
    let (ours, theirs) = duplex(4096);
    let role = Client::new(RandomMasks);
    (
        WebSocket::from_handshaken(ours, ServerRole, Config::server(), &[]),
        WebSocket::from_handshaken(theirs, role, Config::client(), &[]),
    )
}

fn record() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn messages_and_the_close_are_told_without_a_payload() {
    let (log, _guard) = record();
    let (mut server, mut client) = pair();
    client.send("do not tell").await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap().as_text(), Some("do not tell"));
    client.start_close(CloseCode::GOING_AWAY, "moving");
    let (from_client, from_server) = tokio::join!(client.recv(), server.recv());
    assert!(from_client.unwrap().is_none() && from_server.unwrap().is_none());

    let log = log.text();
    for told in [
        "TRACE tidings: message received is_text=true len=11",
        "TRACE tidings: data frame sent payload_len=11",
        "DEBUG tidings: closing code=1001 reason=\"moving\"",
        "DEBUG tidings: the peer closes code=1001 reason=\"moving\"",
        "DEBUG tidings: the connection has ended clean=true",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    assert!(!log.contains("do not tell"), "{log}");
}

#[tokio::test]
async fn a_failure_is_told_with_its_reason() {
    let (log, _guard) = record();
    let (ours, mut theirs) = duplex(4096);
    let mut server = WebSocket::from_handshaken(ours, ServerRole, Config::server(), &[]);
    theirs.write_all(b"\x81\x01a").await.unwrap(); // not masked
    theirs.shutdown().await.unwrap();
    server.recv().await.unwrap_err();
    let log = log.text();
    assert!(log.contains("DEBUG tidings: the connection failed error="), "{log}");
    assert!(log.contains("the connection has ended clean=false"), "{log}");
}

#[tokio::test]
async fn a_handshake_is_told_without_what_was_said_in_it() {
    let (log, _guard) = record();
    let (ours, theirs) = duplex(4096);
    let options = ConnectOptions::new().header("Authorization", "Bearer do-not-tell");
    let (server, client) = tokio::join!(
        accept(ours, Config::server()),
        client_handshake(theirs, "ws://localhost/do-not-tell", &options),
    );
    let (_server, _client) = (server.unwrap(), client.unwrap());
    let log = log.text();
    assert_eq!(
        log.matches("DEBUG tidings: the WebSocket is open compressed=false").count(),
        2,
        "{log}"
    );
    assert!(!log.contains("do-not-tell"), "{log}");
}
