//! tidings-sse, the server's side: encodes an event with all its fields.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;
use tidings_sse::{Comment, Event, EventId, EventType, ReconnectionTime};

const SENT: &[u8] = b": hi\nevent: reading\nid: 7\nretry: 500\ndata: 21.5\ndata: C\n\n";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut out = [0; 256];
    let len = encode(black_box("reading"), black_box("7"), black_box("21.5\nC"), &mut out);
    end(len.and_then(|len| out.get(..len)) == Some(SENT))
}

fn encode(event_type: &str, id: &str, data: &str, out: &mut [u8]) -> Option<usize> {
    let event = Event::new()
        .comment(Comment::new(black_box("hi")).ok()?)
        .event_type(EventType::new(event_type).ok()?)
        .id(EventId::new(id).ok()?)
        .retry(ReconnectionTime::from_ms(black_box(500)))
        .data(data);
    event.encode_into(out).ok()
}
