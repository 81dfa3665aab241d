//! The recipe for fan-out on the page about broadcast: one client that does not read holds up nobody,
//! and each policy does what it says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../examples/fan_out.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program for readers to copy")]
mod fan_out;

use std::sync::Arc;
use std::time::Duration;

use fan_out::{Room, WhenFull};
use tidings::tokio::client::{ClientRole, client_handshake};
use tidings::tokio::{Config, ConnectOptions, Error, Message, WebSocket, accept};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const CAPACITY: usize = 8;

type Client = WebSocket<DuplexStream, ClientRole>;

/// Connects a client over a transport that holds little, as the one of a slow client does once it is
/// full.
async fn join(room: &Arc<Room>, when_full: WhenFull) -> (Client, JoinHandle<Result<(), Error>>) {
    let (near, far) = tokio::io::duplex(256);
    let room = Arc::clone(room);
    let served = tokio::spawn(async move {
        let config = Config::server().write_timeout(Duration::from_millis(500));
        room.serve(accept(far, config).await?, CAPACITY, when_full).await
    });
    let client = client_handshake(near, "ws://localhost/", &ConnectOptions::new()).await.unwrap();
    (client, served)
}

async fn text(client: &mut Client) -> String {
    let message = timeout(PATIENCE, client.recv()).await.unwrap().unwrap().unwrap();
    message.as_text().unwrap().to_owned()
}

/// Publishes until a reader has seen the first message, so that it has joined.
async fn wait_until_joined(room: &Room, client: &mut Client) {
    loop {
        room.publish("hello", "hello");
        match timeout(Duration::from_millis(20), client.recv()).await {
            Ok(received) => {
                received.unwrap().unwrap();
                break;
            }
            Err(_elapsed) => {}
        }
    }
    // The others that were sent meanwhile.
    while timeout(Duration::from_millis(50), client.recv()).await.is_ok() {}
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_nobody() {
    let room = Arc::new(Room::default());
    let (mut stalled, stalled_served) = join(&room, WhenFull::DropOldest).await;
    let (mut reader, _reader_served) = join(&room, WhenFull::DropOldest).await;
    wait_until_joined(&room, &mut stalled).await;
    wait_until_joined(&room, &mut reader).await;
    for number in 0..2_000 {
        room.publish("chat", number.to_string());
        // The reader gets each message at once, although nobody takes those of the other client.
        assert_eq!(text(&mut reader).await, number.to_string());
    }
    let ended = timeout(PATIENCE, stalled_served).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::WriteTimeout(_))), "{ended:?}");
    drop(stalled);
}

#[tokio::test]
async fn the_oldest_messages_are_dropped_and_counted() {
    let room = Arc::new(Room::default());
    let (mut client, _served) = join(&room, WhenFull::DropOldest).await;
    wait_until_joined(&room, &mut client).await;
    // No task runs in between.
    for number in 0..20 {
        room.publish("chat", number.to_string());
    }
    assert_eq!(text(&mut client).await, "(12 messages missed)");
    for number in 12..20 {
        assert_eq!(text(&mut client).await, number.to_string());
    }
}

#[tokio::test]
async fn only_the_latest_of_each_key_is_kept() {
    let room = Arc::new(Room::default());
    let (mut client, _served) = join(&room, WhenFull::LatestByKey).await;
    wait_until_joined(&room, &mut client).await;
    for number in 0..20 {
        room.publish("cpu", format!("cpu {number}"));
        room.publish("memory", format!("memory {number}"));
    }
    assert_eq!(text(&mut client).await, "cpu 19");
    assert_eq!(text(&mut client).await, "memory 19");
}

#[tokio::test]
async fn a_slow_client_is_told_to_come_back() {
    let room = Arc::new(Room::default());
    let (mut client, served) = join(&room, WhenFull::Disconnect).await;
    wait_until_joined(&room, &mut client).await;
    for number in 0..20 {
        room.publish("chat", number.to_string());
    }
    assert_eq!(timeout(PATIENCE, client.recv()).await.unwrap().unwrap(), None::<Message>);
    assert_eq!(client.close_info().received.code(), 1013);
    drop(client);
    let _ = timeout(PATIENCE, served).await.unwrap().unwrap();
}
