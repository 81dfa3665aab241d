//! A clock as an event stream, with a thread for each client: one event a second, the last hundred of
//! them kept, so that a client that reconnects misses none.
//!
//! Run it with `cargo run -p tidings-std --features event-server --example blocking_event_server --
//! 127.0.0.1:8080`, and look at it with `curl -N http://127.0.0.1:8080/`, with the example
//! `blocking_events`, or in a browser by `new EventSource("http://127.0.0.1:8080/")`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what happens")]

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Response;
use tidings_std::sse::server::{
    Capacity, EncodedEvent, EventIds, EventRequest, EventSender, History, Responder, ServeError,
    WhenFull,
};
use tidings_std::sse::{Event, ReconnectionTime};

/// Events for all clients, in one order.
struct Feed {
    responder: Responder,
    history: Arc<History>,
    senders: Mutex<Vec<EventSender>>,
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}/", listener.local_addr()?);

    let feed = Arc::new(Feed {
        responder: Responder::new()
            .retry(ReconnectionTime::from_ms(1_000))
            .when_full(WhenFull::DropOldest),
        history: Arc::new(History::new(Capacity { max_events: 100, ..Capacity::DEFAULT })),
        senders: Mutex::default(),
    });
    let clock = Arc::clone(&feed);
    thread::spawn(move || tick(&clock));

    for stream in listener.incoming() {
        let (stream, feed) = (stream?, Arc::clone(&feed));
        thread::spawn(move || match serve(stream, &feed) {
            Ok(()) => {}
            Err(error) if error.is_disconnect() => eprintln!("a client has left"),
            Err(error) => eprintln!("{error}"),
        });
    }
    Ok(())
}

fn serve(stream: TcpStream, feed: &Feed) -> Result<(), ServeError> {
    // An event is small and should not wait for the next one.
    let _ = stream.set_nodelay(true);
    let request = EventRequest::read(stream)?;
    if request.head().uri().path() != "/" {
        let mut refusal = Response::new("only / is served here\n");
        *refusal.status_mut() = http::StatusCode::NOT_FOUND;
        return request.respond_with(refusal);
    }
    match request.last_event_id() {
        Ok(last_event_id) => {
            // Registered before the replay: events published in between are neither lost nor
            // doubled.
            let history = Arc::clone(&feed.history);
            let (sender, mut response) = feed.responder.replay(history, last_event_id);
            feed.senders.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            let anyone = http::HeaderValue::from_static("*");
            response.headers_mut().insert("access-control-allow-origin", anyone);
            request.respond(response)
        }
        Err(error) => request.respond_with(error.response()),
    }
}

/// Publishes the time, once a second.
fn tick(feed: &Feed) {
    // After a restart no event has the ID of an earlier one.
    let ids = EventIds::new();
    loop {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (id, data) = (ids.next_id(), since_1970.as_secs().to_string());
        let event = EncodedEvent::from(Event::new().id(id.as_event_id()).data(&data));
        // First into the history, then out, under one lock: the order is the same for all.
        let mut senders = feed.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = feed.history.push(event.clone()) {
            eprintln!("{error}");
        }
        senders.retain(|sender| sender.try_send(&event).is_ok());
        drop(senders);
        thread::sleep(Duration::from_secs(1));
    }
}
