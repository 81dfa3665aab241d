//! Sources after which no request follows: closed or dropped ones, wherever they run.

use std::sync::Arc;
use std::time::Duration;

use tidings_tokio::sse::{EventSource, ReadyState};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::event_scene::{Answer, OPEN, Request, Server, Step, data, once, quick, updates};
use crate::held;

/// E-020, E-028
#[tokio::test]
async fn after_close_nothing_comes_even_if_it_was_there() {
    let server = Server::start([held("id: 0\ndata: 0\n\nid: 1\ndata: 1\n\n")]).await;
    let mut source = server.client();
    assert_eq!(data(&mut source).await, "0");
    source.close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().await.is_none());
    assert_eq!(source.event().await.unwrap(), None);
    assert_eq!(source.last_event_id(), "0");
    source.close();
    assert!(source.next().await.is_none());

    // Before anything has happened, and within a wait.
    let mut source = server.client();
    source.close();
    assert!(source.next().await.is_none());
    let server = Server::start([Answer::stream("")]).await;
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(3600);
    let mut source = server.client_with(config);
    assert_eq!(updates(&mut source, 2).await.len(), 2);
    source.close();
    assert!(source.next().await.is_none());
    assert_eq!(server.requests().len(), 1);
}

/// E-028: the server sees it.
#[tokio::test]
async fn a_close_or_a_drop_ends_the_connection() {
    for close in [true, false] {
        let gone = Arc::new(Notify::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::clone(&gone);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            Request::read(&mut stream).await;
            held("data: x\n\n").play(&mut stream).await;
            told.notify_one();
        });
        let mut source = EventSource::get(url).unwrap();
        assert_eq!(data(&mut source).await, "x");
        let kept = if close {
            source.close();
            Some(source)
        } else {
            drop(source);
            None
        };
        gone.notified().await;
        drop(kept);
    }
}

/// It can be moved to where there is time.
#[tokio::test]
async fn a_source_runs_in_any_task() {
    let server = Server::start([Answer::raw(OPEN).write("data: x\n\n")]).await;
    let mut source = server.client_with(once());
    let event = tokio::spawn(async move { data(&mut source).await }).await.unwrap();
    assert_eq!(event, "x");
}

#[tokio::test]
async fn a_handle_closes_a_source_that_another_task_waits_in() {
    // In an attempt, in an open stream, and in the wait for the next attempt.
    for answer in [Answer(vec![Step::Hold]), held(""), Answer::stream("")] {
        let server = Server::start([answer]).await;
        let mut config = quick();
        config.policy.minimum = Duration::from_secs(3600);
        let mut source = server.client_with(config);
        let handle = source.handle();
        let waiting = tokio::spawn(async move {
            while source.next().await.is_some() {}
            source.ready_state()
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        handle.close();
        assert_eq!(waiting.await.unwrap(), ReadyState::Closed);
    }
}

#[tokio::test]
async fn a_handle_makes_a_source_try_again_at_once() {
    let server = Server::start([Answer::stream(""), held("data: x\n\n")]).await;
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(3600);
    let mut source = server.client_with(config);
    let handle = source.handle();
    assert_eq!(updates(&mut source, 2).await.len(), 2);
    let waiting = tokio::spawn(async move { data(&mut source).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    handle.try_now();
    assert_eq!(waiting.await.unwrap(), "x");

    let mut source = server.client_with(config);
    assert!(source.try_now(), "the first attempt is waited for");
    assert_eq!(data(&mut source).await, "x");
    assert!(!source.try_now(), "the stream is open");
}
