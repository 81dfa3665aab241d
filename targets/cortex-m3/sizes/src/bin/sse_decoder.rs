//! tidings-sse, the client's side: decodes an event stream into borrowed memory.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;
use tidings_sse::{Decoder, FixedStorage, Item, Limits};

const RECEIVED: &[u8] = b"retry: 500\n\nevent: reading\nid: 7\ndata: 21.5\ndata: C\n\n";

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut data, mut event_type, mut last_event_id) = ([0; 256], [0; 32], [0; 3 * 32]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut last_event_id,
        comment: &mut [],
    };
    let mut decoder = Decoder::with_storage(storage, black_box(Limits::DEFAULT));
    let (mut is_heard, mut retry_ms) = (false, 0);
    let (head, tail) = black_box(RECEIVED).split_at(black_box(20));
    for mut input in [head, tail] {
        while let Some(item) = decoder.decode(&mut input) {
            match item {
                Item::Event(event) => {
                    is_heard = event.event_type == "reading"
                        && event.data == "21.5\nC"
                        && event.last_event_id == "7";
                }
                Item::Retry(time) => retry_ms = time.as_ms(),
                _ => end(false),
            }
        }
    }
    end(is_heard && retry_ms == 500)
}
