//! Each MUST of RFC 6455, 4.2.1, in HTTP/1.1, and the error of each way to break it.

use super::*;

#[test]
fn the_example_of_the_rfc_is_a_handshake() {
    let bytes = head("GET /chat?room=1&x=? HTTP/1.1", &example());
    let mut scanner = HeadScanner::request(Limits::server());
    let Ok(Progress::Complete(head)) = scanner.scan(&bytes) else { unreachable!() };
    let mut slots = HeaderSlots::<7>::new();
    let request = ServerRequest::parse(head, &mut slots).unwrap();
    assert_eq!(request.target(), "/chat?room=1&x=?");
    assert_eq!((request.path(), request.query()), ("/chat", Some("room=1&x=?")));
    assert_eq!(request.host().to_string(), "server.example.com");
    assert_eq!(request.origin(), Some("http://example.com"));
    assert!(request.subprotocols().eq(["chat", "superchat"]));
    assert_eq!(request.extensions().count(), 0);
    assert_eq!(request.header("sec-websocket-version"), Some(&b"13"[..]));
    assert_eq!(request.headers().iter().count(), 7);
    assert!(!request.is_over_http2());
    assert_eq!(request.choose_subprotocol(&["x", "superchat", "chat"]), Some("superchat"));
    assert_eq!(request.choose_subprotocol(&["x"]), None);
    assert_eq!(outcome(&example()), Ok(()));
    assert_eq!(outcome_http2(&example()), Ok(()));
}

/// W-032, P-006
#[test]
fn only_get_with_http_1_1_is_a_handshake() {
    for (start, error) in [
        ("POST /chat HTTP/1.1", RequestError::Method),
        ("HEAD /chat HTTP/1.1", RequestError::Method),
        ("get /chat HTTP/1.1", RequestError::Method),
        ("CONNECT server.example.com:80 HTTP/1.1", RequestError::Method),
        ("GET /chat HTTP/1.0", RequestError::HttpVersion),
        ("GET * HTTP/1.1", RequestError::Target),
        ("GET chat HTTP/1.1", RequestError::Target),
        ("GET /chat#x HTTP/1.1", RequestError::Target),
        ("GET ftp://server.example.com/ HTTP/1.1", RequestError::Target),
        ("GET ?x HTTP/1.1", RequestError::Target),
        ("GET http://server.example.com?x#y HTTP/1.1", RequestError::Target),
        ("GET http://a@b/ HTTP/1.1", RequestError::Host(AuthorityError::UserInfo { offset: 1 })),
        ("GET http:/// HTTP/1.1", RequestError::Host(AuthorityError::NoHost)),
        ("GET /chat HTTP/2.0", HeadError::VersionUnsupported { offset: 15 }.into()),
        ("\x16\x03\x01", HeadError::Method { offset: 0 }.into()),
        ("GET /chat HTTP/1.1\r\n Host: folded", HeadError::LineFolding { offset: 20 }.into()),
    ] {
        assert_eq!(parse(&head(start, &example())), Err(error), "{start:?}");
    }
    let method = RequestError::Method;
    assert_eq!((method.status(), RequestError::HttpVersion.status()), (405, 505));
}

/// RFC 9112, 3.2.2
#[test]
fn an_absolute_target_names_the_host() {
    for (target, path, host) in [
        ("http://other.example/chat?x", "/chat", "other.example"),
        ("https://other.example:8443/", "/", "other.example:8443"),
        ("ws://other.example", "/", "other.example"),
        ("WSS://[::1]:1/", "/", "[::1]:1"),
        // RFC 9110, 4.2.3: an empty path is `/`, before a query too.
        ("http://other.example?x=/", "/", "other.example"),
        ("ws://[::1]:1?", "/", "[::1]:1"),
    ] {
        let bytes = head(&format!("GET {target} HTTP/1.1"), &example());
        let mut scanner = HeadScanner::request(Limits::server());
        let Ok(Progress::Complete(head)) = scanner.scan(&bytes) else { unreachable!() };
        let mut slots = HeaderSlots::<7>::new();
        let request = ServerRequest::parse(head, &mut slots).unwrap();
        assert_eq!((request.path(), request.host().to_string().as_str()), (path, host));
        assert_eq!(request.query(), target.split_once('?').map(|(_, query)| query));
    }
    // Host must be there all the same, and be well-formed.
    let start = "GET http://other.example/ HTTP/1.1";
    let missing = RequestError::Missing(RequestField::Host);
    assert_eq!(parse(&head(start, &without("Host"))), Err(missing));
    let malformed = RequestError::Host(AuthorityError::Host { offset: 1 });
    assert_eq!(parse(&head(start, &with("Host", &["a b"]))), Err(malformed));
}

/// W-031, W-032, W-033, W-034, W-035, W-036, W-037, W-051, W-057, P-004
#[test]
fn one_header_gone_or_doubled_has_its_own_error() {
    use RequestField::{Connection, Host, Key, Origin, Upgrade, Version};
    for (name, gone, doubled) in [
        ("Host", Err((RequestError::Missing(Host), 400)), Err((RequestError::Repeated(Host), 400))),
        ("Upgrade", Err((RequestError::Missing(Upgrade), 426)), Ok(())),
        ("Connection", Err((RequestError::Missing(Connection), 426)), Ok(())),
        (
            "Sec-WebSocket-Key",
            Err((RequestError::Missing(Key), 400)),
            Err((RequestError::Repeated(Key), 400)),
        ),
        ("Origin", Ok(()), Err((RequestError::Repeated(Origin), 400))),
        (
            "Sec-WebSocket-Protocol",
            Ok(()),
            Err((RequestError::Subprotocols(SubprotocolError::Repeated { index: 2 }), 400)),
        ),
        (
            "Sec-WebSocket-Version",
            Err((RequestError::Missing(Version), 426)),
            Err((RequestError::Repeated(Version), 400)),
        ),
    ] {
        let with_status = |error: RequestError| (error, error.status());
        assert_eq!(outcome(&without(name)).map_err(with_status), gone, "{name} gone");
        let line = example().into_iter().find(|(other, _)| *other == name).unwrap();
        let mut lines = example();
        lines.push(line);
        assert_eq!(outcome(&lines).map_err(with_status), doubled, "{name} doubled");
        lines.push(line);
        assert_eq!(outcome(&lines).map_err(with_status), doubled, "{name} tripled");
    }
}

/// W-033
#[test]
fn the_host_is_one_authority() {
    for host in ["a", "a:80", "A.example.", "[::1]:8080", " a ", "127.0.0.1"] {
        assert_eq!(outcome(&with("Host", &[host])), Ok(()), "{host:?}");
    }
    for host in
        ["", " ", "a b", "a, b", "a,b", "user@a", "a/", "http://a", "a:b", "[::1", "a:65536"]
    {
        let outcome = outcome(&with("Host", &[host]));
        assert!(matches!(outcome, Err(RequestError::Host(_))), "{host:?}: {outcome:?}");
    }
}

/// W-034, W-035, P-007
#[test]
fn upgrade_and_connection_are_lists_in_any_case() {
    for values in [
        &["websocket"][..],
        &["WebSocket"],
        &["h2c, websocket"],
        &["websocket, foo/2"],
        &["h2c", "WEBSOCKET"],
        &[", ,websocket\t,"],
    ] {
        assert_eq!(outcome(&with("Upgrade", values)), Ok(()), "{values:?}");
    }
    for values in
        [&["h2c"][..], &[""], &["websockets"], &["web socket"], &["websocket/13"], &["x websocket"]]
    {
        assert_eq!(outcome(&with("Upgrade", values)), Err(RequestError::Upgrade), "{values:?}");
    }
    for values in [
        &["Upgrade"][..],
        &["upgrade"],
        &["keep-alive, Upgrade"],
        &["keep-alive,UPGRADE, x"],
        &["keep-alive", "Upgrade"],
        &["Upgrade", "keep-alive"],
    ] {
        assert_eq!(outcome(&with("Connection", values)), Ok(()), "{values:?}");
    }
    for values in [
        &["close"][..],
        &[""],
        &["Upgraded"],
        &["not-upgrade"],
        &["keep-alive; Upgrade"],
        &["up", "grade"],
    ] {
        assert_eq!(
            outcome(&with("Connection", values)),
            Err(RequestError::Connection),
            "{values:?}"
        );
    }
    assert_eq!((RequestError::Upgrade.status(), RequestError::Connection.status()), (426, 426));
}

/// W-036
#[test]
fn the_key_is_16_bytes_in_base64() {
    for (key, error) in [
        ("", KeyError::Length { len: 0 }),
        ("dGhlIHNhbXBsZSBub25jZQ", KeyError::Length { len: 22 }),
        ("dGhlIHNhbXBsZSBub25jZWE=", KeyError::NonceLength),
        ("dGhlIHNhbXBsZSBub25j-_==", KeyError::Base64),
        ("dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", KeyError::Length { len: 50 }),
    ] {
        let lines = with("Sec-WebSocket-Key", &[key]);
        assert_eq!(outcome(&lines), Err(RequestError::Key(error)), "{key:?}");
    }
    for key in [" dGhlIHNhbXBsZSBub25jZQ==\t", "AQIDBAUGBwgJCgsMDQ4PEC=="] {
        assert_eq!(outcome(&with("Sec-WebSocket-Key", &[key])), Ok(()), "{key:?}");
    }
}

/// W-037, W-041, W-050, H-012
#[test]
fn the_version_is_13_and_nothing_else() {
    for version in
        ["8", "0", "7", "013", "13, 8", "8, 13", "14", "1 3", "+13", "13.0", "", "\u{661}3"]
    {
        let lines = with("Sec-WebSocket-Version", &[version]);
        assert_eq!(outcome(&lines), Err(RequestError::Version), "{version:?}");
        assert_eq!(outcome_http2(&lines), Err(RequestError::Version), "{version:?}");
    }
    let missing = Err(RequestError::Missing(RequestField::Version));
    assert_eq!(outcome_http2(&without("Sec-WebSocket-Version")), missing);
    assert_eq!(RequestError::Version.status(), 426);
}

/// P-010
#[test]
fn a_body_is_refused() {
    for (lines, error) in [
        (&[("Content-Length", "0")][..], None),
        (&[("Content-Length", "00")], None),
        (&[("Content-Length", "5")], Some(RequestError::Body)),
        (&[("Content-Length", "+0")], Some(RequestError::Body)),
        (&[("Content-Length", "-0")], Some(RequestError::Body)),
        (&[("Content-Length", "")], Some(RequestError::Body)),
        (&[("Content-Length", "0, 0")], Some(RequestError::Body)),
        (&[("Content-Length", "0x0")], Some(RequestError::Body)),
        (&[("Content-Length", "99999999999999999999999")], Some(RequestError::Body)),
        (
            &[("Content-Length", "0"), ("content-length", "0")],
            Some(RequestError::Repeated(RequestField::ContentLength)),
        ),
        (&[("Transfer-Encoding", "chunked")], Some(RequestError::Body)),
        (&[("Transfer-Encoding", "identity")], Some(RequestError::Body)),
        (&[("TRANSFER-ENCODING", "")], Some(RequestError::Body)),
        (&[("Content-Length", "0"), ("Transfer-Encoding", "chunked")], Some(RequestError::Body)),
    ] {
        let all = [&example()[..], lines].concat();
        assert_eq!(outcome(&all).err(), error, "{lines:?}");
        assert!(error.is_none_or(|error| error.status() == 400));
    }
}

/// W-119, W-120, W-052, W-055, H-012
#[test]
fn offers_are_checked_by_their_grammar() {
    let malformed =
        |line, offset| Err(RequestError::Extensions(ExtensionsError::Malformed { line, offset }));
    for (values, expected) in [
        (&["permessage-deflate; client_max_window_bits"][..], Ok(())),
        (&["a; x=\"10\"", "b"], Ok(())),
        (&["a; x=\"1 0\""], malformed(0, 7)),
        (&["a", "b c"], malformed(1, 2)),
        (&[""], Err(RequestError::Extensions(ExtensionsError::Empty))),
    ] {
        let lines = with("Sec-WebSocket-Extensions", values);
        assert_eq!(outcome(&lines), expected, "{values:?}");
        assert_eq!(outcome_http2(&lines), expected, "{values:?}");
    }
    for (values, expected) in [
        (&["chat"][..], Ok(())),
        (&["a", "b, c"], Ok(())),
        (&[""], Err(SubprotocolError::Empty)),
        (&["a b"], Err(SubprotocolError::NotToken { index: 0 })),
        (&["a", "b, a"], Err(SubprotocolError::Repeated { index: 2 })),
    ] {
        let lines = with("Sec-WebSocket-Protocol", values);
        let expected = expected.map_err(RequestError::Subprotocols);
        assert_eq!(outcome(&lines), expected, "{values:?}");
        assert_eq!(outcome_http2(&lines), expected, "{values:?}");
    }
}

/// W-038, W-040
#[test]
fn the_policy_sees_the_origin_and_the_host_of_the_request() {
    let check = |lines: &Lines<'_>, secure| {
        let bytes = head("GET / HTTP/1.1", lines);
        let mut scanner = HeadScanner::request(Limits::server());
        let Ok(Progress::Complete(head)) = scanner.scan(&bytes) else { unreachable!() };
        let mut slots = HeaderSlots::<100>::new();
        let request = ServerRequest::parse(head, &mut slots).unwrap();
        let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
        let direct = request.check_origin(&policy, secure).map_err(|error| error.to_string());
        let proxied = request.check_origin(&policy.behind_proxy(), secure);
        (direct, proxied.map_err(|error| error.to_string()))
    };
    let both = |outcome: Result<(), &str>| {
        let outcome = outcome.map_err(str::to_string);
        (outcome.clone(), outcome)
    };
    let refused = "the origin http://example.com is not that of the request, \
                   http://server.example.com by Host";
    assert_eq!(check(&example(), false), both(Err(refused)));
    let mut forwarded = example();
    forwarded.push(("X-Forwarded-Host", "example.com"));
    assert_eq!(check(&forwarded, false), (Err(refused.to_string()), Ok(())));
    forwarded.push(("Forwarded", "host=other.example"));
    let refused_too = "the origin http://example.com is not that of the request, \
                       http://other.example by its proxy";
    assert_eq!(check(&forwarded, false), (Err(refused.to_string()), Err(refused_too.to_string())));
    assert_eq!(check(&with("Origin", &["http://server.example.com"]), false), both(Ok(())));
    assert_eq!(check(&with("Origin", &["https://server.example.com"]), true), both(Ok(())));
    let null = "the opaque origin null is not accepted";
    assert_eq!(check(&with("Origin", &["null"]), true), both(Err(null)));
    assert_eq!(check(&without("Origin"), true), both(Ok(())));
}

#[test]
fn too_few_slots_and_a_response_are_errors() {
    let bytes = head("GET / HTTP/1.1", &example());
    let mut scanner = HeadScanner::request(Limits::server());
    let Ok(Progress::Complete(request)) = scanner.scan(&bytes) else { unreachable!() };
    let mut slots = HeaderSlots::<6>::new();
    let error = ServerRequest::parse(request, &mut slots).unwrap_err();
    assert_eq!(error, HeadError::TooManyHeaders { limit: 6 }.into());
    assert_eq!(error.status(), 431);

    let mut scanner = HeadScanner::response(Limits::server());
    let Ok(Progress::Complete(response)) = scanner.scan(b"HTTP/1.1 200 OK\r\n\r\n") else {
        unreachable!()
    };
    let error = ServerRequest::parse(response, &mut slots).unwrap_err();
    assert_eq!(error, HeadError::WrongKind.into());
}

fn scramble(name: &str, upper: u64) -> String {
    let case = |(index, character): (usize, char)| match upper >> (index % 64) & 1 {
        0 => character.to_ascii_lowercase(),
        _ => character.to_ascii_uppercase(),
    };
    name.chars().enumerate().map(case).collect()
}

proptest! {
    /// W-030, W-039
    #[test]
    fn the_case_of_names_other_headers_and_order_change_nothing(
        upper: u64,
        others in prop::collection::vec(("X-[A-Za-z]{1,8}", "[ -~]{0,12}"), 0..6),
        seed: u64,
        damaged in 0..9_usize,
    ) {
        let base = match example().get(damaged) {
            Some((name, _)) => without(name),
            None => example(),
        };
        let expected = outcome(&base);
        let names: Vec<_> = base.iter().map(|(name, _)| scramble(name, upper)).collect();
        let mut lines: Vec<_> =
            base.iter().zip(&names).map(|((_, value), name)| (name.as_str(), *value)).collect();
        for (name, value) in &others {
            let at = usize::try_from(seed % 97).unwrap() % (lines.len() + 1);
            lines.insert(at, (name, value));
        }
        let turn = usize::try_from(seed % 7).unwrap() % lines.len();
        lines.rotate_left(turn);
        prop_assert_eq!(outcome(&lines), expected);
    }
}

proptest! {
    /// W-031, W-127: whatever comes, it is a handshake, or needs more, or gets a complete response.
    #[test]
    fn every_refusal_is_a_complete_response(
        at in 0..400_usize, byte: u8, cut: bool, noise: Vec<u8>,
    ) {
        let mut bytes = head("GET /chat HTTP/1.1", &example());
        let at = at % bytes.len();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
            bytes.extend(noise);
        }
        let mut scanner = HeadScanner::request(Limits::server());
        let error = match scanner.scan(&bytes) {
            Ok(Progress::Partial) => return Ok(()),
            Ok(Progress::Complete(head)) => {
                match ServerRequest::parse(head, &mut HeaderSlots::<100>::new()) {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                }
            }
            Err(error) => error.into(),
        };
        let mut out = [0; 512];
        let len = Rejection::from(error).encode(&mut out).unwrap();
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut slots);
        let body = match response.parse(&out[..len]) {
            Ok(httparse::Status::Complete(body)) => body,
            other => panic!("{other:?}"),
        };
        prop_assert!((400..600).contains(&response.code.unwrap()));
        let content_length = Headers::from_parsed(response.headers).get("content-length").unwrap();
        let body_len = (len - body).to_string();
        prop_assert_eq!(content_length, body_len.as_bytes());
    }
}
