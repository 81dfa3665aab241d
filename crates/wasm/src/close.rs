//! The payload of Close frames: a code and a reason.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tidings_frame::{CloseCode, CloseFrame, CloseFrameError, CloseReason, ControlPayload};
use wasm_bindgen::prelude::*;

use crate::number;
use crate::values::{self, Items};

/// The payload of a Close frame with this code and reason.
///
/// # Errors
/// `RangeError` for a code that must not be sent, and for a reason of more than 123 bytes of UTF-8.
#[wasm_bindgen(js_name = closePayload)]
pub fn close_payload(
    code: f64,
    #[wasm_bindgen(unchecked_optional_param_type = "string")] reason: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    let Some(close_code) = close_code(code) else {
        // A number with a fraction is shown without; to show it would take a third of the module.
        let code = number::to_u64(code);
        let message =
            format!("a close code must be one that may be sent (RFC 6455, 7.4), not {code}");
        return Err(values::range_error(&message));
    };
    let reason =
        if reason.is_undefined() { String::new() } else { values::string(reason, "reason")? };
    if reason.len() > CloseReason::MAX_LEN {
        return Err(values::range_error(&format!(
            "the reason of a Close frame is {} bytes of UTF-8, the most is {} (RFC 6455, 5.5)",
            reason.len(),
            CloseReason::MAX_LEN
        )));
    }
    Ok(CloseFrame::new(close_code, &reason).to_payload().as_bytes().to_vec())
}

/// Reads the payload of a Close frame; `undefined` if it is empty, which is legal.
///
/// # Errors
/// `FrameError` if the peer broke a rule; `TypeError` if `payload` is not bytes.
#[wasm_bindgen(
    js_name = parseClosePayload,
    unchecked_return_type = "{ code: number; reason: string } | undefined"
)]
pub fn parse_close_payload(
    #[wasm_bindgen(unchecked_param_type = "Uint8Array | ArrayBuffer")] payload: &JsValue,
) -> Result<JsValue, JsValue> {
    let payload = values::bytes(payload, "payload")?;
    let payload = control_payload(&payload)?;
    match CloseFrame::parse(&payload) {
        Ok(None) => Ok(JsValue::UNDEFINED),
        Ok(Some(close)) => Ok(values::close_frame(close.code.get(), close.reason.as_str())),
        Err(error) => {
            let code = error.close_code().get();
            let message = format!("{error}");
            Err(values::frame_error(&message, fault_name(&error), code, None, &Items::new()))
        }
    }
}

/// The payload of a control frame.
pub(crate) fn control_payload(payload: &[u8]) -> Result<ControlPayload, JsValue> {
    ControlPayload::new(payload).map_err(|error| values::range_error(&format!("{error}")))
}

fn close_code(number: f64) -> Option<CloseCode> {
    let whole = number::to_u64(number);
    let code = if number::from_u64(whole) == number { u16::try_from(whole).ok()? } else { 0 };
    CloseCode::new(code)
}

const fn fault_name(error: &CloseFrameError) -> &'static str {
    match error {
        CloseFrameError::CutCode => "cutCloseCode",
        CloseFrameError::IllegalCode { .. } => "illegalCloseCode",
        CloseFrameError::ReasonNotUtf8(_) => "closeReasonNotUtf8",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-115, W-116: a number with a fraction, or one that must not be sent, is not a code.
    #[test]
    fn only_whole_numbers_are_codes() {
        for code in [1000, 1001, 1003, 1007, 1014, 3000, 4999] {
            assert_eq!(close_code(f64::from(code)).map(CloseCode::get), Some(code));
        }
        for no in [0.0, -1000.0, 999.0, 1000.5, 1005.0, 1006.0, 2999.0, 5000.0, 66_536.0, 1e300] {
            assert_eq!(close_code(no), None, "{no}");
        }
        assert_eq!(close_code(f64::NAN), None);
        assert_eq!(close_code(f64::INFINITY), None);
    }
}
