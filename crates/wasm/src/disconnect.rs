//! The reason why there is no stream, or no longer one, as an `EventStreamError` of JavaScript.

use alloc::format;

use tidings_sse::EndOfStream;
use tidings_sse::event_source::{Disconnect, DisconnectReason, GiveUp, Next};
use wasm_bindgen::prelude::*;

use crate::{event_stream, number, values};

pub(crate) fn to_js(disconnect: &Disconnect) -> JsValue {
    let status = match disconnect.reason {
        DisconnectReason::Status(status) => Some(status),
        _ => None,
    };
    let (wait_ms, give_up) = match disconnect.next {
        Next::Wait(wait) => (Some(number::from_duration(wait)), None),
        Next::GiveUp(why) => (None, Some(give_up_name(why))),
    };
    let end = disconnect.reason.end_of_stream().unwrap_or(EndOfStream::BetweenEvents);
    let message = match disconnect.next {
        // There is no other attempt because of the reason, or because none was wanted: no more
        // needs to be said.
        Next::GiveUp(GiveUp::Failed | GiveUp::Once) => format!("{}", disconnect.reason),
        _ => format!("{disconnect}"),
    };
    values::event_stream_error(
        &message,
        reason_name(&disconnect.reason),
        status,
        event_stream::dropped_length(end),
        wait_ms,
        give_up,
        !disconnect.reason.is_clean_end(),
    )
}

const fn reason_name(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Unreachable => "unreachable",
        DisconnectReason::ResponseTimeout => "responseTimeout",
        DisconnectReason::Status(_) => "status",
        DisconnectReason::ContentType => "contentType",
        DisconnectReason::TooManyRedirects => "tooManyRedirects",
        DisconnectReason::Unusable => "unusable",
        DisconnectReason::Ended(_) => "ended",
        DisconnectReason::Broken(_) => "broken",
        DisconnectReason::Idle(_) => "idle",
        DisconnectReason::NoAttempt => "noAttempt",
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
