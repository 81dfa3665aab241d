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
        is_failure(&lost.reason),
    )
}

/// Whether something went wrong. WHATWG HTML 9.2: by "204 No Content" a server tells its clients
/// "to stop reconnecting"; and a stream may end between two events.
const fn is_failure(reason: &LostReason) -> bool {
    !matches!(reason, LostReason::Ended(EndOfStream::BetweenEvents) | LostReason::Status(204))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_204_and_an_end_between_events_are_no_failures() {
        assert!(!is_failure(&LostReason::Status(204)));
        assert!(!is_failure(&LostReason::Ended(EndOfStream::BetweenEvents)));
        let inside = EndOfStream::InsideEvent { dropped_len: 1 };
        for failure in [
            LostReason::Status(200),
            LostReason::Status(500),
            LostReason::ContentType,
            LostReason::Unreachable,
            LostReason::Ended(inside),
            LostReason::Broken(EndOfStream::BetweenEvents),
            LostReason::Idle(inside),
        ] {
            assert!(is_failure(&failure), "{failure:?}");
        }
    }
}
