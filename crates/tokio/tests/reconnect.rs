//! A client that comes back, against servers that refuse, close, vanish and return.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::net::SocketAddr;
use std::time::Duration;

use tidings_tokio::handshake::Rejection;
use tidings_tokio::reconnect::{GiveUp, Policy, ReconnectEvent, Reconnecting};
use tidings_tokio::{CloseCode, Config, ConnectOptions, accept, accept_with};
use tokio::net::TcpListener;

/// Quick enough for a test, with all else as it is.
fn policy() -> Policy {
    let mut policy = Policy::websocket();
    policy.base = Duration::from_millis(20);
    policy.cap = Duration::from_millis(80);
    policy.busy_minimum = Duration::from_millis(10);
    policy.busy_spread = Duration::from_millis(10);
    policy
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn client(address: SocketAddr) -> Reconnecting {
    Reconnecting::new(format!("ws://{address}/"), ConnectOptions::new(), policy())
}

/// W-113, W-114, V-96: refused with 503, cut off, closed with 1012, and back each time.
#[tokio::test]
async fn it_comes_back_until_the_server_does_not_want_it() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let busy = accept_with(stream, Config::server(), |_| {
            Err(Rejection::new(503, "later\n").unwrap().headers(&[("Retry-After", "0")]).unwrap())
        });
        busy.await.unwrap_err();

        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        socket.send("first").await.unwrap();
        drop(socket);

        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some("again".into()));
        socket.close(CloseCode::SERVICE_RESTART, "").await.unwrap();

        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        socket.close(CloseCode::POLICY_VIOLATION, "go away").await.unwrap();
    });

    let mut client = client(address);
    let mut seen = Vec::new();
    while let Some(update) = client.next().await {
        seen.push(match update {
            ReconnectEvent::Connected => {
                if seen.iter().filter(|seen| *seen == "connected").count() == 1 {
                    client.socket().unwrap().send("again").await.unwrap();
                }
                "connected".to_owned()
            }
            ReconnectEvent::Message(message) => message.as_text().unwrap().to_owned(),
            ReconnectEvent::Disconnected { why, wait } => {
                assert!(wait <= Duration::from_millis(200), "{wait:?}");
                assert!(client.socket().is_none());
                why.to_string()
            }
            ReconnectEvent::GaveUp { why, reason } => {
                assert_eq!(reason, GiveUp::Forbidden);
                format!("gave up: {why}")
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        seen,
        [
            "the server answered 503 Service Unavailable",
            "connected",
            "first",
            "the transport ended without a Close frame",
            "connected",
            "the server closed: 1012 (service restart)",
            "connected",
            "gave up: the server closed: 1008 (policy violation): go away",
        ]
    );
    serving.await.unwrap();
    assert!(client.next().await.is_none());
}

/// A server that is down is tried again, with growing windows, until it is there.
#[tokio::test]
async fn it_waits_for_a_server_that_is_down() {
    let (listener, address) = listen().await;
    drop(listener);
    let mut client = client(address);
    for failures in 1..=4 {
        assert!(matches!(client.next().await, Some(ReconnectEvent::Disconnected { .. })));
        assert_eq!(client.failures(), failures);
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        socket.send("back").await.unwrap();
        socket.recv().await
    });
    loop {
        match client.next().await.unwrap() {
            ReconnectEvent::Message(message) => break assert_eq!(message.as_text(), Some("back")),
            ReconnectEvent::Connected | ReconnectEvent::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.failures(), 0, "a message is a success");
    drop(client);
    assert!(serving.await.unwrap().is_err());
}

/// What the caller got wrong is not asked for twice.
#[tokio::test]
async fn a_fault_of_the_caller_is_not_retried() {
    let mut client = Reconnecting::new("http://not-a-websocket/", ConnectOptions::new(), policy());
    assert!(matches!(client.next().await, Some(ReconnectEvent::GaveUp { .. })));
    assert!(client.next().await.is_none());
}

/// P-14: `next` may lose every race and still connects.
#[tokio::test]
async fn dropped_calls_of_next_lose_nothing() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        for number in 0..50 {
            socket.send(number.to_string()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        socket.close(CloseCode::NORMAL, "").await.unwrap();
    });
    let mut client = client(address);
    let mut numbers = Vec::new();
    loop {
        let update = tokio::time::timeout(Duration::from_micros(300), client.next()).await;
        match update {
            Err(_) | Ok(Some(ReconnectEvent::Connected)) => {}
            Ok(Some(ReconnectEvent::Message(message))) => {
                numbers.push(message.as_text().unwrap().parse::<u32>().unwrap());
            }
            Ok(Some(ReconnectEvent::GaveUp { .. })) => break,
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    serving.await.unwrap();
}
