use std::format;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

/// The result, which is the same from every way to split the bytes in two, and from single bytes.
fn scan(scanner: &HeadScanner, bytes: &[u8]) -> Result<Progress<usize>, HeadError> {
    let len = |progress| match progress {
        Progress::Partial => Progress::Partial,
        Progress::Complete(head) => Progress::Complete(Head::len(&head)),
    };
    let outcome = scanner.clone().scan(bytes).map(len);
    let mut one_by_one = scanner.clone();
    let mut last = Ok(Progress::Partial);
    for end in 0..=bytes.len() {
        last = one_by_one.scan(&bytes[..end]).map(len);
        let mut cut = scanner.clone();
        let _ = cut.scan(&bytes[..end]);
        assert_eq!(cut.scan(bytes).map(len), outcome, "cut at {end}");
    }
    assert_eq!(last, outcome, "byte by byte");
    // No byte is looked at twice.
    assert!(one_by_one.scanned() <= bytes.len());
    outcome
}

fn request(bytes: &[u8]) -> Result<Progress<usize>, HeadError> {
    scan(&HeadScanner::request(Limits::UNBOUNDED), bytes)
}

fn response(bytes: &[u8]) -> Result<Progress<usize>, HeadError> {
    scan(&HeadScanner::response(Limits::UNBOUNDED), bytes)
}

/// W-049
#[test]
fn the_end_is_found_and_what_follows_is_left() {
    for (head, outcome) in [
        (REQUEST, request as fn(&[u8]) -> _),
        (b"\r\n\nGET / HTTP/1.1\nHost: a\n\n", request),
        (b"GET / HTTP/1.0\r\n\r\n", request),
        (RESPONSE, response),
        (b"HTTP/1.1 200\r\n\r\n", response),
        (b"HTTP/1.1 200 \n\n", response),
        (b"HTTP/1.0 404 N\xf6t\tFound\r\nA: \xff\r\n\r\n", response),
    ] {
        assert_eq!(outcome(head), Ok(Progress::Complete(head.len())));
        for follows in [&b"\x82\x00"[..], b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0"] {
            assert_eq!(outcome(&[head, follows].concat()), Ok(Progress::Complete(head.len())));
        }
        for end in 0..head.len() {
            assert_eq!(outcome(&head[..end]), Ok(Progress::Partial), "{end}");
        }
    }
}

/// P-001, P-002, P-003, W-031
#[test]
fn an_invalid_head_is_refused_at_its_first_wrong_byte() {
    use HeadError::*;
    for (bytes, error) in [
        // TLS, SSH's NUL, a WebSocket frame, UTF-8.
        (&b"\x16\x03\x01"[..], Method { offset: 0 }),
        (b"\0", Method { offset: 0 }),
        (b"\x81\x85", Method { offset: 0 }),
        (b"\xc3\xa9", Method { offset: 0 }),
        (b" GET", Method { offset: 0 }),
        (b"GET\r\n", Method { offset: 3 }),
        (b"GET  /", Target { offset: 4 }),
        (b"GET /\r\n", Target { offset: 5 }),
        (b"GET /\t", Target { offset: 5 }),
        (b"GET /\xc3\xa9", Target { offset: 5 }),
        (b"GET /\0", Target { offset: 5 }),
        (b"GET / http/1.1", Version { offset: 6 }),
        (b"GET / x HTTP/1.1", Version { offset: 6 }),
        (b"GET / HTTP/x", Version { offset: 11 }),
        (b"GET / HTTP/2.0", VersionUnsupported { offset: 11 }),
        (b"PRI * HTTP/2.0", VersionUnsupported { offset: 11 }),
        (b"GET / HTTP/1.2", VersionUnsupported { offset: 13 }),
        (b"GET / HTTP/1.x", Version { offset: 13 }),
        (b"GET / HTTP/1.1 ", Version { offset: 14 }),
        (b"GET / HTTP/1.1\rX", BareCarriageReturn { offset: 14 }),
        (b"GET / HTTP/1.1\r\r\n", BareCarriageReturn { offset: 14 }),
        (b"\rGET", BareCarriageReturn { offset: 0 }),
        (b"GET / HTTP/1.1\r\n X: y", LineFolding { offset: 16 }),
        (b"GET / HTTP/1.1\r\nX: y\r\n\tz", LineFolding { offset: 22 }),
        (b"GET / HTTP/1.1\r\n: y", HeaderName { offset: 16 }),
        (b"GET / HTTP/1.1\r\nX\r\n", HeaderName { offset: 17 }),
        (b"GET / HTTP/1.1\r\nX(: y", HeaderName { offset: 17 }),
        (b"GET / HTTP/1.1\r\nX : y", SpaceBeforeColon { offset: 17 }),
        (b"GET / HTTP/1.1\r\nX\t: y", SpaceBeforeColon { offset: 17 }),
        (b"GET / HTTP/1.1\r\nX: y\rz", BareCarriageReturn { offset: 20 }),
        (b"GET / HTTP/1.1\r\nX: y\r\r\n", BareCarriageReturn { offset: 20 }),
        (b"GET / HTTP/1.1\r\nX: \0", HeaderValue { offset: 19 }),
        (b"GET / HTTP/1.1\r\nX: \x7f", HeaderValue { offset: 19 }),
        (b"GET / HTTP/1.1\r\n\rX", BareCarriageReturn { offset: 16 }),
    ] {
        assert_eq!(request(bytes), Err(error), "{bytes:?}");
        agree(bytes);
        // Not one byte earlier.
        let before = bytes
            .iter()
            .enumerate()
            .find_map(|(end, _)| request(&bytes[..=end]).err().map(|_| end));
        let expected = match error {
            BareCarriageReturn { offset } => offset + 1,
            Method { offset }
            | Target { offset }
            | Version { offset }
            | VersionUnsupported { offset }
            | LineFolding { offset }
            | HeaderName { offset }
            | SpaceBeforeColon { offset }
            | HeaderValue { offset } => offset,
            _ => unreachable!(),
        };
        assert_eq!(before, Some(expected), "{bytes:?}");
    }
    for (bytes, error) in [
        (&b"GET"[..], Version { offset: 0 }),
        (b"HTTQ", Version { offset: 3 }),
        (b"HTTP/2 200 OK", VersionUnsupported { offset: 5 }),
        (b"HTTP/1.1\r\n", Version { offset: 8 }),
        (b"HTTP/1.1  200", Status { offset: 9 }),
        (b"HTTP/1.1 20x", Status { offset: 11 }),
        (b"HTTP/1.1 2000", Status { offset: 12 }),
        (b"HTTP/1.1 200 O\0", Status { offset: 14 }),
        (b"HTTP/1.1 200 OK\rX", BareCarriageReturn { offset: 15 }),
        (b"HTTP/1.1 200\rX", BareCarriageReturn { offset: 12 }),
    ] {
        assert_eq!(response(bytes), Err(error), "{bytes:?}");
        agree(bytes);
    }
}

#[test]
fn an_error_stays() {
    let mut scanner = HeadScanner::request(Limits::UNBOUNDED);
    let error = scanner.scan(b"\x16").unwrap_err();
    assert_eq!(scanner.scan(REQUEST), Err(error));
    assert_eq!(scanner.scanned(), 1);
}

#[test]
fn a_complete_head_stays() {
    let mut scanner = HeadScanner::request(Limits::UNBOUNDED);
    for buffer in [REQUEST.to_vec(), [REQUEST, b"\0more"].concat()] {
        assert!(
            matches!(scanner.scan(&buffer), Ok(Progress::Complete(head)) if head.as_bytes() == REQUEST)
        );
    }
    // A buffer that has lost bytes is the caller's mistake, and no panic.
    assert_eq!(scanner.scan(b"GET"), Ok(Progress::Partial));
}

#[test]
fn the_limits_are_exact() {
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::UNBOUNDED;
        change(&mut limits);
        HeadScanner::request(limits)
    };
    let complete = Ok(Progress::Complete(REQUEST.len()));
    assert_eq!(REQUEST.len(), 35);
    assert_eq!(scan(&limits(|limits| limits.max_head_len = 35), REQUEST), complete);
    let too_long = Err(HeadError::HeadTooLong { limit: 34 });
    let scanner = limits(|limits| limits.max_head_len = 34);
    assert_eq!(scan(&scanner, REQUEST), too_long);
    // As soon as the head cannot fit any more, not one byte later.
    assert_eq!(scan(&scanner, &REQUEST[..33]), Ok(Progress::Partial));
    assert_eq!(scan(&scanner, &REQUEST[..34]), too_long);
    // "GET /chat HTTP/1.1"
    assert_eq!(scan(&limits(|limits| limits.max_start_line_len = 18), REQUEST), complete);
    let too_long = Err(HeadError::StartLineTooLong { limit: 17 });
    assert_eq!(scan(&limits(|limits| limits.max_start_line_len = 17), REQUEST), too_long);
    assert_eq!(scan(&limits(|limits| limits.max_headers = 2), REQUEST), complete);
    let too_many = Err(HeadError::TooManyHeaders { limit: 1 });
    assert_eq!(scan(&limits(|limits| limits.max_headers = 1), REQUEST), too_many);
    // Empty lines before the start line count for the head but not for the start line.
    let late = [b"\r\n\r\n", REQUEST].concat();
    let scanner = limits(|limits| limits.max_start_line_len = 18);
    assert_eq!(scan(&scanner, &late), Ok(Progress::Complete(39)));
    assert!(scan(&limits(|limits| limits.max_head_len = 38), &late).is_err());
}

/// W-127: the first byte that is too much is refused, in whatever part of the start line it is.
#[test]
fn the_start_line_may_end_its_length_in_any_part() {
    for (scanner, head, line_len) in [
        (HeadScanner::request as fn(Limits) -> HeadScanner, REQUEST, 18),
        (HeadScanner::response, RESPONSE, 32),
    ] {
        for limit in 0..line_len {
            let limits = Limits { max_start_line_len: limit, ..Limits::UNBOUNDED };
            let too_long = Err(HeadError::StartLineTooLong { limit });
            assert_eq!(scan(&scanner(limits), &head[..limit]), Ok(Progress::Partial));
            assert_eq!(scan(&scanner(limits), &head[..=limit]), too_long);
            assert_eq!(scan(&scanner(limits), head), too_long);
        }
        let limits = Limits { max_start_line_len: line_len, ..Limits::UNBOUNDED };
        assert_eq!(scan(&scanner(limits), head), Ok(Progress::Complete(head.len())));
    }
}

#[test]
fn a_large_honest_head_arrives_byte_by_byte_and_a_huge_one_is_refused_at_the_limit() {
    let mut head = b"GET / HTTP/1.1\r\nCookie: ".to_vec();
    head.resize(16 * 1024 - 4, b'x');
    head.extend(b"\r\n\r\n");
    let mut scanner = HeadScanner::request(Limits::server());
    for end in 0..head.len() {
        assert_eq!(scanner.scan(&head[..end]), Ok(Progress::Partial));
        assert_eq!(scanner.scanned(), end);
    }
    assert!(matches!(scanner.scan(&head), Ok(Progress::Complete(_))));

    let mut huge = b"GET / HTTP/1.1\r\nCookie: ".to_vec();
    huge.resize(10 * 1024 * 1024, b'x');
    let mut scanner = HeadScanner::request(Limits::server());
    assert_eq!(scanner.scan(&huge), Err(HeadError::HeadTooLong { limit: 16 * 1024 }));
    assert_eq!(scanner.scanned(), 16 * 1024);

    let mut scanner = HeadScanner::request(Limits::server());
    let empty_lines = vec![b'\n'; 1024 * 1024];
    assert_eq!(scanner.scan(&empty_lines), Err(HeadError::HeadTooLong { limit: 16 * 1024 }));

    let target = [b"GET /", &vec![b'x'; 8 * 1024][..]].concat();
    let mut scanner = HeadScanner::request(Limits::server());
    assert_eq!(scanner.scan(&target), Err(HeadError::StartLineTooLong { limit: 8 * 1024 }));
    assert_eq!(scanner.scanned(), 8 * 1024 + 1);
}

/// The result of `httparse` for the same bytes.
fn oracle(parsed: httparse::Result<usize>) -> Result<Progress<usize>, ()> {
    match parsed {
        Ok(httparse::Status::Complete(len)) => Ok(Progress::Complete(len)),
        Ok(httparse::Status::Partial) => Ok(Progress::Partial),
        Err(_) => Err(()),
    }
}

fn agree(bytes: &[u8]) {
    let len = |progress| match progress {
        Progress::Partial => Progress::Partial,
        Progress::Complete(head) => Progress::Complete(Head::len(&head)),
    };
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let scanned = HeadScanner::request(Limits::UNBOUNDED).scan(bytes).map(len);
    // The one difference: a target with other text than ASCII is refused here.
    let allowed = matches!(scanned, Err(HeadError::Target { offset }) if bytes[offset] >= 0x80);
    if !allowed {
        let parsed = oracle(httparse::Request::new(&mut slots).parse(bytes));
        assert_eq!(scanned.map_err(|_| ()), parsed, "request {:?}", bytes.escape_ascii());
    }
    let scanned = HeadScanner::response(Limits::UNBOUNDED).scan(bytes).map(len);
    let parsed = oracle(httparse::Response::new(&mut slots).parse(bytes));
    assert_eq!(scanned.map_err(|_| ()), parsed, "response {:?}", bytes.escape_ascii());
}

const ALPHABET: &[u8] = b"\r\n :a\t\0\x80";

/// Every string of up to `len` bytes of the alphabet, after each start line.
fn agree_on_all(len: usize) {
    for start in
        [&b""[..], b"GET / HTTP/1.1", b"GET / HTTP/1.1\n", b"HTTP/1.1 200", b"HTTP/1.0 101 x\r\n"]
    {
        for len in 0..=len {
            let mut digits = vec![0; len];
            loop {
                let tail = digits.iter().map(|digit: &usize| ALPHABET[*digit]);
                let bytes: Vec<u8> = start.iter().copied().chain(tail).collect();
                agree(&bytes);
                let Some(at) = digits.iter().rposition(|digit| digit + 1 < ALPHABET.len()) else {
                    break;
                };
                digits[at] += 1;
                digits[at + 1..].fill(0);
            }
        }
    }
}

#[test]
fn the_scanner_agrees_with_httparse_on_short_heads() {
    agree_on_all(4);
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_the_scanner_agrees_with_httparse() {
    agree_on_all(7);
}

proptest! {
    #[test]
    fn the_scanner_agrees_with_httparse_on_fragments(
        parts in prop::collection::vec(
            prop::sample::select(&[
                "GET", "POST", " ", "/", "/a?b", "*", "HTTP/1.1", "HTTP/1.0", "HTTP/", "1.", "2",
                "\r\n", "\n", "\r", "\r\n\r\n", "Host", ":", ": ", "value", " \t", "\0", "\u{e9}",
                "200", "101 Switching", "X-Long-Header-Name-That-Fills-A-Vector", "(", "\x7f",
            ][..]),
            0..16,
        )
    ) {
        agree(parts.concat().as_bytes());
    }

    #[test]
    fn the_scanner_agrees_with_httparse_on_damaged_heads(
        which in 0..2_usize, at in 0..200_usize, byte: u8, insert: bool,
    ) {
        let mut bytes = [
            &b"GET /chat?x=1 HTTP/1.1\r\nHost: server.example.com\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nrest"[..],
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, keep-alive\r\n\r\nrest",
        ][which].to_vec();
        let at = at % bytes.len();
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        agree(&bytes);
        for end in 0..bytes.len() {
            agree(&bytes[..end]);
        }
    }

    #[test]
    fn the_scanner_agrees_with_httparse_on_noise(bytes: Vec<u8>) {
        agree(&bytes);
        agree(&[b"GET / HTTP/1.1\r\n", &bytes[..]].concat());
        agree(&[b"HTTP/1.1 101 \r\n", &bytes[..]].concat());
    }

    #[test]
    fn cuts_never_change_the_outcome(bytes in "[GETH/P1.: \\r\\na]{0,40}") {
        let _ = request(bytes.as_bytes());
        let _ = response(bytes.as_bytes());
    }
}

/// P-003; RFC 9112, 5.2: for a client a fold is white space; a server refuses it.
#[test]
fn a_client_makes_folded_lines_one() {
    for (received, unfolded) in [
        ("A: b\r\n c\r\n\r\n", "A: b   c\r\n\r\n"),
        ("A: b\n\tc\n\n", "A: b \tc\n\n"),
        ("A:\r\n\r\n", "A:\r\n\r\n"),
        ("A:\r\n b\r\n\r\n", "A:   b\r\n\r\n"),
        ("A: b\r\n  \r\n c\r\nD: e\n f\r\n\r\n", "A: b       c\r\nD: e  f\r\n\r\n"),
        // Bytes after the head are not looked at.
        ("A: b\r\n\r\n\r\n c\n d", "A: b\r\n\r\n\r\n c\n d"),
        ("A: b\n c\n\n\n d", "A: b  c\n\n\n d"),
    ] {
        let start = "HTTP/1.1 200 OK\r\n";
        let received = format!("{start}{received}").into_bytes();
        let expected = format!("{start}{unfolded}").into_bytes();
        for cut in 0..=received.len() {
            let mut buffer = received.clone();
            let mut scanner = HeadScanner::response(Limits::client());
            let cut_len = scanner.scan_mut(&mut buffer[..cut]).map(|progress| match progress {
                Progress::Partial => None,
                Progress::Complete(head) => Some(head.len()),
            });
            let Ok(Progress::Complete(head)) = scanner.scan_mut(&mut buffer) else { panic!() };
            assert!(cut_len == Ok(None) || cut_len == Ok(Some(head.len())));
            let mut slots = [httparse::EMPTY_HEADER; 4];
            let parsed = httparse::Response::new(&mut slots).parse(head.as_bytes());
            assert_eq!(parsed, Ok(httparse::Status::Complete(head.len())));
            assert_eq!(buffer, expected, "cut at {cut}");
        }
    }
    let mut before_any_header = b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n".to_vec();
    let scanned = HeadScanner::response(Limits::client()).scan_mut(&mut before_any_header);
    assert_eq!(scanned, Err(HeadError::LineFolding { offset: 17 }));
    let mut request = b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n".to_vec();
    let scanned = HeadScanner::request(Limits::server()).scan_mut(&mut request);
    assert_eq!(scanned, Err(HeadError::LineFolding { offset: 22 }));
    // The limits count folded lines by their bytes.
    let mut limits = Limits::client();
    (limits.max_headers, limits.max_head_len) = (1, 40);
    let mut long = [b"HTTP/1.1 200 OK\r\nA: b\r\n".to_vec(), b" c\r\n".repeat(99)].concat();
    let scanned = HeadScanner::response(limits).scan_mut(&mut long);
    assert_eq!(scanned, Err(HeadError::HeadTooLong { limit: 40 }));
}

#[test]
fn debug_output_shows_no_byte_of_the_head() {
    let mut scanner = HeadScanner::request(Limits::server());
    let Ok(Progress::Complete(head)) = scanner.scan(REQUEST) else { unreachable!() };
    assert_eq!(format!("{head:?}"), "Head { len: 35, .. }");
}

/// This many bytes can be read without reading past the head, and before its end there is always
/// one.
#[test]
fn no_more_bytes_are_said_to_remain_than_every_head_still_has() {
    let heads: [&[u8]; 7] = [
        RESPONSE,
        b"HTTP/1.1 200\n\n",
        b"\r\n\n\r\nHTTP/1.0 200 \n\r\n",
        b"HTTP/1.1 200 OK\r\nA:\nB: b\r\n\n",
        b"HTTP/1.1 404 \xe4\nA-b:\t\r\nC:\n\n",
        b"HTTP/1.1 200\nA:\n\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ];
    for head in heads {
        for (end, _) in head.iter().enumerate() {
            let mut scanner = HeadScanner::response(Limits::UNBOUNDED);
            assert_eq!(scanner.scan(&head[..end]), Ok(Progress::Partial));
            let remaining = 1..=head.len() - end;
            assert!(remaining.contains(&scanner.min_remaining()), "{end} of {head:?}");
        }
        let mut scanner = HeadScanner::response(Limits::UNBOUNDED);
        assert!(matches!(scanner.scan(head), Ok(Progress::Complete(_))));
        assert_eq!(scanner.min_remaining(), 0);
    }
    // Line by line, the shortest head has no byte more.
    let shortest = b"\nHTTP/1.1 200\n\n";
    for (end, expected) in [(0, 14), (1, 14), (2, 13), (8, 7), (9, 6), (10, 5), (13, 2), (14, 1)] {
        let mut scanner = HeadScanner::response(Limits::UNBOUNDED);
        assert_eq!(scanner.scan(&shortest[..end]), Ok(Progress::Partial));
        assert_eq!(scanner.min_remaining(), expected, "{end}");
    }
    let mut request = HeadScanner::request(Limits::UNBOUNDED);
    assert_eq!(request.scan(b"GET /"), Ok(Progress::Partial));
    assert_eq!(request.min_remaining(), 1);
}
