use super::*;
use std::string::ToString;
use std::vec::Vec;

const KEY: MaskingKey = MaskingKey::new([0xA1, 0xB2, 0xC3, 0xD4]);

/// Every kind of header, with lengths around each change of form.
fn samples() -> Vec<Header> {
    let mut headers = Vec::new();
    for opcode in [DataOpcode::Continuation, DataOpcode::Text, DataOpcode::Binary] {
        for len in
            [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, u64::from(u32::MAX), 1 << 32, (1 << 63) - 1]
        {
            headers.push(Header::data(opcode, len).unwrap());
            headers.push(Header::fragment(opcode, len).unwrap());
        }
    }
    for opcode in [ControlOpcode::Close, ControlOpcode::Ping, ControlOpcode::Pong] {
        for len in [0, 1, 125] {
            let payload = ControlPayload::new(&[0; 125][..len]).unwrap();
            headers.push(Header::control(opcode, &payload));
        }
    }
    let masked: Vec<_> = headers.iter().map(|header| header.with_masking_key(KEY)).collect();
    headers.extend(masked);
    headers
}

/// W-065, W-066, W-067, W-068.
#[test]
fn what_is_encoded_parses_to_itself_and_every_prefix_is_partial() {
    for header in samples() {
        let bytes = header.encode();
        assert_eq!(bytes.len(), header.encoded_len(), "{header:?}");
        assert_eq!(
            Header::parse(&bytes, Rsv::NONE),
            Ok(ParsedHeader::Complete { header, header_len: bytes.len() })
        );
        for cut in 0..bytes.len() {
            match Header::parse(&bytes[..cut], Rsv::NONE) {
                Ok(ParsedHeader::Partial { missing }) => {
                    assert!(missing > 0, "{header:?} cut at {cut}");
                    assert!(cut + missing <= bytes.len(), "{header:?} cut at {cut}");
                }
                other => panic!("{header:?} cut at {cut}: {other:?}"),
            }
        }
        let mut followed = bytes.to_vec();
        followed.extend([0xFF; 20]);
        assert_eq!(
            Header::parse(&followed, Rsv::NONE),
            Ok(ParsedHeader::Complete { header, header_len: bytes.len() })
        );
    }
}

/// RFC 6455, 5.7, word for word.
#[test]
fn the_examples_of_the_rfc() {
    let ping = ControlPayload::new(b"Hello").unwrap();
    let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
    let cases: [(Header, &[u8]); 8] = [
        (Header::data(DataOpcode::Text, 5).unwrap(), &[0x81, 0x05]),
        (
            Header::data(DataOpcode::Text, 5).unwrap().with_masking_key(key),
            &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d],
        ),
        (Header::fragment(DataOpcode::Text, 3).unwrap(), &[0x01, 0x03]),
        (Header::data(DataOpcode::Continuation, 2).unwrap(), &[0x80, 0x02]),
        (Header::control(ControlOpcode::Ping, &ping), &[0x89, 0x05]),
        (
            Header::control(ControlOpcode::Pong, &ping).with_masking_key(key),
            &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d],
        ),
        (Header::data(DataOpcode::Binary, 256).unwrap(), &[0x82, 0x7E, 0x01, 0x00]),
        (
            Header::data(DataOpcode::Binary, 65536).unwrap(),
            &[0x82, 0x7F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00],
        ),
    ];
    for (header, bytes) in cases {
        assert_eq!(*header.encode(), *bytes);
        let header_len = bytes.len();
        assert_eq!(
            Header::parse(bytes, Rsv::NONE),
            Ok(ParsedHeader::Complete { header, header_len })
        );
    }
}

/// W-063: all eight sets of bits against all eight sets of negotiated bits.
#[test]
fn reserved_bits_are_refused_unless_an_extension_owns_them() {
    for allowed in 0..8u8 {
        for set in 0..8u8 {
            let first = 0x82 | (set << 4);
            let parsed = Header::parse(&[first, 0], Rsv(allowed << 4));
            let rsv = Rsv(set << 4);
            if set & !allowed == 0 {
                let header = Header::data(DataOpcode::Binary, 0).unwrap().with_rsv(rsv);
                assert_eq!(parsed, Ok(ParsedHeader::Complete { header, header_len: 2 }));
                assert_eq!(*header.encode(), [first, 0]);
            } else {
                assert_eq!(parsed, Err(HeaderError::ReservedBits { rsv }));
            }
        }
    }
    assert_eq!(Rsv::RSV1 | Rsv::RSV2 | Rsv::RSV3, Rsv(0x70));
    assert_eq!(Rsv::RSV1 | Rsv::RSV1, Rsv::RSV1, "a set, not a sum");
}

/// W-064, W-065, W-066, W-073, W-082: each rule is checked at the first byte that shows the fault.
#[test]
fn an_illegal_header_is_refused_at_the_byte_that_breaks_the_rule() {
    use ControlOpcode::{Close, Ping, Pong};
    let cases: [(&[u8], HeaderError); 13] = [
        (&[0x83], HeaderError::ReservedOpcode { bits: 3 }),
        (&[0x07], HeaderError::ReservedOpcode { bits: 7 }),
        (&[0x8B], HeaderError::ReservedOpcode { bits: 0xB }),
        (&[0xC1], HeaderError::ReservedBits { rsv: Rsv::RSV1 }),
        (&[0x08], HeaderError::FragmentedControl { opcode: Close }),
        (&[0x09], HeaderError::FragmentedControl { opcode: Ping }),
        (&[0x0A], HeaderError::FragmentedControl { opcode: Pong }),
        (&[0x88, 126], HeaderError::OversizedControl { opcode: Close }),
        (&[0x89, 127], HeaderError::OversizedControl { opcode: Ping }),
        (&[0x8A, 0x80 | 126], HeaderError::OversizedControl { opcode: Pong }),
        (&[0x82, 126, 0, 125], HeaderError::NonMinimalLength { payload_len: 125 }),
        (
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            HeaderError::NonMinimalLength { payload_len: 65535 },
        ),
        (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], HeaderError::LengthTopBit),
    ];
    for (bytes, error) in cases {
        assert_eq!(Header::parse(bytes, Rsv::NONE), Err(error), "{bytes:x?}");
        for cut in 0..bytes.len() {
            let earlier = Header::parse(&bytes[..cut], Rsv::NONE);
            assert!(matches!(earlier, Ok(ParsedHeader::Partial { .. })), "{bytes:x?} at {cut}");
        }
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
    }
}

/// W-063, W-064, W-065, W-066, W-073, W-082: each error shows the received value and the rule that
/// it breaks.
#[test]
fn an_error_names_the_rule() {
    for (error, shown) in [
        (
            HeaderError::ReservedBits { rsv: Rsv::RSV1 | Rsv::RSV3 },
            "reserved bits 101 are set without an extension that defines them (RFC 6455, 5.2)",
        ),
        (HeaderError::ReservedOpcode { bits: 11 }, "the opcode 0xB is reserved (RFC 6455, 5.2)"),
        (
            HeaderError::FragmentedControl { opcode: ControlOpcode::Ping },
            "a Ping frame is fragmented (RFC 6455, 5.5)",
        ),
        (
            HeaderError::OversizedControl { opcode: ControlOpcode::Close },
            "a Close frame declares more than 125 bytes (RFC 6455, 5.5)",
        ),
        (
            HeaderError::NonMinimalLength { payload_len: 125 },
            "the length 125 is not in its shortest form (RFC 6455, 5.2)",
        ),
        (HeaderError::LengthTopBit, "the top bit of the length is set (RFC 6455, 5.2)"),
    ] {
        assert_eq!(error.to_string(), shown);
    }
}

#[test]
fn header_bytes_are_the_slice_that_is_sent() {
    let bytes = Header::data(DataOpcode::Binary, 256).unwrap().encode();
    assert_eq!(bytes.as_ref(), [0x82, 0x7E, 0x01, 0x00]);
    assert_eq!(std::format!("{bytes:?}"), "HeaderBytes([82, 7e, 01, 00])");
}

/// W-065: lengths at every limit of an integer, on this target's word size.
#[test]
fn lengths_at_the_limits_of_their_forms_are_read_exactly() {
    for (len, legal) in [
        (65536, true),
        ((1 << 31) - 1, true),
        (1 << 31, true),
        ((1 << 32) - 1, true),
        (1 << 32, true),
        ((1 << 63) - 1, true),
        (1 << 63, false),
        (u64::MAX, false),
    ] {
        let mut bytes = std::vec![0x82, 127];
        bytes.extend(u64::to_be_bytes(len));
        match Header::parse(&bytes, Rsv::NONE) {
            Ok(ParsedHeader::Complete { header, .. }) => {
                assert!(legal, "{len}");
                assert_eq!(header.payload_len(), len);
            }
            other => {
                assert!(!legal, "{len}");
                assert_eq!(other, Err(HeaderError::LengthTopBit));
            }
        }
        assert_eq!(Header::data(DataOpcode::Text, len).is_ok(), legal);
        assert_eq!(Header::fragment(DataOpcode::Text, len).is_ok(), legal);
    }
}
