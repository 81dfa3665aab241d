//! The frame inspector: bytes in hexadecimal in, the frames in them out, as JSON.
//!
//! Nothing here decodes anything. `tidings-frame` finds the frames, and a connection of
//! `tidings-websocket` says which rule the sender broke, in its own words.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde::Serialize;
use tidings_tokio::websocket::frame::{
    CloseFrame, CloseFrameError, ControlOpcode, ControlPayload, DataOpcode, DecodeErrorKind,
    Decoder, Header, Opcode, PayloadLimit, Rsv,
};
use tidings_tokio::websocket::{
    AnyRole, Client, Connection, Event, Limits, Server, Timeouts, Timestamp, Violation,
};

use super::{Body, plain, whole};

/// The number of bytes that are inspected at once.
pub(super) const MAX_BYTES: usize = 1024;
/// The longest request: `0x12, ` is six characters for one byte.
const MAX_BODY_LEN: usize = 6 * MAX_BYTES;
/// The time to send the request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers `POST /inspect`, or `POST /inspect?from=server` for the frames of a server.
pub(super) async fn respond(request: Request<Incoming>) -> Response<Body> {
    let sender = match request.uri().query() {
        Some("from=server") => Sender::Server,
        Some("from=client") | None => Sender::Client,
        Some(_) => return plain(StatusCode::BAD_REQUEST, "from is client or server\n"),
    };
    // A client that announces too much need not send it.
    if request.body().size_hint().lower() > MAX_BODY_LEN as u64 {
        return explain(StatusCode::PAYLOAD_TOO_LARGE, &HexError::TooLong);
    }
    let body = Limited::new(request.into_body(), MAX_BODY_LEN).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return explain(StatusCode::PAYLOAD_TOO_LARGE, &HexError::TooLong);
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the request is incomplete\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the request came too slowly\n"),
    };
    match from_hex(&String::from_utf8_lossy(&body)) {
        Ok(bytes) => json(&inspect(&bytes, sender)),
        Err(error @ HexError::TooLong) => explain(StatusCode::PAYLOAD_TOO_LARGE, &error),
        Err(error) => explain(StatusCode::BAD_REQUEST, &error),
    }
}

fn json(inspection: &Inspection) -> Response<Body> {
    let Ok(text) = serde_json::to_string(inspection) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written as JSON\n");
    };
    let mut response = Response::new(whole(text));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn explain(status: StatusCode, error: &HexError) -> Response<Body> {
    let mut response = plain(status, "");
    *response.body_mut() = whole(format!("{error}\n"));
    response
}

/// The side that sent the bytes: a client must mask its frames, a server must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

/// The answer. `bytes` are those of the request, in plain hexadecimal.
#[derive(Debug, Serialize)]
struct Inspection {
    bytes: String,
    frames: Vec<Frame>,
    /// The rule that the sender broke, if it did.
    fault: Option<Fault>,
    /// The first byte that a connection does not look at: it has failed, or a Close frame came.
    ignored_from: Option<usize>,
    /// Bytes that are missing at the end; `null` if the last frame is complete.
    missing: Option<Missing>,
}

#[derive(Debug, Serialize)]
struct Frame {
    /// The place of its first byte.
    offset: usize,
    header_len: usize,
    fin: bool,
    /// RSV1 to RSV3, as in the first byte.
    rsv: u8,
    opcode: String,
    opcode_bits: u8,
    /// In hexadecimal; `null` if the frame is not masked.
    masking_key: Option<String>,
    /// As text, because JavaScript's numbers end at 2^53.
    payload_len: String,
    /// The part of the payload that is there, unmasked, in hexadecimal.
    payload: String,
    /// The meaning of the payload: the text of a data or control frame, code and reason of a Close.
    meaning: String,
}

#[derive(Debug, Serialize)]
struct Fault {
    /// The byte that broke the rule.
    at: usize,
    #[serde(skip)]
    place: Place,
    message: String,
    close_code: String,
}

/// The byte that broke the rule, which is not always the one that shows it to a connection.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The one that shows it.
    Found,
    /// This one of the frame that holds the byte that shows it, counted from 0.
    InFrame(usize),
    /// This one of the payload of that frame, counted from 0.
    InPayload(usize),
    /// This one of the text message, counted from 0.
    InText(u64),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Missing {
    /// The header is cut.
    Header,
    /// The number of bytes of payload that are announced and not there.
    Payload(String),
}

fn inspect(bytes: &[u8], sender: Sender) -> Inspection {
    let (frames, missing) = frames(bytes);
    let Outcome { mut fault, ignored_from } = receive(bytes, sender);
    if let Some(Fault { at, place, .. }) = &mut fault {
        *at = match *place {
            Place::Found => *at,
            Place::InFrame(index) => {
                frame_at(&frames, *at).map_or(*at, |frame| frame.offset.saturating_add(index))
            }
            Place::InPayload(index) => frame_at(&frames, *at)
                .map_or(*at, |frame| frame.payload_start().saturating_add(index)),
            Place::InText(offset) => text_byte(&frames, *at, offset),
        };
    }
    // Whoever broke a rule is not asked for more.
    let missing = missing.filter(|_| ignored_from.is_none());
    Inspection { bytes: hex(bytes), frames, fault, ignored_from, missing }
}

/// The frames up to the first illegal header, whoever may send them, and what the last one lacks.
fn frames(bytes: &[u8]) -> (Vec<Frame>, Option<Missing>) {
    let mut copy = bytes.to_vec(); // unmasked in place
    let mut input = &mut copy[..];
    let mut decoder = Decoder::new(PayloadLimit::UNBOUNDED, Rsv::NONE);
    let mut frames = Vec::new();
    let mut offset = 0_usize;
    // All bytes are in one slice, so each frame is one part.
    while let Ok(Some(part)) = decoder.decode(&mut input) {
        frames.push(Frame::new(offset, &part.header, part.payload));
        let len = part.header.encoded_len().saturating_add(part.payload.len());
        offset = offset.saturating_add(len);
    }
    let missing = match decoder.unfinished_frame() {
        Some((_, rest)) => Some(Missing::Payload(rest.to_string())),
        None if decoder.is_between_frames() => None,
        None => Some(Missing::Header),
    };
    (frames, missing)
}

impl Frame {
    fn new(offset: usize, header: &Header, payload: &[u8]) -> Self {
        let encoded = header.encode();
        let first = encoded.first().copied().unwrap_or_default(); // a header has two bytes or more
        Self {
            offset,
            header_len: encoded.len(),
            fin: header.fin(),
            rsv: (first >> 4) & 0b111,
            opcode: header.opcode().to_string(),
            opcode_bits: header.opcode().bits(),
            masking_key: header.masking_key().map(|key| hex(&key.to_bytes())),
            payload_len: header.payload_len().to_string(),
            payload: hex(payload),
            meaning: meaning(header.opcode(), payload),
        }
    }

    const fn payload_start(&self) -> usize {
        self.offset.saturating_add(self.header_len)
    }
}

fn meaning(opcode: Opcode, payload: &[u8]) -> String {
    match opcode {
        Opcode::Data(DataOpcode::Binary) => String::new(),
        Opcode::Control(ControlOpcode::Close) => {
            let payload = ControlPayload::new(payload).unwrap_or_default();
            match CloseFrame::parse(&payload) {
                Ok(Some(close)) => format!("{} {}", close.code, close.reason.as_str()),
                Ok(None) => "no code".to_owned(),
                Err(error) => error.to_string(),
            }
        }
        _ => String::from_utf8_lossy(payload).into_owned(),
    }
}

#[derive(Debug, Default)]
struct Outcome {
    fault: Option<Fault>,
    ignored_from: Option<usize>,
}

/// Plays the bytes to a connection at the other end, one by one: the result does not depend on how
/// they are split, and so the byte is known that shows a fault.
fn receive(bytes: &[u8], sender: Sender) -> Outcome {
    let now = Timestamp::default();
    let role = match sender {
        Sender::Client => AnyRole::from(Server),
        // It sends nothing, so the keys do not matter.
        Sender::Server => AnyRole::from(Client::new((|| [0; 4]) as fn() -> [u8; 4])),
    };
    let mut connection = Connection::new(role, Limits::server(), Timeouts::server(), now);
    for (at, byte) in bytes.iter().enumerate() {
        let mut one = [*byte];
        let mut input = &mut one[..];
        while let Some(event) = connection.receive(now, &mut input) {
            let fault = match event {
                Event::Violation(violation) => Some(Fault::new(at, &violation)),
                Event::Close(_) => None,
                _ => continue,
            };
            return Outcome { fault, ignored_from: Some(at.saturating_add(1)) };
        }
    }
    Outcome::default()
}

impl Fault {
    fn new(at: usize, violation: &Violation) -> Self {
        let close_code = violation.close_code().to_string();
        let place = match violation {
            Violation::InvalidUtf8(error) => Place::InText(error.offset),
            // The opcode.
            Violation::UnexpectedContinuation | Violation::ExpectedContinuation => {
                Place::InFrame(0)
            }
            // The bit MASK, and the length.
            Violation::MaskedFrame
            | Violation::UnmaskedFrame
            | Violation::CloseFrame(CloseFrameError::CutCode) => Place::InFrame(1),
            Violation::CloseFrame(CloseFrameError::IllegalCode { .. }) => Place::InPayload(0),
            // After the code; it has less than 126 bytes.
            Violation::CloseFrame(CloseFrameError::ReasonNotUtf8(error)) => {
                let offset = usize::try_from(error.offset).unwrap_or_default();
                Place::InPayload(offset.saturating_add(2))
            }
            _ => Place::Found,
        };
        let message = match violation {
            // Which frame it is can be seen.
            Violation::Frame(error) => match &error.kind {
                DecodeErrorKind::Header(error) => error.to_string(),
                DecodeErrorKind::PayloadTooLong(error) => error.to_string(),
                _ => error.to_string(),
            },
            _ => violation.to_string(),
        };
        Self { at, place, message, close_code }
    }
}

/// The frame that holds this byte.
fn frame_at(frames: &[Frame], at: usize) -> Option<&Frame> {
    frames.iter().rev().find(|frame| frame.offset <= at)
}

/// Finds a byte of the text message that has begun before `found_at`. A character that is cut is only
/// known to be invalid by the byte after it, so the fault lies before the byte that showed it.
fn text_byte(frames: &[Frame], found_at: usize, text_offset: u64) -> usize {
    let mut places = Vec::new();
    for frame in frames.iter().filter(|frame| frame.offset <= found_at) {
        let Some(Opcode::Data(opcode)) = Opcode::from_bits(frame.opcode_bits) else { continue };
        if opcode != DataOpcode::Continuation {
            places.clear();
        }
        places.extend((frame.payload_start()..).take(frame.payload.len() / 2)); // two digits for a byte
    }
    let index = usize::try_from(text_offset).unwrap_or(usize::MAX);
    places.get(index).copied().unwrap_or(found_at)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads bytes such as `81 05`, `8105`, `0x81, 0x05` or `81:05`.
fn from_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::new();
    let mut half = None;
    let mut characters = text.chars().enumerate().peekable();
    while let Some((index, character)) = characters.next() {
        let Some(digit) = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            if character.is_whitespace() || matches!(character, ',' | ':') {
                continue;
            }
            return Err(HexError::NotADigit { character, position: index.saturating_add(1) });
        };
        let is_prefix = |(_, next): &(usize, char)| character == '0' && matches!(next, 'x' | 'X');
        if half.is_none() && characters.next_if(is_prefix).is_some() {
            continue;
        }
        half = match half {
            None => Some(digit << 4),
            Some(_) if bytes.len() == MAX_BYTES => return Err(HexError::TooLong),
            Some(high) => {
                bytes.push(high | digit);
                None
            }
        };
    }
    match half {
        None => Ok(bytes),
        Some(_) => Err(HexError::HalfAByte),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum HexError {
    NotADigit {
        character: char,
        /// Counted in characters, from 1.
        position: usize,
    },
    HalfAByte,
    TooLong,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADigit { character, position } => {
                write!(f, "{character:?} at position {position} is not a hexadecimal digit")
            }
            Self::HalfAByte => f.write_str("the last byte has only one digit: a byte has two"),
            Self::TooLong => write!(f, "more than {MAX_BYTES} bytes: inspect fewer at once"),
        }
    }
}

impl Error for HexError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(text: &str, sender: Sender) -> Inspection {
        inspect(&from_hex(text).unwrap(), sender)
    }

    #[test]
    fn a_masked_frame_is_shown_as_it_is_and_unmasked() {
        let inspection = inspected("81 85 37fa213d 7f9f4d5158", Sender::Client);
        assert_eq!(inspection.bytes, "818537fa213d7f9f4d5158");
        let [frame] = &inspection.frames[..] else { panic!("{inspection:?}") };
        assert_eq!((frame.offset, frame.header_len, frame.fin, frame.rsv), (0, 6, true, 0));
        assert_eq!((frame.opcode.as_str(), frame.opcode_bits), ("Text", 1));
        assert_eq!(frame.masking_key.as_deref(), Some("37fa213d"));
        assert_eq!((frame.payload.as_str(), frame.payload_len.as_str()), ("48656c6c6f", "5"));
        assert_eq!(frame.meaning, "Hello");
        assert!(inspection.fault.is_none() && inspection.missing.is_none());
        assert_eq!(inspection.ignored_from, None);
    }

    #[test]
    fn a_fault_names_the_byte_the_rule_and_the_close_code() {
        use Sender::{Client, Server};
        for (text, sender, at, rule, code) in [
            ("8105 48656c6c6f", Client, 1, "5.1", "1002"), // not masked
            ("8185 00000000 48656c6c6f", Server, 1, "5.1", "1002"), // masked
            ("c105 48656c6c6f", Server, 0, "5.2", "1002"), // RSV1
            ("8105 48656c6c6f 83", Server, 7, "5.2", "1002"), // a reserved opcode
            ("8000", Server, 0, "5.4", "1002"),            // nothing to continue
            ("8900 8001 61", Server, 2, "5.4", "1002"),    // nor here
            ("0101 61 8101 62", Server, 3, "5.4", "1002"), // a message inside another
            ("8980 00000000 817e 0100", Client, 7, "5.1", "1002"), // not masked, and a longer header
            ("0900", Server, 0, "5.5", "1002"),                    // a fragmented Ping
            ("8104 6f6bff21", Server, 4, "8.1", "1007"),           // not UTF-8
            ("8106 636166e92121", Server, 5, "8.1", "1007"),       // the byte after it shows it
            ("0102 61e9 8900 8001 21", Server, 3, "8.1", "1007"),  // and in another frame
            ("8801 03", Server, 1, "5.5.1", "1002"),               // half a code
            ("8902 6161 8802 03ed", Server, 6, "7.4", "1002"),     // a code that is not sent
            ("8885 00000000 03e8 61e961", Client, 9, "8.1", "1007"), // a reason that is not UTF-8
            ("817e0005", Server, 3, "5.2", "1002"),                // not the shortest length
        ] {
            let inspection = inspected(text, sender);
            let fault = inspection.fault.as_ref().unwrap();
            assert_eq!(fault.at, at, "{text}: {inspection:?}");
            assert!(fault.message.contains(&format!("RFC 6455, {rule}")), "{text}: {fault:?}");
            assert!(fault.close_code.starts_with(code), "{text}: {fault:?}");
            // The number of the byte comes before it.
            assert!(!fault.message.contains("in the frame"), "{text}: {fault:?}");
            assert!(inspection.ignored_from.is_some_and(|from| from > at), "{text}");
            assert!(inspection.missing.is_none(), "{text}");
        }
    }

    #[test]
    fn the_rest_after_a_close_is_ignored_and_still_shown() {
        let inspection = inspected("8806 03e8 646f6e65 8900", Sender::Server);
        assert_eq!(inspection.ignored_from, Some(8));
        assert!(inspection.fault.is_none());
        let [close, ping] = &inspection.frames[..] else { panic!("{inspection:?}") };
        assert!(close.meaning.starts_with("1000") && close.meaning.ends_with("done"), "{close:?}");
        assert_eq!((ping.opcode.as_str(), ping.offset), ("Ping", 8));
    }

    #[test]
    fn missing_bytes_are_counted() {
        for (text, missing) in [
            ("", None),
            ("81", Some("\"header\"")),
            ("8185 37fa", Some("\"header\"")),
            ("8105 4865", Some("{\"payload\":\"3\"}")),
            ("827f 00000000000fffff 00", Some("{\"payload\":\"1048574\"}")),
        ] {
            let sender = if text.starts_with("8185") { Sender::Client } else { Sender::Server };
            let inspection = inspected(text, sender);
            let json = inspection.missing.as_ref().map(|m| serde_json::to_string(m).unwrap());
            assert_eq!(json.as_deref(), missing, "{text}");
        }
    }

    #[test]
    fn hexadecimal_is_read_in_the_usual_ways() {
        for text in
            ["810548", "81 05 48", "0x81, 0x05,0x48", "81:05:48\n", "8 1 0 5 4 8", "0X81 0X05,0x48"]
        {
            assert_eq!(from_hex(text), Ok(vec![0x81, 0x05, 0x48]), "{text:?}");
        }
        assert_eq!(from_hex("00 0x00"), Ok(vec![0, 0]));
        assert_eq!(from_hex("8g"), Err(HexError::NotADigit { character: 'g', position: 2 }));
        assert_eq!(from_hex("81 ä"), Err(HexError::NotADigit { character: 'ä', position: 4 }));
        assert_eq!(from_hex("810"), Err(HexError::HalfAByte));
        assert!(from_hex(&"00".repeat(MAX_BYTES)).is_ok());
        assert_eq!(from_hex(&"00".repeat(MAX_BYTES + 1)), Err(HexError::TooLong));
    }
}
