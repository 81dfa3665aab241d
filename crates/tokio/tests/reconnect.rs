//! A client that comes back, against servers that refuse, close, vanish and return.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tidings_tokio::handshake::Rejection;
use tidings_tokio::reconnect::{GiveUp, Policy, ReconnectEvent, Reconnecting};
use tidings_tokio::{CloseCode, Config, ConnectOptions, accept, accept_with};
use tokio::net::TcpListener;

/// Quick enough for a test, otherwise unchanged.
fn policy() -> Policy {
    let mut policy = Policy::websocket();
    policy.base = Duration::from_millis(20);
    policy.cap = Duration::from_millis(80);
    policy.busy_minimum = Duration::from_millis(10);
    policy.busy_spread = Duration::from_millis(10);
    policy.max_server_wait = Duration::from_millis(100);
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

/// W-113, W-114: refused with 503, cut off, closed with 1012, and back each time.
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

/// A mistake of the caller is not repeated.
#[tokio::test]
async fn a_fault_of_the_caller_is_not_retried() {
    let mut client = Reconnecting::new("http://not-a-websocket/", ConnectOptions::new(), policy());
    assert!(matches!(client.next().await, Some(ReconnectEvent::GaveUp { .. })));
    assert!(client.next().await.is_none());
}

/// `next` may lose every race and still connects.
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

/// RFC 9110, 10.2.3: the server's own time is kept to, with little spread.
#[tokio::test]
async fn retry_after_is_kept_to() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let busy = accept_with(stream, Config::server(), |_| {
            Err(Rejection::new(503, "later\n").unwrap().headers(&[("Retry-After", "1")]).unwrap())
        });
        busy.await.unwrap_err();
    });
    let options = ConnectOptions::new();
    let mut client = Reconnecting::new(format!("ws://{address}/"), options, Policy::websocket());
    match client.next().await {
        Some(ReconnectEvent::Disconnected { wait, .. }) => {
            assert!((1000..=1125).contains(&wait.as_millis()), "{wait:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// A new token for each attempt; an attempt without a token has failed.
#[tokio::test]
async fn each_attempt_gets_a_request_of_its_own() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let accepted = accept_with(stream, Config::server(), |request| {
                seen.push(String::from_utf8_lossy(request.header("x-token").unwrap()).into_owned());
                Err(Rejection::new(503, "").unwrap())
            });
            accepted.await.unwrap_err();
        }
        seen
    });
    let mut tokens = 0;
    let mut client = Reconnecting::new("ws://unused/", ConnectOptions::new(), policy())
        .with_request(move |failures| {
            tokens += 1;
            let token = tokens;
            async move {
                tokio::task::yield_now().await;
                if token == 2 {
                    return Err(std::io::Error::other("there is no token").into());
                }
                let value = format!("{token} after {failures}");
                let options = ConnectOptions::new().header("x-token", value);
                Ok((format!("ws://{address}/"), options))
            }
        });
    for expected in ["503", "there is no token", "503"] {
        match client.next().await {
            Some(ReconnectEvent::Disconnected { why, .. }) => {
                assert!(why.to_string().contains(expected), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(serving.await.unwrap(), ["1 after 0", "3 after 2"]);
}

#[tokio::test]
async fn a_handle_makes_a_client_try_again_at_once() {
    let (listener, address) = listen().await;
    drop(listener);
    let mut patient = policy();
    patient.minimum = Duration::from_secs(3600);
    let mut client = Reconnecting::new(format!("ws://{address}/"), ConnectOptions::new(), patient);
    let handle = client.handle();
    assert!(!client.try_now(), "the first attempt is due as it is");
    assert!(matches!(client.next().await, Some(ReconnectEvent::Disconnected { .. })));
    let listener = TcpListener::bind(address).await.unwrap();
    let waiting = tokio::spawn(async move { client.next().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    handle.try_now();
    let (stream, _) = listener.accept().await.unwrap();
    let _socket = accept(stream, Config::server()).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Some(ReconnectEvent::Connected)));
}

/// While it waits for a message, and for the next attempt.
#[tokio::test]
async fn a_handle_closes_a_client_that_another_task_waits_in() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        socket.send("before").await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), None);
        socket.close_info().received.code()
    });
    let mut client = client(address);
    let handle = client.handle();
    assert!(matches!(client.next().await, Some(ReconnectEvent::Connected)));
    assert!(matches!(client.next().await, Some(ReconnectEvent::Message(_))));
    let waiting = tokio::spawn(async move { (client.next().await.is_none(), client) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    let begun = Instant::now();
    handle.close();
    let (is_over, mut client) = waiting.await.unwrap();
    assert!(is_over && client.next().await.is_none());
    assert_eq!(serving.await.unwrap(), 1000);

    let mut patient = policy();
    patient.minimum = Duration::from_secs(3600);
    let mut client = Reconnecting::new(format!("ws://{address}/"), ConnectOptions::new(), patient);
    assert!(matches!(client.next().await, Some(ReconnectEvent::Disconnected { .. })));
    client.close();
    assert!(client.next().await.is_none());
    assert!(begun.elapsed() < Duration::from_secs(5));
}
