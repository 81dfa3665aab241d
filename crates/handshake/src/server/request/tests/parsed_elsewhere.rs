//! Requests that others have parsed: headers as pairs, and the extended CONNECT of HTTP/2.

use super::*;

/// W-096: text in a handshake is ASCII, so that broken UTF-8 cannot come through.
#[test]
fn no_accessor_gives_text_from_other_bytes_than_ascii() {
    for (name, value) in [
        ("Host", &b"a\xff"[..]),
        ("Origin", b"http://\xff"),
        ("Origin", b"http://a\xc3\xa9"),
        ("Sec-WebSocket-Protocol", b"chat\xff"),
        ("Sec-WebSocket-Extensions", b"a; b=\xff"),
        ("Sec-WebSocket-Key", b"\xff"),
        ("Sec-WebSocket-Version", b"13\xff"),
    ] {
        let lines = without(name);
        let mut pairs: Vec<_> =
            lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        pairs.push((name, value));
        let line = RequestLine::Http1 {
            method: "GET",
            version: HttpVersion::Http11,
            authority: None,
            target: "/",
        };
        let error = ServerRequest::check(line, Headers::from_pairs(&pairs)).unwrap_err();
        assert!([400, 426].contains(&error.status()), "{name}: {error}");
    }
    // Elsewhere such bytes are the application's business.
    let bytes = [&b"GET / HTTP/1.1\r\nX: \xff\r\n"[..], &head("", &example())[2..]].concat();
    assert_eq!(parse(&bytes), Ok(()));
}

#[test]
fn pairs_from_elsewhere_are_checked_as_strictly_as_bytes() {
    for (name, value, error) in [
        ("X Y", &b"z"[..], RequestError::HeaderName { index: 0 }),
        ("", b"z", RequestError::HeaderName { index: 0 }),
        (":path", b"/", RequestError::HeaderName { index: 0 }),
        ("X\r\nY", b"z", RequestError::HeaderName { index: 0 }),
        ("X", b"y\r\nz: 1", RequestError::HeaderValue { index: 0 }),
        ("X", b"\0", RequestError::HeaderValue { index: 0 }),
    ] {
        let pairs = [(name, value)];
        let checked = ServerRequest::check(extended_connect(), Headers::from_pairs(&pairs));
        let expected = if name == "X" { RequestError::HeaderName { index: 0 } } else { error };
        assert_eq!(checked.err(), Some(expected));
        let line = RequestLine::Http1 {
            method: "GET",
            version: HttpVersion::Http11,
            authority: None,
            target: "/",
        };
        let checked = ServerRequest::check(line, Headers::from_pairs(&pairs));
        assert_eq!(checked.err(), Some(error));
    }
}

/// H-005, H-006, H-007, H-008, H-018
#[test]
fn the_pseudo_headers_of_an_extended_connect_are_checked() {
    let pairs: &[(&str, &[u8])] = &[("sec-websocket-version", b"13")];
    let check = |method, protocol, scheme, authority, path| {
        let line = RequestLine::Http2 { method, protocol, scheme, authority, path };
        let request = ServerRequest::check(line, Headers::from_pairs(pairs));
        request.map(|request| (request.host().to_string(), request.target().to_string()))
    };
    let (connect, websocket, https, host) =
        ("CONNECT", Some("websocket"), Some("https"), Some("a.example:1"));
    assert_eq!(
        check(connect, websocket, https, host, "/x?y"),
        Ok(("a.example:1".to_string(), "/x?y".to_string()))
    );
    assert_eq!(check("GET", websocket, https, host, "/"), Err(RequestError::NotConnect));
    assert_eq!(check(connect, None, https, host, "/"), Err(RequestError::Protocol));
    assert_eq!(check(connect, Some("foo"), https, host, "/"), Err(RequestError::Protocol));
    assert_eq!(
        check(connect, Some("websocket, foo"), https, host, "/"),
        Err(RequestError::Protocol)
    );
    assert_eq!(RequestError::Protocol.status(), 501);
    assert_eq!(check(connect, websocket, None, host, "/"), Err(RequestError::Scheme));
    assert_eq!(check(connect, websocket, Some("wss"), host, "/"), Err(RequestError::Scheme));
    let missing = Err(RequestError::Missing(RequestField::Host));
    assert_eq!(check(connect, websocket, https, None, "/"), missing);
    assert_eq!(check(connect, websocket, https, host, ""), Err(RequestError::Target));
    assert_eq!(check(connect, websocket, https, host, "*"), Err(RequestError::Target));
    // RFC 9112, 3.2: a target is visible ASCII without a fragment, whatever parsed it.
    for path in ["/a b", "/a\r\nX: y", "/\u{e9}", "/\u{7f}", "/a#b"] {
        let found = check(connect, websocket, https, host, path);
        assert_eq!(found, Err(RequestError::Target), "{path:?}");
    }
}

/// H-010, H-011, H-012
#[test]
fn over_http2_the_connection_has_no_headers_and_the_key_no_meaning() {
    let check = |name: &str, value: &str| {
        let pairs = [("sec-websocket-version", &b"13"[..]), (name, value.as_bytes())];
        let request = ServerRequest::check(extended_connect(), Headers::from_pairs(&pairs))?;
        assert!(request.is_over_http2());
        Ok(request.accept().status())
    };
    for name in ["upgrade", "connection", "keep-alive", "proxy-connection", "transfer-encoding"] {
        assert_eq!(check(name, "x"), Err(RequestError::ConnectionSpecific), "{name}");
    }
    assert_eq!(check("Origin", "https://a"), Err(RequestError::HeaderName { index: 1 }));
    assert_eq!(check("sec-websocket-key", "garbage"), Ok(200));
    assert_eq!(check("x", "y"), Ok(200));
    assert_eq!(check("host", "SERVER.example.com"), Ok(200));
    assert_eq!(check("host", "other.example.com"), Err(RequestError::HostConflict));
    assert_eq!(check("host", "a b"), Err(AuthorityError::Host { offset: 1 }.into()));
    assert_eq!(check("content-length", "1"), Err(RequestError::Body));
}

/// RFC 9113, 8.3.1: `Host` and `:authority` name one host; a port that is missing in one does not
/// make them differ.
#[test]
fn over_http2_two_ports_that_differ_are_two_hosts() {
    for (authority, host, agree) in [
        ("a.example", "a.example", true),
        ("a.example:81", "a.example:81", true),
        ("a.example:81", "a.example", true),
        ("a.example", "a.example:81", true),
        ("a.example:81", "a.example:82", false),
        ("a.example:81", "b.example:81", false),
        ("[::1]:81", "[0::1]:81", true),
        ("[::1]:81", "[::1]:82", false),
    ] {
        let line = RequestLine::Http2 {
            method: "CONNECT",
            protocol: Some("websocket"),
            scheme: Some("https"),
            authority: Some(authority),
            path: "/",
        };
        let pairs = [("sec-websocket-version", &b"13"[..]), ("host", host.as_bytes())];
        let checked = ServerRequest::check(line, Headers::from_pairs(&pairs)).map(|_| ());
        let expected = if agree { Ok(()) } else { Err(RequestError::HostConflict) };
        assert_eq!(checked, expected, "{authority} and {host}");
    }
}
