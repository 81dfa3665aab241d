use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::client::request::ClientRequest;
use crate::extensions::ExtensionsError;
use crate::head::{HeadScanner, Progress};
use crate::limits::Limits;
use crate::uri::WebSocketUri;

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Lines<'a> = Vec<(&'a str, &'a str)>;

fn example() -> Lines<'static> {
    [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)].to_vec()
}

fn with<'a>(name: &'a str, values: &[&'a str]) -> Lines<'a> {
    let mut lines = example();
    lines.retain(|(other, _)| *other != name);
    lines.extend(values.iter().map(|value| (name, *value)));
    lines
}

fn head(start: &str, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{start}\r\n");
    lines.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    (head + "\r\n").into_bytes()
}

/// Runs the check with a client that offers two subprotocols and two extensions.
fn with_client<T>(run: impl FnOnce(&ClientRequest<'_>) -> T) -> T {
    let params = [("client_max_window_bits", None)];
    let extensions = [
        Extension::new("permessage-deflate", &params).unwrap(),
        Extension::new("x-other", &[]).unwrap(),
    ];
    let uri = WebSocketUri::parse("ws://server.example.com/chat").unwrap();
    let request = ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"))
        .subprotocols(&["chat", "superchat"])
        .unwrap()
        .extensions(&extensions);
    run(&request)
}

/// The outcome of an answer, owned.
#[derive(Debug, PartialEq)]
enum Outcome {
    Opened { subprotocol: Option<String>, extensions: Vec<String> },
    Interim(u16),
    Declined(u16, String),
}

fn outcome(answer: &Response<'_>) -> Outcome {
    match answer {
        Response::Opened(opened) => Outcome::Opened {
            subprotocol: opened.subprotocol().map(str::to_string),
            extensions: opened.extensions().map(|extension| extension.name().to_string()).collect(),
        },
        Response::Interim(interim) => Outcome::Interim(interim.status()),
        Response::Declined(declined) => {
            Outcome::Declined(declined.status(), declined.reason().to_string())
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Outcome, ResponseError> {
    let mut scanner = HeadScanner::response(Limits::client());
    let Progress::Complete(head) = scanner.scan(bytes)? else { panic!("the head has no end") };
    let mut slots = HeaderSlots::<100>::new();
    with_client(|client| client.parse_response(head, &mut slots).map(|answer| outcome(&answer)))
}

/// The result for a 101 with these headers, the same from bytes, pairs and the `http` crate.
fn outcome_of(lines: &[(&str, &str)]) -> Result<Outcome, ResponseError> {
    let parsed = parse(&head("HTTP/1.1 101 Switching Protocols", lines));
    let pairs: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 101, reason: "" };
    let checked = with_client(|client| {
        client.check_response(line, Headers::from_pairs(&pairs)).map(|answer| outcome(&answer))
    });
    assert_eq!(checked, parsed, "pairs and bytes");
    #[cfg(feature = "http")]
    {
        let mut response = http::Response::builder().status(101).body(()).unwrap();
        for (name, value) in &pairs {
            let name: http::HeaderName = name.parse().unwrap();
            response.headers_mut().append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        let checked =
            with_client(|client| client.check_http(&response).map(|answer| outcome(&answer)));
        assert_eq!(checked, parsed, "http and bytes");
    }
    parsed
}

/// The result for the same headers in a 200 over HTTP/2.
fn outcome_of_http2(lines: &[(&str, &str)]) -> Result<Outcome, ResponseError> {
    let pairs: Vec<_> = lines
        .iter()
        .filter(|(name, _)| !["Upgrade", "Connection", "Sec-WebSocket-Accept"].contains(name))
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let line = StatusLine::Http2 { status: 200 };
    with_client(|client| {
        client.check_response(line, Headers::from_pairs(&pairs)).map(|answer| outcome(&answer))
    })
}

fn opened(subprotocol: Option<&str>, extensions: &[&str]) -> Outcome {
    Outcome::Opened {
        subprotocol: subprotocol.map(str::to_string),
        extensions: extensions.iter().map(ToString::to_string).collect(),
    }
}

/// W-024, W-025, W-026, W-027, W-028, W-053, W-123
#[test]
fn a_good_answer_opens() {
    let padded = format!(" \t{ACCEPT}\t ");
    for (name, values, expected) in [
        ("X-Unknown", &["\u{e9}"][..], opened(None, &[])),
        ("Upgrade", &["WebSocket"], opened(None, &[])),
        ("Upgrade", &["WEBSOCKET "], opened(None, &[])),
        ("Connection", &["upgrade"], opened(None, &[])),
        ("Connection", &["keep-alive, Upgrade"], opened(None, &[])),
        ("Connection", &["keep-alive", "UPGRADE"], opened(None, &[])),
        ("Sec-WebSocket-Accept", &[padded.as_str()], opened(None, &[])),
        ("Sec-WebSocket-Protocol", &["superchat"], opened(Some("superchat"), &[])),
        ("Sec-WebSocket-Protocol", &[" chat\t"], opened(Some("chat"), &[])),
        ("Sec-WebSocket-Extensions", &["x-other"], opened(None, &["x-other"])),
        (
            "Sec-WebSocket-Extensions",
            &["permessage-deflate; server_max_window_bits=10"],
            opened(None, &["permessage-deflate"]),
        ),
        // W-053, W-123: split lines mean the joined list, and the order stays.
        (
            "Sec-WebSocket-Extensions",
            &["x-other", "permessage-deflate"],
            opened(None, &["x-other", "permessage-deflate"]),
        ),
    ] {
        assert_eq!(outcome_of(&with(name, values)), Ok(expected), "{name}: {values:?}");
    }
}

/// P-009; RFC 9112, 6.3 item 1: a 1xx has no body, and headers that describe one are ignored.
#[test]
fn what_a_101_announces_of_a_body_is_ignored() {
    for lines in [
        &[("Content-Length", "0")][..],
        &[("Content-Length", "5")],
        &[("content-length", "x")],
        &[("Content-Length", "0"), ("Content-Length", "7")],
        &[("Transfer-Encoding", "chunked")],
        &[("Transfer-Encoding", "identity")],
        &[("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("Trailer", "X")],
    ] {
        let all = [&example()[..], lines].concat();
        assert_eq!(outcome_of(&all), Ok(opened(None, &[])), "{lines:?}");
    }
}

/// W-024, W-025, W-026, W-027, W-028, W-029, W-054, W-056, W-119
#[test]
fn sixty_bad_answers_are_refused_each_for_its_reason() {
    use ResponseError as E;
    let long = "A".repeat(8192);
    let nearly = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo";
    let lower = ACCEPT.to_lowercase();
    let doubled = format!("{ACCEPT}, {ACCEPT}");
    let quoted = format!("\"{ACCEPT}\"");
    let more = format!("{ACCEPT}A");
    let extensions = |line, offset| E::Extensions(ExtensionsError::Malformed { line, offset });
    let mut count = 0;
    for (name, values, error) in [
        ("Upgrade", &[][..], E::UpgradeMissing),
        ("Upgrade", &[""], E::Upgrade),
        ("Upgrade", &["h2c"], E::Upgrade),
        ("Upgrade", &["websockets"], E::Upgrade),
        ("Upgrade", &["web socket"], E::Upgrade),
        ("Upgrade", &["websocket/13"], E::Upgrade),
        ("Upgrade", &["websocket, h2c"], E::Upgrade),
        ("Upgrade", &["\"websocket\""], E::Upgrade),
        ("Upgrade", &["websocket", "websocket"], E::Upgrade),
        ("Upgrade", &["websocket", "h2c"], E::Upgrade),
        ("Upgrade", &["a", "b", "websocket"], E::Upgrade),
        ("Connection", &[], E::ConnectionMissing),
        ("Connection", &[""], E::Connection),
        ("Connection", &["close"], E::Connection),
        ("Connection", &["keep-alive"], E::Connection),
        ("Connection", &["Upgraded"], E::Connection),
        ("Connection", &["not-upgrade"], E::Connection),
        ("Connection", &["keep-alive; Upgrade"], E::Connection),
        ("Connection", &["\"Upgrade\""], E::Connection),
        ("Connection", &["up", "grade"], E::Connection),
        ("Sec-WebSocket-Accept", &[], E::AcceptMissing),
        ("Sec-WebSocket-Accept", &[""], E::Accept),
        ("Sec-WebSocket-Accept", &[" "], E::Accept),
        ("Sec-WebSocket-Accept", &[nearly], E::Accept),
        ("Sec-WebSocket-Accept", &[more.as_str()], E::Accept),
        ("Sec-WebSocket-Accept", &[lower.as_str()], E::Accept),
        ("Sec-WebSocket-Accept", &[quoted.as_str()], E::Accept),
        ("Sec-WebSocket-Accept", &[doubled.as_str()], E::Accept),
        ("Sec-WebSocket-Accept", &["HSmrc0sMlYUkAGmm5OPpG2HaGWk="], E::Accept),
        ("Sec-WebSocket-Accept", &["dGhlIHNhbXBsZSBub25jZQ=="], E::Accept),
        ("Sec-WebSocket-Accept", &["s3pPLMBiTxaQ9kYGzzhZRbK xOo="], E::Accept),
        ("Sec-WebSocket-Accept", &[long.as_str()], E::Accept),
        ("Sec-WebSocket-Accept", &["\u{e9}"], E::Accept),
        ("Sec-WebSocket-Accept", &[ACCEPT, ACCEPT], E::AcceptRepeated),
        ("Sec-WebSocket-Accept", &[ACCEPT, "x"], E::AcceptRepeated),
        ("Sec-WebSocket-Accept", &["x", ACCEPT], E::AcceptRepeated),
        ("Sec-WebSocket-Protocol", &[""], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["other"], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["Chat"], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["chat, superchat"], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["chat,"], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["\"chat\""], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["ch\u{e4}t"], E::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", &["chat", "chat"], E::SubprotocolRepeated),
        ("Sec-WebSocket-Protocol", &["chat", "superchat"], E::SubprotocolRepeated),
        ("Sec-WebSocket-Protocol", &["chat", ""], E::SubprotocolRepeated),
        ("Sec-WebSocket-Extensions", &[""], E::Extensions(ExtensionsError::Empty)),
        ("Sec-WebSocket-Extensions", &[","], E::Extensions(ExtensionsError::Empty)),
        ("Sec-WebSocket-Extensions", &["foo"], E::ExtensionNotOffered { index: 0 }),
        ("Sec-WebSocket-Extensions", &["x-other, foo"], E::ExtensionNotOffered { index: 1 }),
        ("Sec-WebSocket-Extensions", &["x-other", "foo"], E::ExtensionNotOffered { index: 1 }),
        ("Sec-WebSocket-Extensions", &["Permessage-Deflate"], E::ExtensionNotOffered { index: 0 }),
        (
            "Sec-WebSocket-Extensions",
            &["client_max_window_bits"],
            E::ExtensionNotOffered { index: 0 },
        ),
        ("Sec-WebSocket-Extensions", &["x-other, x-other"], E::ExtensionRepeated { index: 1 }),
        ("Sec-WebSocket-Extensions", &["x-other", "x-other; a"], E::ExtensionRepeated { index: 1 }),
        ("Sec-WebSocket-Extensions", &["x-other;"], extensions(0, 8)),
        ("Sec-WebSocket-Extensions", &["x-other; a="], extensions(0, 11)),
        ("Sec-WebSocket-Extensions", &["x-other; a=\"b"], extensions(0, 13)),
        ("Sec-WebSocket-Extensions", &["x-other; a=\"b c\""], extensions(0, 13)),
        ("Sec-WebSocket-Extensions", &["x-other x-other"], extensions(0, 8)),
        ("Sec-WebSocket-Extensions", &["x-other", "="], extensions(1, 0)),
    ] {
        assert_eq!(outcome_of(&with(name, values)), Err(error), "{name}: {values:?}");
        assert!(error.to_string().len() > 20);
        // H-012: the same headers mean the same over HTTP/2.
        if ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"].contains(&name) {
            assert_eq!(outcome_of_http2(&with(name, values)), Err(error), "{name}: {values:?}");
        }
        count += 1;
    }
    use crate::head::HeadError as H;
    for (bytes, error) in [
        (head("HTTP/1.0 101 Switching Protocols", &example()), E::HttpVersion),
        (head("HTTP/2.0 101 x", &example()), H::VersionUnsupported { offset: 5 }.into()),
        (head("HTTP/1.1 1010 x", &example()), H::Status { offset: 12 }.into()),
        (head("HTTP/1.1 101 x\r\n Upgrade: websocket", &[]), H::LineFolding { offset: 16 }.into()),
        (
            head("HTTP/1.1 101 x", &[("Upgrade ", "websocket")]),
            H::SpaceBeforeColon { offset: 23 }.into(),
        ),
        (head("HTTP/1.1 101 x", &[("A", "b\rc")]), H::BareCarriageReturn { offset: 20 }.into()),
        (head("GET / HTTP/1.1", &example()), H::Version { offset: 0 }.into()),
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), H::Version { offset: 0 }.into()),
    ] {
        assert_eq!(parse(&bytes), Err(error), "{:?}", bytes.escape_ascii());
        count += 1;
    }
    assert!(count >= 60, "{count}");
}

/// W-027, W-028, W-122: a client that offered nothing is answered with nothing.
#[test]
fn nothing_offered_means_nothing_accepted() {
    let uri = WebSocketUri::parse("ws://a").unwrap();
    let client = ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"));
    for (name, value, error) in [
        ("Sec-WebSocket-Protocol", "chat", ResponseError::SubprotocolNotOffered),
        ("Sec-WebSocket-Protocol", "", ResponseError::SubprotocolNotOffered),
        (
            "Sec-WebSocket-Extensions",
            "permessage-deflate",
            ResponseError::ExtensionNotOffered { index: 0 },
        ),
    ] {
        let lines = with(name, &[value]);
        let pairs: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 101, reason: "" };
        let answer = client.check_response(line, Headers::from_pairs(&pairs));
        assert_eq!(answer.err(), Some(error));
    }
}

/// W-023, W-029, W-049
#[test]
fn another_status_is_a_value_with_the_place_of_its_body() {
    for (start, status, reason) in [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.1 204 No Content", 204, "No Content"),
        ("HTTP/1.1 301 Moved Permanently", 301, "Moved Permanently"),
        ("HTTP/1.0 401 Unauthorized", 401, "Unauthorized"),
        ("HTTP/1.1 426 ", 426, ""),
        ("HTTP/1.1 500", 500, ""),
        ("HTTP/1.1 599 \u{e9}", 599, ""),
        // RFC 9110, 15: an invalid status counts as one from 500 to 599.
        ("HTTP/1.1 099 x", 99, "x"),
        ("HTTP/1.1 600 x", 600, "x"),
        ("HTTP/1.1 000", 0, ""),
        ("HTTP/1.1 999 Request denied", 999, "Request denied"),
    ] {
        // Not even a full set of right headers opens a WebSocket without the status.
        let head = head(start, &with("Content-Length", &["4"]));
        let buffer = [&head[..], b"body"].concat();
        let mut scanner = HeadScanner::response(Limits::client());
        let Ok(Progress::Complete(complete)) = scanner.scan(&buffer) else { panic!("{start}") };
        let mut slots = HeaderSlots::<100>::new();
        let answer = with_client(|client| client.parse_response(complete, &mut slots)).unwrap();
        let Response::Declined(declined) = answer else { panic!("{start}") };
        assert_eq!((declined.status(), declined.reason()), (status, reason));
        assert_eq!(declined.header("content-length"), Some(&b"4"[..]));
        assert_eq!(&buffer[declined.head_len()..], b"body");
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let first = head("HTTP/1.1 103 Early Hints", &[("Link", "</a>")]);
    let buffer = [first.clone(), head("HTTP/1.1 101 x", &example())].concat();
    assert_eq!(parse(&first), Ok(Outcome::Interim(103)));
    assert_eq!(parse(&head("HTTP/1.1 100", &[])), Ok(Outcome::Interim(100)));
    let mut scanner = HeadScanner::response(Limits::client());
    let Ok(Progress::Complete(complete)) = scanner.scan(&buffer) else { panic!() };
    let mut slots = HeaderSlots::<8>::new();
    let answer = with_client(|client| client.parse_response(complete, &mut slots));
    let Ok(Response::Interim(interim)) = answer else { panic!() };
    assert_eq!(interim.head_len(), first.len());
    assert_eq!(parse(&buffer[interim.head_len()..]), Ok(opened(None, &[])));
}

/// W-050, W-058
#[test]
fn the_versions_of_a_refusal_are_read_from_every_line() {
    for (values, expected) in [
        (&["13"][..], &[13][..]),
        (&["13, 8, 7"], &[13, 8, 7]),
        (&["13", "8, 7", "", ","], &[13, 8, 7]),
        (&["013, +8, 256, x, 0, 00, 255, -1, 1 3, \u{e9}"], &[0, 255]),
        (&[], &[]),
    ] {
        let lines = with("Sec-WebSocket-Version", values);
        let mut pairs: Vec<_> =
            lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        pairs.push(("Sec-WebSocket-Version", b"\xFF"));
        let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 426, reason: "" };
        let answer =
            with_client(|client| client.check_response(line, Headers::from_pairs(&pairs)).unwrap());
        let Response::Declined(declined) = answer else { panic!() };
        assert!(declined.supported_versions().eq(expected.iter().copied()), "{values:?}");
    }
}

#[test]
fn all_headers_are_there_for_the_application() {
    let mut lines = example();
    lines.push(("Set-Cookie", "a=b"));
    let pairs: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    for status in [101, 404] {
        let line = StatusLine::Http1 { version: HttpVersion::Http11, status, reason: "" };
        let answer = with_client(|client| client.check_response(line, Headers::from_pairs(&pairs)));
        let headers = match answer.unwrap() {
            Response::Opened(opened) => opened.headers(),
            Response::Declined(declined) => declined.headers(),
            Response::Interim(_) => panic!("{status}"),
        };
        assert!(headers.iter().eq(pairs.iter().copied()));
    }
}

#[test]
fn too_few_slots_and_a_request_are_errors() {
    let bytes = head("HTTP/1.1 101 Switching Protocols", &example());
    let Ok(Progress::Complete(response)) = HeadScanner::response(Limits::client()).scan(&bytes)
    else {
        panic!()
    };
    let mut slots = HeaderSlots::<2>::new();
    let answer = with_client(|client| client.parse_response(response, &mut slots).map(|_| ()));
    assert_eq!(answer, Err(HeadError::TooManyHeaders { limit: 2 }.into()));

    let bytes = head("GET / HTTP/1.1", &example());
    let Ok(Progress::Complete(request)) = HeadScanner::request(Limits::client()).scan(&bytes)
    else {
        panic!()
    };
    let answer = with_client(|client| client.parse_response(request, &mut slots).map(|_| ()));
    assert_eq!(answer, Err(HeadError::WrongKind.into()));
}

/// H-010, H-011, H-013
#[test]
fn over_http2_success_is_2xx() {
    let check = |status, pairs: &[(&str, &[u8])]| {
        let line = StatusLine::Http2 { status };
        with_client(|client| {
            client.check_response(line, Headers::from_pairs(pairs)).map(|answer| outcome(&answer))
        })
    };
    assert_eq!(check(200, &[]), Ok(opened(None, &[])));
    assert_eq!(check(204, &[("sec-websocket-protocol", b"chat")]), Ok(opened(Some("chat"), &[])));
    assert_eq!(check(101, &[]), Err(ResponseError::SwitchingOverHttp2));
    assert_eq!(check(103, &[]), Ok(Outcome::Interim(103)));
    assert_eq!(check(404, &[]), Ok(Outcome::Declined(404, String::new())));
    assert_eq!(check(301, &[]), Ok(Outcome::Declined(301, String::new())));
    for name in ["upgrade", "connection", "transfer-encoding"] {
        assert_eq!(check(200, &[(name, b"x")]), Err(ResponseError::ConnectionSpecific));
    }
    // The key is not processed, so neither is an answer to it.
    assert_eq!(check(200, &[("sec-websocket-accept", b"garbage")]), Ok(opened(None, &[])));
    assert_eq!(check(200, &[("x", b"a\r\nb")]), Err(ResponseError::HeaderValue { index: 0 }));
    assert_eq!(check(200, &[("x y", b"")]), Err(ResponseError::HeaderName { index: 0 }));
}

proptest! {
    /// W-026
    #[test]
    fn no_other_accept_passes_and_none_panics(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let pairs: &[(&str, &[u8])] = &[
            ("Upgrade", b"websocket"),
            ("Connection", b"Upgrade"),
            ("Sec-WebSocket-Accept", &value),
        ];
        let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 101, reason: "" };
        let answer =
            with_client(|client| client.check_response(line, Headers::from_pairs(pairs)).is_ok());
        prop_assert_eq!(answer, trim(&value) == ACCEPT.as_bytes());
    }

    /// W-030
    #[test]
    fn the_case_of_names_and_other_headers_change_nothing(
        upper in prop::collection::vec(any::<bool>(), 24),
        others in prop::collection::vec(("X-[A-Za-z]{1,8}", "[ -~]{0,12}"), 0..6),
        gone in 0..4_usize,
        at in 0..4_usize,
    ) {
        let mut base = example();
        if gone < base.len() { base.remove(gone); }
        let expected = outcome_of(&base);
        let names: Vec<String> = base.iter().map(|(name, _)| {
            name.chars().zip(&upper).map(|(character, upper)| {
                if *upper { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() }
            }).collect()
        }).collect();
        let mut lines: Lines<'_> =
            base.iter().zip(&names).map(|((_, value), name)| (name.as_str(), *value)).collect();
        for (name, value) in &others {
            lines.insert(at.min(lines.len()), (name, value));
        }
        prop_assert_eq!(outcome_of(&lines), expected);
    }

    #[test]
    fn no_bytes_panic(at in 0..200_usize, byte: u8, noise: Vec<u8>) {
        let mut bytes = head("HTTP/1.1 101 Switching Protocols", &example());
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [bytes, noise] {
            let mut scanner = HeadScanner::response(Limits::client());
            if let Ok(Progress::Complete(head)) = scanner.scan(&bytes) {
                let mut slots = HeaderSlots::<8>::new();
                let _ = with_client(|client| client.parse_response(head, &mut slots).is_ok());
            }
        }
    }
}
