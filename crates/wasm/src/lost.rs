//! Why there is no stream, or none any more, as an `EventStreamError` of JavaScript.

use alloc::format;

use tidings_sse::EndOfStream;
use tidings_sse::event_source::{GiveUp, Lost, LostReason, Next};
use wasm_bindgen::prelude::*;

use crate::{event_stream, number, values};

pub(crate) fn to_js(lost: &Lost) -> JsValue {
    let status = match lost.reason {
        LostReason::Status(status) => Some(status),
        _ => None,
    };
    let (wait_ms, give_up) = match lost.next {
        Next::Wait(wait) => (Some(number::from_duration(wait)), None),
        Next::GiveUp(why) => (None, Some(give_up_name(why))),
    };
    let end = lost.reason.end_of_stream().unwrap_or(EndOfStream::BetweenEvents);
    let message = match lost.next {
        // What else is to say? There is no other attempt because of the reason, or because none was
        // wanted.
        Next::GiveUp(GiveUp::Failed | GiveUp::Once) => format!("{}", lost.reason),
        _ => format!("{lost}"),
    };
    values::event_stream_error(
        &message,
        reason_name(&lost.reason),
        status,
        event_stream::dropped_length(end),
        wait_ms,
        give_up,
        !lost.reason.is_clean_end(),
    )
}

const fn reason_name(reason: &LostReason) -> &'static str {
    match reason {
        LostReason::Unreachable => "unreachable",
        LostReason::ResponseTimeout => "responseTimeout",
        LostReason::Status(_) => "status",
        LostReason::ContentType => "contentType",
        LostReason::TooManyRedirects => "tooManyRedirects",
        LostReason::Unusable => "unusable",
        LostReason::Ended(_) => "ended",
        LostReason::Broken(_) => "broken",
        LostReason::Idle(_) => "idle",
        LostReason::NoAttempt => "noAttempt",
        _ => "other",
    }
}

const fn give_up_name(why: GiveUp) -> &'static str {
    match why {
        GiveUp::Failed => "failed",
        GiveUp::AttemptsExhausted => "attemptsExhausted",
        GiveUp::NotRepeatable => "notRepeatable",
        GiveUp::Once => "once",
        GiveUp::Closed => "closed",
        _ => "other",
    }
}
