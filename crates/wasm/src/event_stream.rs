//! [`EventStreamDecoder`]: bytes of an event stream in, items out.

use alloc::format;
use alloc::string::{String, ToString};

use tidings_sse::{Decoder, EndOfStream, EventId, GrowableStorage, Limits};
use wasm_bindgen::prelude::*;

use crate::items;
use crate::number;
use crate::options::Options;
use crate::values::{self, Items};

/// Decodes an event stream that comes in pieces, cut anywhere.
///
/// No bytes are an error. Exceeding a limit costs one event, and is reported as an item of the kind
/// `overflow`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct EventStreamDecoder {
    decoder: Decoder<GrowableStorage>,
}

#[wasm_bindgen]
impl EventStreamDecoder {
    /// A decoder at the beginning of a stream.
    ///
    /// # Errors
    /// `TypeError` or `RangeError` for an option that cannot be used.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "StreamOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        Ok(Self { decoder: decoder(&Options(options))? })
    }

    /// Decodes the next bytes of the stream, all of them. An event comes out at the very byte that
    /// ends its blank line.
    ///
    /// # Errors
    /// `TypeError` if `chunk` is not bytes.
    #[wasm_bindgen(unchecked_return_type = "StreamItem[]")]
    pub fn push(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | ArrayBuffer")] chunk: &JsValue,
    ) -> Result<Items, JsValue> {
        let chunk = values::bytes(chunk, "chunk")?;
        let items = Items::new();
        let mut input = &chunk[..];
        while let Some(item) = self.decoder.decode(&mut input) {
            items::add(&items, &item);
        }
        Ok(items)
    }

    /// The stream is over: returns how many bytes of an unfinished event are discarded, 0 if it
    /// ended between events. The decoder is then ready for the next stream; the last event ID and
    /// the reconnection time stay.
    pub fn finish(&mut self) -> f64 {
        dropped_length(self.decoder.finish())
    }

    /// The last event ID string, which a reconnection sends as `Last-Event-ID`. Empty if there is
    /// none.
    #[wasm_bindgen(getter, js_name = lastEventId)]
    pub fn last_event_id(&self) -> String {
        self.decoder.last_event_id().to_string()
    }

    /// The value of the last valid `retry` field, in milliseconds.
    #[wasm_bindgen(getter, js_name = reconnectionTimeMs)]
    pub fn reconnection_time_ms(&self) -> Option<f64> {
        self.decoder.reconnection_time().map(|time| number::from_u64(time.as_ms()))
    }
}

/// The decoder that the options ask for.
pub(crate) fn decoder(options: &Options<'_>) -> Result<Decoder<GrowableStorage>, JsValue> {
    let mut limits = Limits::DEFAULT;
    if let Some(length) = options.length("lineLengthMax")? {
        limits = limits.max_line_len(length);
    }
    if let Some(length) = options.length("dataLengthMax")? {
        limits = limits.max_data_len(length);
    }
    if let Some(length) = options.length("eventTypeLengthMax")? {
        limits = limits.max_event_type_len(length);
    }
    if let Some(length) = options.length("lastEventIdLengthMax")? {
        limits = limits.max_last_event_id_len(length);
    }
    if let Some(length) = options.length("commentLengthMax")? {
        limits = limits.max_comment_len(length);
    }
    let mut decoder = Decoder::with_limits(limits);
    if options.flag("reportComments")? == Some(true) {
        decoder = decoder.report_comments();
    }
    if options.flag("reportDataChunks")? == Some(true) {
        decoder = decoder.report_data_chunks();
    }
    if let Some(id) = options.text("lastEventId")? {
        let refused = |why| values::range_error(&format!("lastEventId cannot be used: {why}"));
        let id = EventId::new(&id).map_err(|error| refused(format!("{error}")))?;
        decoder.set_last_event_id(id).map_err(|error| refused(format!("{error}")))?;
    }
    Ok(decoder)
}

/// The bytes that were dropped; 0 if there was nothing to drop.
pub(crate) fn dropped_length(end: EndOfStream) -> f64 {
    match end {
        EndOfStream::BetweenEvents => 0.0,
        EndOfStream::InsideEvent { dropped_len } => number::from_u64(dropped_len),
    }
}
