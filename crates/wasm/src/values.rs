//! The JavaScript values that the module creates and reads, by the functions of `js/values.js`.

use alloc::vec::Vec;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// An array that is filled with objects.
    #[wasm_bindgen(js_name = Array)]
    #[derive(Debug)]
    pub type Items;

    #[wasm_bindgen(constructor, js_class = "Array")]
    pub(crate) fn new() -> Items;
}

// The bytes and options that JavaScript hands in are checked there: a value of the wrong type is a
// `TypeError` that names it.
#[wasm_bindgen(raw_module = "./values.js")]
extern "C" {
    /// A copy of the bytes of a `Uint8Array`, another view, or an `ArrayBuffer`.
    #[wasm_bindgen(catch)]
    pub(crate) fn bytes(value: &JsValue, name: &str) -> Result<Vec<u8>, JsValue>;

    /// A member that is a whole number, or Infinity.
    #[wasm_bindgen(catch, js_name = wholeNumber)]
    pub(crate) fn whole_number(options: &JsValue, name: &str) -> Result<Option<f64>, JsValue>;

    /// A member that is a boolean.
    #[wasm_bindgen(catch)]
    pub(crate) fn flag(options: &JsValue, name: &str) -> Result<Option<bool>, JsValue>;

    /// A member that is a string.
    #[cfg(feature = "sse")]
    #[wasm_bindgen(catch)]
    pub(crate) fn text(
        options: &JsValue,
        name: &str,
    ) -> Result<Option<alloc::string::String>, JsValue>;

    /// Like [`bytes`], or the UTF-8 of a string.
    #[cfg(feature = "frame")]
    #[wasm_bindgen(catch, js_name = bytesOrText)]
    pub(crate) fn bytes_or_text(value: &JsValue, name: &str) -> Result<Vec<u8>, JsValue>;

    /// A string.
    #[cfg(feature = "frame")]
    #[wasm_bindgen(catch)]
    pub(crate) fn string(value: &JsValue, name: &str) -> Result<alloc::string::String, JsValue>;

    /// A member that is bytes.
    #[cfg(feature = "frame")]
    #[wasm_bindgen(catch, js_name = bytesOf)]
    pub(crate) fn bytes_of(options: &JsValue, name: &str) -> Result<Option<Vec<u8>>, JsValue>;

    /// A `RangeError`: an argument has the right type and an invalid value.
    #[wasm_bindgen(js_name = rangeError)]
    pub(crate) fn range_error(message: &str) -> JsValue;
}

#[cfg(feature = "sse")]
#[wasm_bindgen(raw_module = "./values.js")]
extern "C" {
    #[wasm_bindgen(js_name = addEvent)]
    pub(crate) fn add_event(items: &Items, event_type: &str, data: &str, last_event_id: &str);
    #[wasm_bindgen(js_name = addDataChunk)]
    pub(crate) fn add_data_chunk(items: &Items, data: &str);
    #[wasm_bindgen(js_name = addEventEnd)]
    pub(crate) fn add_event_end(items: &Items, event_type: &str, last_event_id: &str);
    #[wasm_bindgen(js_name = addComment)]
    pub(crate) fn add_comment(items: &Items, text: &str);
    #[wasm_bindgen(js_name = addRetry)]
    pub(crate) fn add_retry(items: &Items, time_ms: f64);
    #[wasm_bindgen(js_name = addOverflow)]
    pub(crate) fn add_overflow(items: &Items, limit: &str, max_length: f64, message: &str);

    #[wasm_bindgen(js_name = newAttempt)]
    pub(crate) fn new_attempt(number: u32, accept: &str, last_event_id: Option<&str>) -> JsValue;

    #[wasm_bindgen(js_name = eventStreamError)]
    pub(crate) fn event_stream_error(
        message: &str,
        reason: &str,
        status: Option<u16>,
        dropped_length: f64,
        wait_ms: Option<f64>,
        give_up: Option<&str>,
        is_failure: bool,
    ) -> JsValue;
}

#[cfg(feature = "frame")]
#[wasm_bindgen(raw_module = "./values.js")]
extern "C" {
    #[wasm_bindgen(js_name = addPart)]
    pub(crate) fn add_part(
        parts: &Items,
        opcode: &str,
        first_byte: u8,
        is_first: bool,
        is_last: bool,
        masking_key: Option<u32>,
        header_length: usize,
        payload_length: f64,
        payload: &[u8],
    );

    #[wasm_bindgen(js_name = frameError)]
    pub(crate) fn frame_error(
        message: &str,
        fault: &str,
        close_code: u16,
        frame_offset: Option<f64>,
        parts: &Items,
    ) -> JsValue;

    #[wasm_bindgen(js_name = closeFrame)]
    pub(crate) fn close_frame(code: u16, reason: &str) -> JsValue;
}
