//! The client on the page about language models tells a whole answer from a cut one, reads a failure inside
//! the stream, and does not wait for hours because the service asks it to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../examples/language_model.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program for readers to copy")]
mod language_model;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, StatusCode};
use axum::routing::post;
use language_model::{ask, question};

const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n";

type Answer = (StatusCode, [(HeaderName, &'static str); 2], String);

/// Asks a service that gives these answers in order. Returns the result, and how often it was asked.
async fn ask_service(answers: Vec<Answer>) -> (Result<(), String>, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move || {
        let index = count.fetch_add(1, Ordering::Relaxed);
        let answer = answers.get(index).cloned();
        async move { answer.unwrap_or_else(|| panic!("request {index} was not expected")) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let app = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let asking = ask(question(&url, "secret", "Say something."));
    let result = tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
    (result.map_err(|error| error.to_string()), asked.load(Ordering::Relaxed))
}

fn stream(events: &str) -> Answer {
    let headers = [
        (HeaderName::from_static("content-type"), "text/event-stream"),
        (HeaderName::from_static("cache-control"), "no-store"),
    ];
    (StatusCode::OK, headers, events.to_owned())
}

fn refusal(status: StatusCode, retry_after: &'static str, body: &str) -> Answer {
    let headers = [
        (HeaderName::from_static("content-type"), "application/json"),
        (HeaderName::from_static("retry-after"), retry_after),
    ];
    (status, headers, body.to_owned())
}

#[tokio::test]
async fn a_whole_answer_ends_with_done() {
    let (result, asked) = ask_service(vec![stream(&format!("{TOKEN}data: [DONE]\n\n"))]).await;
    assert_eq!((result, asked), (Ok(()), 1));
}

#[tokio::test]
async fn an_answer_without_done_is_not_whole_and_is_not_asked_for_again() {
    let (result, asked) = ask_service(vec![stream(TOKEN)]).await;
    assert!(result.unwrap_err().contains("not whole"));
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_failure_inside_the_stream_is_an_error() {
    let events = format!("{TOKEN}data: {{\"error\":{{\"message\":\"overloaded\"}}}}\n\n");
    let (result, asked) = ask_service(vec![stream(&events)]).await;
    assert!(result.unwrap_err().contains("overloaded"));
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_refusal_is_returned_with_its_body() {
    let answer = refusal(StatusCode::UNAUTHORIZED, "1", "the key has expired");
    let (result, asked) = ask_service(vec![answer]).await;
    assert_eq!(result.unwrap_err(), "the service answered 401: the key has expired");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_long_retry_after_is_returned_at_once() {
    let answer = refusal(StatusCode::TOO_MANY_REQUESTS, "3600", "the quota is used up");
    let (result, asked) = ask_service(vec![answer]).await;
    assert_eq!(result.unwrap_err(), "the service answered 429: the quota is used up");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let busy = refusal(StatusCode::SERVICE_UNAVAILABLE, "1", "busy");
    let (result, asked) =
        ask_service(vec![busy, stream(&format!("{TOKEN}data: [DONE]\n\n"))]).await;
    assert_eq!((result, asked), (Ok(()), 2));
}
