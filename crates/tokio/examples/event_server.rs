//! A server of event streams to try clients with, over HTTP/1.1, or over HTTP/2 with `--h2` (without
//! TLS, with prior knowledge).
//!
//! Run it with `cargo run -p tidings-tokio --features hyper,sse --example event_server -- 127.0.0.1:0`
//!
//! - `/numbers?count=10&every_ms=100&retry_ms=&drop_after=`: events 1 to `count` of type `number`,
//!   resumed after `Last-Event-ID`; after `drop_after` events the connection is cut. A client that
//!   has the last one gets 204.
//! - `/kinds?keep_alive_ms=`: one event of each kind, then silence.
//! - `/clock?count=10&every_ms=100`: the time at which each event was sent, in milliseconds.
//! - `/silent?keep_alive_ms=`: comments alone.
//! - `/forever`: 50 events a second.
//! - `/post`: each line of the request's body as an event.
//! - `/status/503`: that status. `/type`: a media type that is not an event stream.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBodyError, EventSender, History, LastEventId, Replayed,
    ResetStalled, Responder, WriteDeadline, stop_reconnecting,
};
use tidings_tokio::sse::{Comment, Event, EventId, EventType, ReconnectionTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

type Answer = Response<BoxBody<Bytes, EventBodyError>>;
type Anything = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let (options, addresses): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let http2 = options.iter().any(|option| option == "--h2");
    let address = addresses.first().map_or("127.0.0.1:8082", String::as_str);
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // Out of file descriptors, most likely: open connections continue, new ones wait.
            Err(error) => {
                println!("accept: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        tokio::spawn(serve(stream, http2));
    }
}

async fn serve(stream: TcpStream, http2: bool) {
    // An event is small and should not wait for the next one.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(WriteDeadline::new(stream, Duration::from_secs(30)));
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
    let served = if http2 {
        hyper::server::conn::http2::Builder::new(ResetStalled::new(TokioExecutor::new()))
            .serve_connection(io, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(io, service)
            .await
    };
    if let Err(error) = served {
        eprintln!("a connection ended: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut response = match path.as_str() {
        _ if request.method() == Method::OPTIONS => text(StatusCode::NO_CONTENT, ""),
        "/numbers" => numbers(&request).unwrap_or_else(|error| bad_request(&*error)),
        "/clock" => clock(&request),
        "/kinds" => feed(&responder(&request), kinds),
        "/silent" => feed(&responder(&request), async |sender| {
            sender.closed().await;
            Ok(())
        }),
        "/forever" => feed(&responder(&request), forever),
        "/post" => post(request).await.unwrap_or_else(|error| bad_request(&*error)),
        "/type" => text(StatusCode::OK, "data: not an event\n\n"),
        _ => {
            let status = path.strip_prefix("/status/").and_then(|status| status.parse().ok());
            text(status.unwrap_or(StatusCode::NOT_FOUND), "")
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let allowed = HeaderValue::from_static("cache-control, content-type, last-event-id");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    response
}

/// Numbers, at a steady pace, from where the client was.
fn numbers(request: &Request<Incoming>) -> Result<Answer, Anything> {
    let count = query(request, "count").unwrap_or(10).min(100_000);
    let every = Duration::from_millis(query(request, "every_ms").unwrap_or(100));
    let drop_after = query(request, "drop_after");

    // A number means the same event in each run of this program, so it may be the ID.
    let all = (1..=count).map(number).collect::<Result<Vec<_>, _>>()?;
    let history =
        History::with_lasting_ids(Capacity { max_events: all.len(), max_bytes: usize::MAX });
    for event in &all {
        history.push(event.clone())?;
    }
    let missed = match LastEventId::from_headers(request.headers())? {
        None => Replayed::complete(all),
        Some(last) if last.as_str() == count.to_string() => {
            return Ok(stop_reconnecting().map(BodyExt::boxed));
        }
        Some(last) => history.after(&last, usize::MAX),
    };
    let mut responder = responder(request);
    if let Some(ms) = query(request, "retry_ms") {
        responder = responder.retry(ReconnectionTime::from_ms(ms));
    }
    Ok(feed(&responder, async move |sender| {
        if !missed.is_complete() {
            let gap = Event::new().event_type(EventType::new("gap")?);
            sender.send(gap.data(r#"{"dropped":null}"#)).await?;
        }
        for (sent, event) in (1..).zip(missed.events()) {
            sender.send(event).await?;
            if drop_after == Some(sent) {
                // Not before the queued events.
                sender.drained().await?;
                sender.abort();
                break;
            }
            sleep(every).await;
        }
        Ok(())
    }))
}

fn number(number: u64) -> Result<EncodedEvent, Anything> {
    let digits = number.to_string();
    let event = Event::new().event_type(EventType::new("number")?).id(EventId::new(&digits)?);
    Ok(event.data(&digits).into())
}

fn clock(request: &Request<Incoming>) -> Answer {
    let count = query(request, "count").unwrap_or(10);
    let every = Duration::from_millis(query(request, "every_ms").unwrap_or(100));
    feed(&responder(request), async move |sender| {
        for _ in 0..count {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            sender.send(EncodedEvent::text(&now.as_millis().to_string())).await?;
            sleep(every).await;
        }
        Ok(())
    })
}

async fn kinds(sender: EventSender) -> Result<(), Anything> {
    sender.comment(Comment::new("one of each kind")?)?;
    let kinds = [
        Event::new().data("plain"),
        Event::new().event_type(EventType::new("named")?).data("with a type"),
        Event::new().id(EventId::new("7")?).data("with an ID"),
        Event::new().id(EventId::new("\u{2026}\u{e9}")?).data("with an ID that is not ASCII"),
        Event::new().data("two\nlines"),
        Event::new().data(""),
        Event::new().data(" a space leads"),
        Event::new().data("CR\rand CRLF\r\nand LF\n"),
        Event::new().data("emoji 🎈"),
        Event::new().retry(ReconnectionTime::from_ms(1_234)).data("with a reconnection time"),
        Event::new().retry(ReconnectionTime::from_ms(1_000)),
        Event::new().comment(Comment::new("with a comment")?).data("with a comment"),
        Event::new().event_type(EventType::new("last")?).id(EventId::EMPTY).data("no ID any more"),
    ];
    for kind in kinds {
        sender.send(kind).await?;
    }
    sender.closed().await;
    Ok(())
}

/// Nothing of it is kept for a client that comes back, so no event has an ID.
async fn forever(sender: EventSender) -> Result<(), Anything> {
    for count in 1_u64.. {
        let event = Event::new().event_type(EventType::new("number")?);
        sender.send(event.data(&count.to_string())).await?;
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn post(request: Request<Incoming>) -> Result<Answer, Anything> {
    let responder = responder(&request);
    let body = Limited::new(request.into_body(), 1024 * 1024).collect().await?.to_bytes();
    let lines = String::from_utf8(body.into())?;
    Ok(feed(&responder, async move |sender| {
        for line in lines.lines() {
            sender.send(EncodedEvent::text(line)).await?;
        }
        Ok(())
    }))
}

/// A response, and a task that feeds it and ends with it.
fn feed<F>(responder: &Responder, feed: impl FnOnce(EventSender) -> F) -> Answer
where
    F: Future<Output = Result<(), Anything>> + Send + 'static,
{
    let (sender, response) = responder.open();
    let task = feed(sender);
    tokio::spawn(async move {
        if let Err(error) = task.await {
            eprintln!("a stream ended: {error}");
        }
    });
    response.map(BodyExt::boxed)
}

fn responder(request: &Request<Incoming>) -> Responder {
    match query(request, "keep_alive_ms") {
        Some(ms) => Responder::new().keep_alive(Duration::from_millis(ms)),
        None => Responder::new(),
    }
}

fn query(request: &Request<Incoming>, name: &str) -> Option<u64> {
    let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

fn bad_request(error: &dyn Error) -> Answer {
    text(StatusCode::BAD_REQUEST, &error.to_string())
}

fn text(status: StatusCode, text: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
