//! [`EventSourceMachine`]: the client's side of an event stream over all its attempts, for code
//! that makes the requests. `js/event_stream.js` drives it with `fetch`.

use alloc::string::{String, ToString};

use tidings_reconnect::RetryAfter;
use tidings_sse::event_source::{Config, End, Repeat, Response, ResponseOutcome};
use tidings_sse::{EventSource, GrowableStorage, MEDIA_TYPE, ReconnectionTime, RetryClamp};
use wasm_bindgen::prelude::*;

use crate::options::Options;
use crate::values::{self, Items};
use crate::{disconnect, event_stream, items, number};

/// Says when a request is due and with which headers, checks the response, decodes the body, and
/// reports why a stream was lost and what comes next.
///
/// Every `now` is in milliseconds on a clock that does not jump, such as `performance.now()`. Every
/// `random` is a number of `Math.random()`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct EventSourceMachine {
    source: EventSource<GrowableStorage>,
}

#[wasm_bindgen]
impl EventSourceMachine {
    /// A machine whose first attempt is due at once.
    ///
    /// # Errors
    /// `TypeError` or `RangeError` for an option that cannot be used.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "EventSourceOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options(options);
        let decoder = event_stream::decoder(&options)?;
        Ok(Self { source: EventSource::new(decoder, config(&options)?) })
    }

    /// A request to make now. It comes once for each attempt, when its wait is over.
    #[wasm_bindgen(js_name = pollAttempt, unchecked_return_type = "Attempt | undefined")]
    pub fn poll_attempt(&mut self, now: f64) -> JsValue {
        let Some(due) = self.source.poll_attempt(number::to_timestamp(now)) else {
            return JsValue::UNDEFINED;
        };
        // A header of `fetch` is a ByteString (WebIDL): one character for each byte of UTF-8.
        let id: Option<String> =
            due.last_event_id().map(|id| id.iter().copied().map(char::from).collect());
        // WHATWG HTML 9.2.2 has the request accept this media type.
        values::new_attempt(due.number(), MEDIA_TYPE, id.as_deref())
    }

    /// The time at which to call `handleTimeout` and then `pollAttempt`. `undefined` means no
    /// deadline.
    #[wasm_bindgen(js_name = pollTimeout)]
    pub fn poll_timeout(&self) -> Option<f64> {
        self.source.poll_timeout().map(|time| number::from_duration(time.since_epoch()))
    }

    /// Handles the head of the response; `contentType` and `retryAfter` are header values.
    /// `undefined`: the stream is open, pass its bytes to `receive`. Otherwise the reason why there
    /// is none.
    ///
    /// `fetch` follows redirects by itself, so a redirect that arrives here is not followed.
    #[wasm_bindgen(
        js_name = handleResponse,
        unchecked_return_type = "EventStreamError | undefined"
    )]
    pub fn handle_response(
        &mut self,
        now: f64,
        status: u16,
        #[wasm_bindgen(js_name = contentType)] content_type: Option<String>,
        #[wasm_bindgen(js_name = retryAfter)] retry_after: Option<String>,
        #[wasm_bindgen(js_name = wallClock)] wall_clock: f64,
        random: f64,
    ) -> JsValue {
        let now_unix_seconds = number::to_u64(wall_clock / 1e3);
        let retry_after = retry_after.and_then(|value| RetryAfter::parse(value.as_bytes()));
        let content_type = content_type.map(String::into_bytes);
        let response = Response {
            status,
            content_type: content_type.as_deref(),
            retry_after: retry_after.map(|time| time.wait(now_unix_seconds)),
            has_location: false,
            retry: None,
        };
        let (now, random) = (number::to_timestamp(now), number::to_random(random));
        match self.source.handle_response(now, &response, random) {
            ResponseOutcome::Disconnect(disconnect) => disconnect::to_js(&disconnect),
            _ => JsValue::UNDEFINED,
        }
    }

    /// Decodes the next bytes of the body, all of them.
    ///
    /// # Errors
    /// `TypeError` if `chunk` is not bytes.
    #[wasm_bindgen(unchecked_return_type = "StreamItem[]")]
    pub fn receive(
        &mut self,
        now: f64,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | ArrayBuffer")] chunk: &JsValue,
    ) -> Result<Items, JsValue> {
        let chunk = values::bytes(chunk, "chunk")?;
        let now = number::to_timestamp(now);
        let items = Items::new();
        let mut input = &chunk[..];
        while let Some(item) = self.source.receive(now, &mut input) {
            items::add(&items, &item);
        }
        Ok(items)
    }

    /// The attempt or the stream is over.
    ///
    /// # Errors
    /// `RangeError` if `end` is not one of the four.
    #[wasm_bindgen(js_name = handleEnd, unchecked_return_type = "EventStreamError")]
    pub fn handle_end(
        &mut self,
        now: f64,
        #[wasm_bindgen(
            unchecked_param_type = "\"unreachable\" | \"endOfBody\" | \"broken\" | \"unusable\""
        )]
        end: &str,
        random: f64,
    ) -> Result<JsValue, JsValue> {
        let end = match end {
            "unreachable" => End::Unreachable,
            "endOfBody" => End::EndOfBody,
            "broken" => End::Broken,
            "unusable" => End::Unusable,
            _ => {
                return Err(values::range_error(
                    "end must be one of unreachable, endOfBody, broken and unusable",
                ));
            }
        };
        let (now, random) = (number::to_timestamp(now), number::to_random(random));
        let disconnect = self.source.handle_end(now, end, random);
        Ok(disconnect::to_js(&disconnect))
    }

    /// The time of `pollTimeout` has come. Ends the attempt or the stream if the server was silent
    /// for too long.
    #[wasm_bindgen(
        js_name = handleTimeout,
        unchecked_return_type = "EventStreamError | undefined"
    )]
    pub fn handle_timeout(&mut self, now: f64, random: f64) -> JsValue {
        let (now, random) = (number::to_timestamp(now), number::to_random(random));
        let disconnect = self.source.handle_timeout(now, random);
        disconnect.map_or(JsValue::UNDEFINED, |disconnect| disconnect::to_js(&disconnect))
    }

    /// Makes the next attempt due now, if one is waited for. Returns whether it was.
    #[wasm_bindgen(js_name = tryNow)]
    pub fn try_now(&mut self, now: f64) -> bool {
        self.source.try_now(number::to_timestamp(now))
    }

    /// The time that the source waits after a stream has ended, in milliseconds: the last `retry`
    /// from the server, as far as the options allow it.
    #[wasm_bindgen(getter, js_name = reconnectionTimeMs)]
    pub fn reconnection_time_ms(&self) -> f64 {
        number::from_duration(self.source.reconnection_time())
    }

    /// Closes the source permanently. Returns how many bytes of an unfinished event are discarded.
    pub fn close(&mut self) -> f64 {
        event_stream::dropped_length(self.source.close())
    }

    /// 0 connecting, 1 open, 2 closed, as `EventSource.readyState`.
    #[wasm_bindgen(getter, js_name = readyState)]
    pub fn ready_state(&self) -> u8 {
        self.source.ready_state() as u8
    }

    /// The number of consecutive failed attempts.
    #[wasm_bindgen(getter)]
    pub fn failures(&self) -> u32 {
        self.source.failures()
    }

    /// The last event ID string. It outlives every connection. Empty if there is none.
    #[wasm_bindgen(getter, js_name = lastEventId)]
    pub fn last_event_id(&self) -> String {
        self.source.last_event_id().to_string()
    }
}

/// The behaviour that the options ask for: that of the standard, if they ask for nothing.
fn config(options: &Options<'_>) -> Result<Config, JsValue> {
    let mut config = Config::event_source();
    if let Some(time) = options.time("reconnectionTimeMs")? {
        config.policy.base = time;
        config.policy.minimum = time;
    }
    if let Some(time) = options.time("waitMsMax")? {
        config.policy.cap = time;
    }
    if let Some(time) = options.time("retryAfterMsMax")? {
        config.policy.max_server_wait = time;
    }
    if let Some(count) = options.count("attemptsMax")? {
        config.policy.max_attempts = u32::try_from(count).unwrap_or(u32::MAX);
    }
    let (retry_min, max_retry) = (options.count("retryMsMin")?, options.count("retryMsMax")?);
    if retry_min.is_some() || max_retry.is_some() {
        let min = ReconnectionTime::from_ms(retry_min.unwrap_or(100));
        let max = ReconnectionTime::from_ms(max_retry.unwrap_or(3_600_000));
        config.retry_clamp = RetryClamp::new(min, max);
    }
    if let Some(time) = options.time("responseTimeoutMs")? {
        config.response_timeout = time;
    }
    if let Some(time) = options.time("idleTimeoutMs")? {
        config.idle_timeout = time;
    }
    if let Some(retry) = options.flag("retryStatuses")? {
        config.retry_statuses = retry;
    }
    if let Some(reconnect) = options.flag("reconnect")? {
        config.reconnect = reconnect;
    }
    // RFC 9110, 9.2.2: a request is not repeated by itself if it may do something twice. In
    // Fetch, the names of these methods are in upper case.
    let method = options.text("method")?;
    let is_safe = method.is_none_or(|method| {
        method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD")
    });
    config.repeat = match options.flag("repeatRequest")?.unwrap_or(is_safe) {
        false => Repeat::Never,
        true if is_safe => Repeat::Always,
        // After a clean end there is nothing left to ask for.
        true => Repeat::UntilEnd,
    };
    Ok(config)
}
