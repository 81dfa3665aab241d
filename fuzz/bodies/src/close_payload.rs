//! The payload of a Close frame, read and written (RFC 6455, 5.5.1 and 7.4).
//!
//! Input: the payload. It also serves as the text of a reason that may have to be cut.

use core::str;

use tidings_frame::{
    CloseCode, CloseFrame, CloseFrameError, CloseReason, ControlPayload, ControlPayloadTooLong,
    InvalidUtf8,
};

/// Parses the payload, and builds one.
pub fn run(data: &[u8]) {
    match ControlPayload::new(data) {
        Ok(payload) => parse(data, &payload),
        Err(error) => {
            assert!(data.len() > ControlPayload::MAX_LEN);
            assert_eq!(error, ControlPayloadTooLong { len: data.len() });
        }
    }
    if let Some((code, reason)) = data.split_first_chunk() {
        build(u16::from_be_bytes(*code), &String::from_utf8_lossy(reason));
    }
}

fn parse(data: &[u8], payload: &ControlPayload) {
    assert_eq!(payload.as_bytes(), data);
    let parsed = CloseFrame::parse(payload);
    match data {
        [] => assert_eq!(parsed, Ok(None)),
        [_] => assert_eq!(parsed, Err(CloseFrameError::CutCode)),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            match (is_on_the_wire(code), str::from_utf8(reason)) {
                (false, _) => assert_eq!(parsed, Err(CloseFrameError::IllegalCode { code })),
                (true, Err(error)) => {
                    let offset = error.valid_up_to() as u64;
                    let invalid = InvalidUtf8 { offset };
                    assert_eq!(parsed, Err(CloseFrameError::ReasonNotUtf8(invalid)));
                }
                (true, Ok(reason)) => {
                    let close = parsed.unwrap().unwrap();
                    assert_eq!((close.code.get(), close.reason.as_str()), (code, reason));
                    assert_eq!(close.to_payload(), *payload);
                    // A line of a log stays one line.
                    assert!(!close.to_string().contains(char::is_control));
                }
            }
        }
    }
    if let Err(error) = parsed {
        let code = error.close_code();
        assert!(code == CloseCode::PROTOCOL_ERROR || code == CloseCode::INVALID_PAYLOAD_DATA);
    }
}

fn build(code: u16, text: &str) {
    let Some(code) = CloseCode::new(code) else {
        assert!(!is_on_the_wire(code));
        return;
    };
    assert!(is_on_the_wire(code.get()));
    let close = CloseFrame::new(code, text);
    assert_eq!(CloseFrame::parse(&close.to_payload()), Ok(Some(close)));

    let reason = close.reason.as_str();
    let rest = text.strip_prefix(reason).expect("a reason is a prefix of its text");
    let next_len = rest.chars().next().map_or(0, char::len_utf8);
    assert!(reason.len() <= CloseReason::MAX_LEN);
    assert!(rest.is_empty() || reason.len() + next_len > CloseReason::MAX_LEN);
}

/// RFC 6455, 7.4.1 and 7.4.2, and the IANA registry for 1012 to 1014.
fn is_on_the_wire(code: u16) -> bool {
    (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code)
        || (3000..5000).contains(&code)
}
