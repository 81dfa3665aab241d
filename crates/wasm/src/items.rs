//! The items of a stream, as objects of JavaScript: the union `StreamItem`.

use tidings_sse::{Item, Limit};
use wasm_bindgen::prelude::*;

use crate::number;
use crate::values::{self, Items};

#[wasm_bindgen(typescript_custom_section)]
const STREAM_ITEM: &str = include_str!("../js/stream_item.d.ts");

/// Appends an item.
pub(crate) fn add(items: &Items, item: &Item<'_>) {
    match item {
        Item::Event(event) => {
            values::add_event(items, event.event_type, event.data, event.last_event_id);
        }
        Item::DataChunk(data) => values::add_data_chunk(items, data),
        Item::EventEnd(end) => values::add_event_end(items, end.event_type, end.last_event_id),
        Item::Comment(text) => values::add_comment(items, text),
        Item::Retry(time) => values::add_retry(items, number::from_u64(time.as_ms())),
        Item::Overflow(exceeded) => {
            let max_length = number::from_usize(exceeded.max_len);
            let message = alloc::format!("{exceeded}");
            values::add_overflow(items, limit_name(exceeded.limit), max_length, &message);
        }
        _ => {}
    }
}

/// The name of the option that sets the limit, without its `LengthMax`.
const fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::Line => "line",
        Limit::Data => "data",
        Limit::EventType => "eventType",
        Limit::LastEventId => "lastEventId",
        Limit::Comment => "comment",
        _ => "other",
    }
}
