//! Prints the events of a URL, through all its reconnections.
//!
//! Run it with `cargo run -p tidings-std --features event-source,rustls --example blocking_events --
//! https://stream.wikimedia.org/v2/stream/recentchange`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what happens")]

use tidings_std::sse::{ClientEvent, EventSource, RequestFault};

fn main() -> Result<(), RequestFault> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080/events".to_owned());
    for update in EventSource::get(url)? {
        match update {
            ClientEvent::Open(opened) => eprintln!("open: {}", opened.url),
            ClientEvent::Event(event) => println!("{}: {}", event.event_type, event.data),
            ClientEvent::Overflow(exceeded) => eprintln!("an event was skipped: {exceeded}"),
            ClientEvent::Disconnected { cause, wait } => {
                eprintln!("{cause}; trying again in {wait:.1?}");
            }
            ClientEvent::Closed { cause, reason } => eprintln!("{cause}; {reason}"),
            _ => {}
        }
    }
    Ok(())
}
