//! `Header::parse` beside a second reading of RFC 6455, 5.2, which goes by the bits of its figure, and
//! beside that of tungstenite.
//!
//! Input: the reserved bits that an extension owns (as they stand in a first byte), then the bytes
//! of a header and whatever follows.

use std::io::Cursor;

use tidings_frame::{
    ControlOpcode, ControlPayload, DataOpcode, Header, HeaderError, MaskingKey, Opcode,
    ParsedHeader, Rsv,
};
use tungstenite::protocol::frame::FrameHeader;

/// Parses the header, and all its prefixes.
pub fn run(data: &[u8]) {
    let Some((allowed, bytes)) = data.split_first() else { return };
    let allowed = rsv(*allowed >> 4);
    let whole = Header::parse(bytes, allowed);
    assert_same(whole, &reread(bytes, allowed));

    match whole {
        Ok(ParsedHeader::Complete { header, header_len }) => {
            // Header that was parsed, header that is written.
            assert_eq!(*header.encode(), bytes[..header_len]);
            assert_eq!(header.encoded_len(), header_len);
            assert_eq!(rebuild(&header), header);
            assert_read_by_tungstenite(&header, &bytes[..header_len]);
            for prefix in 0..header_len {
                let missing = missing(Header::parse(&bytes[..prefix], allowed));
                assert!((1..=header_len - prefix).contains(&missing), "after {prefix} bytes");
            }
        }
        Ok(ParsedHeader::Partial { .. }) => {
            assert!(bytes.len() < Header::MAX_LEN);
            for prefix in 0..bytes.len() {
                missing(Header::parse(&bytes[..prefix], allowed));
            }
        }
        // Once refused, refused for the same reason whatever follows, and legal so far before.
        Err(error) => {
            let refused = (0..=bytes.len().min(Header::MAX_LEN))
                .map(|prefix| Header::parse(&bytes[..prefix], allowed))
                .skip_while(|parsed| matches!(parsed, Ok(ParsedHeader::Partial { .. })));
            let mut count = 0;
            for parsed in refused {
                assert_eq!(parsed, Err(error));
                count += 1;
            }
            assert!(count > 0, "an illegal header of {} bytes is refused late", bytes.len());
            assert!(!error.to_string().is_empty());
        }
    }
}

/// It leaves more to its callers, such as the shortest length and the rules of control frames: it
/// may read headers that are refused here, but not the other way round.
fn assert_read_by_tungstenite(header: &Header, bytes: &[u8]) {
    let (theirs, payload_len) = FrameHeader::parse(&mut Cursor::new(bytes)).unwrap().unwrap();
    assert_eq!(payload_len, header.payload_len());
    assert_eq!(u8::from(theirs.opcode), header.opcode().bits());
    assert_eq!(theirs.is_final, header.fin());
    assert_eq!(theirs.mask, header.masking_key().map(MaskingKey::to_bytes));
    let reserved = [(theirs.rsv1, Rsv::RSV1), (theirs.rsv2, Rsv::RSV2), (theirs.rsv3, Rsv::RSV3)];
    for (theirs, bit) in reserved {
        assert_eq!(theirs, header.rsv().contains(bit));
    }
}

fn missing(parsed: Result<ParsedHeader, HeaderError>) -> usize {
    match parsed {
        Ok(ParsedHeader::Partial { missing }) => missing,
        other => panic!("a prefix of a header is {other:?}"),
    }
}

/// Makes the same header from its parts.
fn rebuild(header: &Header) -> Header {
    let built = match header.opcode() {
        Opcode::Control(opcode) => {
            let payload = vec![0; usize::try_from(header.payload_len()).unwrap()];
            Header::control(opcode, &ControlPayload::new(&payload).unwrap())
        }
        Opcode::Data(opcode) if header.fin() => Header::data(opcode, header.payload_len()).unwrap(),
        Opcode::Data(opcode) => Header::fragment(opcode, header.payload_len()).unwrap(),
    };
    let built = built.with_rsv(header.rsv());
    match header.masking_key() {
        Some(key) => built.with_masking_key(key),
        None => built,
    }
}

/// The meaning of some bytes by the figure of RFC 6455, 5.2.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Cut,
    Illegal(HeaderError),
    Legal(LegalHeader),
}

#[derive(Debug, PartialEq, Eq)]
struct LegalHeader {
    header_len: usize,
    fin: bool,
    rsv: Rsv,
    opcode: Opcode,
    payload_len: u64,
    masking_key: Option<MaskingKey>,
}

fn assert_same(parsed: Result<ParsedHeader, HeaderError>, reading: &Reading) {
    let parsed = match parsed {
        Err(error) => Reading::Illegal(error),
        Ok(ParsedHeader::Partial { .. }) => Reading::Cut,
        Ok(ParsedHeader::Complete { header, header_len }) => Reading::Legal(LegalHeader {
            header_len,
            fin: header.fin(),
            rsv: header.rsv(),
            opcode: header.opcode(),
            payload_len: header.payload_len(),
            masking_key: header.masking_key(),
        }),
    };
    assert_eq!(parsed, *reading);
}

fn reread(bytes: &[u8], allowed: Rsv) -> Reading {
    match reread_bits(bytes, allowed) {
        None => Reading::Cut,
        Some(Err(error)) => Reading::Illegal(error),
        Some(Ok(header)) => Reading::Legal(header),
    }
}

/// `None` as soon as a bit is asked for that is not there.
fn reread_bits(bytes: &[u8], allowed: Rsv) -> Option<Result<LegalHeader, HeaderError>> {
    let number = |first_bit: usize, bits: usize| -> Option<u64> {
        (first_bit..first_bit + bits).try_fold(0, |number, bit| {
            let byte = *bytes.get(bit / 8)?;
            Some(number << 1 | u64::from(byte >> (7 - bit % 8) & 1))
        })
    };

    let rsv = rsv(u8::try_from(number(1, 3)?).unwrap());
    if !allowed.contains(rsv) {
        return Some(Err(HeaderError::ReservedBits { rsv }));
    }
    let opcode = match number(4, 4)? {
        0 => Opcode::Data(DataOpcode::Continuation),
        1 => Opcode::Data(DataOpcode::Text),
        2 => Opcode::Data(DataOpcode::Binary),
        8 => Opcode::Control(ControlOpcode::Close),
        9 => Opcode::Control(ControlOpcode::Ping),
        10 => Opcode::Control(ControlOpcode::Pong),
        bits => {
            let bits = u8::try_from(bits).unwrap();
            return Some(Err(HeaderError::ReservedOpcode { bits }));
        }
    };
    let fin = number(0, 1)? == 1;
    if let (Opcode::Control(opcode), false) = (opcode, fin) {
        return Some(Err(HeaderError::FragmentedControl { opcode }));
    }

    let length = number(9, 7)?;
    if let (Opcode::Control(opcode), 126..) = (opcode, length) {
        return Some(Err(HeaderError::OversizedControl { opcode }));
    }
    let (payload_len, key_at) = match length {
        126 => (number(16, 16)?, 32),
        127 => (number(16, 64)?, 80),
        _ => (length, 16),
    };
    if payload_len >> 63 == 1 {
        return Some(Err(HeaderError::LengthTopBit));
    }
    let shortest = match payload_len {
        0..126 => 16,
        126..0x1_0000 => 32,
        _ => 80,
    };
    if key_at != shortest {
        return Some(Err(HeaderError::NonMinimalLength { payload_len }));
    }

    let masked = number(8, 1)? == 1;
    let masking_key = match masked {
        true => Some(MaskingKey::new(u32::try_from(number(key_at, 32)?).unwrap().to_be_bytes())),
        false => None,
    };
    let header_len = key_at / 8 + if masked { 4 } else { 0 };
    Some(Ok(LegalHeader { header_len, fin, rsv, opcode, payload_len, masking_key }))
}

/// RSV1 to RSV3 from the low three bits.
pub(crate) fn rsv(bits: u8) -> Rsv {
    [(4, Rsv::RSV1), (2, Rsv::RSV2), (1, Rsv::RSV3)]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(Rsv::NONE, |all, (_, rsv)| all | rsv)
}
