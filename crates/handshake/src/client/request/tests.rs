use std::string::{String, ToString as _};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::authority::Authority;
use crate::head::{HeadScanner, Progress};
use crate::limits::Limits;
use crate::server::request::ServerRequest;

fn key() -> Key {
    Key::from_nonce(*b"the sample nonce")
}

fn request(uri: &str) -> ClientRequest<'_> {
    ClientRequest::new(WebSocketUri::parse(uri).unwrap(), key())
}

fn text(request: &ClientRequest<'_>) -> String {
    let mut out = vec![0; request.encoded_len()];
    assert_eq!(request.encode(&mut out), Ok(out.len()));
    #[cfg(feature = "alloc")]
    assert_eq!(request.to_vec(), out);
    let mut short = vec![0; out.len() - 1];
    let too_small = BufferTooSmall { needed: out.len(), available: short.len() };
    assert_eq!(request.encode(&mut short), Err(too_small));
    String::from_utf8(out).unwrap()
}

/// W-012, W-013, W-016, W-017, W-019, W-020
#[test]
fn the_plain_request_is_these_bytes() {
    assert_eq!(
        text(&request("ws://server.example.com/chat?x=1")),
        "GET /chat?x=1 HTTP/1.1\r\n\
        Host: server.example.com\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n"
    );
}

/// W-012, W-019, W-053
#[test]
fn the_full_request_is_these_bytes() {
    let params = [("client_max_window_bits", None)];
    let extensions = [
        Extension::new("permessage-deflate", &params).unwrap(),
        Extension::new("permessage-deflate", &[]).unwrap(),
    ];
    let full = request("wss://server.example.com:8443")
        .origin("https://example.com")
        .unwrap()
        .subprotocols(&["chat", "superchat"])
        .unwrap()
        .extensions(&extensions)
        .headers(&[("Authorization", "Bearer t"), ("Cookie", "a=b")])
        .unwrap();
    assert_eq!(
        text(&full),
        "GET / HTTP/1.1\r\n\
        Host: server.example.com:8443\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: https://example.com\r\n\
        Sec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate\r\n\
        Authorization: Bearer t\r\n\
        Cookie: a=b\r\n\r\n"
    );
    // Credentials do not reach a log, only the names of their headers.
    let shown = std::format!("{full:?}");
    assert!(shown.contains(r#"["Authorization", "Cookie"]"#), "{shown}");
    assert!(!shown.contains("Bearer") && !shown.contains("a=b"), "{shown}");
}

/// A request is written whole or refused: every shorter buffer gets the needed length.
#[test]
fn a_buffer_of_any_shorter_length_is_refused() {
    let extensions = [Extension::new("x-a", &[]).unwrap(), Extension::new("x-b", &[]).unwrap()];
    for uri in ["ws://[::1]:9001/chat?x=1", "wss://a.example:9001/chat?x=1"] {
        let request = request(uri)
            .origin("https://example.com")
            .unwrap()
            .subprotocols(&["chat", "superchat"])
            .unwrap()
            .extensions(&extensions)
            .headers(&[("Cookie", "a=b")])
            .unwrap();
        let needed = request.encoded_len();
        let mut out = vec![0; needed];
        for available in 0..needed {
            let error = request.encode(&mut out[..available]).unwrap_err();
            assert_eq!(error, BufferTooSmall { needed, available });
        }
    }
    let error = BufferTooSmall { needed: 9, available: 8 };
    assert_eq!(error.to_string(), "the message takes 9 bytes but the buffer has 8");
}

/// W-015
#[test]
fn the_host_has_brackets_and_only_a_port_that_is_not_the_default() {
    for (uri, host) in [
        ("ws://a.example", "a.example"),
        ("ws://a.example:80", "a.example"),
        ("ws://a.example:443", "a.example:443"),
        ("wss://a.example:443", "a.example"),
        ("wss://a.example:80", "a.example:80"),
        ("ws://[::1]", "[::1]"),
        ("ws://[::1]:9001", "[::1]:9001"),
        ("wss://[2001:db8::1]:443", "[2001:db8::1]"),
        ("ws://127.0.0.1:9001", "127.0.0.1:9001"),
    ] {
        let line = std::format!("\r\nHost: {host}\r\n");
        assert!(text(&request(uri)).contains(&line), "{uri}");
    }
}

/// W-021, W-012, P-005
#[test]
fn what_cannot_be_sent_is_refused() {
    let base = request("ws://a.example");
    for origin in ["", "a", "https://a/", "https://a\r\nX: y", "https://a b", "NULL"] {
        assert_eq!(base.origin(origin).err(), Some(RequestBuildError::Origin), "{origin:?}");
    }
    let shown = "the origin to send is neither null nor a scheme, a host and a port";
    assert_eq!(RequestBuildError::Origin.to_string(), shown);
    let error = SubprotocolError::NotToken { index: 1 };
    assert_eq!(RequestBuildError::Subprotocols(error).to_string(), error.to_string());
    for origin in ["null", "https://a.example", "http://[::1]:3000", "chrome-extension://abc"] {
        assert!(base.origin(origin).is_ok(), "{origin:?}");
    }
    for offer in [&[""][..], &["a b"], &["a,b"], &["a", "a"], &["a\r\nX: y"]] {
        let error = base.subprotocols(offer).err();
        assert!(matches!(error, Some(RequestBuildError::Subprotocols(_))), "{offer:?}");
    }
    for (name, value) in [
        ("Host", "b"),
        ("Origin", "https://b"),
        ("sec-websocket-key", "x"),
        ("Sec-WebSocket-Extensions", "x"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("X", "y\r\nZ: 1"),
        ("X", "y\0"),
        ("X Y", "z"),
    ] {
        let headers = [(name, value)];
        let error = base.headers(&headers).err();
        assert!(matches!(error, Some(RequestBuildError::Header(_))), "{name}: {value:?}");
        assert!(error.unwrap().to_string().len() > 20);
    }
}

/// H-009, H-010, H-011
#[test]
fn over_http2_the_headers_of_the_connection_are_left_out() {
    let request = request("wss://a.example/x").subprotocols(&["chat"]).unwrap();
    let mut names = Vec::new();
    let result: Result<(), core::convert::Infallible> =
        request.try_for_each_http2_header(|name, value| {
            names.push(std::format!("{name}: {value}"));
            Ok(())
        });
    assert_eq!(result, Ok(()));
    assert_eq!(names, ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: chat"]);
}

proptest! {
    /// W-012, W-014, W-018: a server reads the encoded request of a client, part by part.
    #[test]
    fn a_request_reads_back_as_it_was_built(
        nonce: [u8; 16],
        secure: bool,
        host in "[a-z]{1,8}(\\.[a-z]{1,4})?|\\[::[1-9a-f]\\]",
        port in prop::option::of(any::<u16>()),
        resource in "(/[a-z0-9._~%;=-]{0,0}[a-z0-9]{0,5}){1,3}(\\?[a-z=&]{1,5})?",
        origin in prop::option::of("https?://[a-z]{1,5}(:[1-9][0-9]{0,3})?"),
        subprotocols in prop::collection::btree_set("[a-zA-Z0-9.!~-]{1,6}", 0..4),
        extensions in prop::collection::vec(
            ("[a-z-]{1,6}", prop::option::of("[0-9a-z]{1,3}")), 0..3,
        ),
        headers in prop::collection::vec(("X-[A-Za-z0-9]{1,6}", "[!-~]([ -~\u{e9}]{0,8}[!-~])?"), 0..4),
    ) {
        let scheme = if secure { "wss" } else { "ws" };
        let port = port.map_or(String::new(), |port| std::format!(":{port}"));
        let uri = std::format!("{scheme}://{host}{port}{resource}");
        let uri = WebSocketUri::parse(&uri).unwrap();
        let subprotocols: Vec<_> = subprotocols.iter().map(String::as_str).collect();
        let params: Vec<_> =
            extensions.iter().map(|(name, value)| [(name.as_str(), value.as_deref())]).collect();
        let extensions: Vec<_> = extensions
            .iter()
            .zip(&params)
            .map(|((name, _), params)| Extension::new(name, params).unwrap())
            .collect();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut built = ClientRequest::new(uri, Key::from_nonce(nonce))
            .subprotocols(&subprotocols).unwrap()
            .extensions(&extensions)
            .headers(&headers).unwrap();
        if let Some(origin) = &origin {
            built = built.origin(origin).unwrap();
        }
        let bytes = text(&built);

        let mut scanner = HeadScanner::request(Limits::server());
        let Ok(Progress::Complete(head)) = scanner.scan(bytes.as_bytes()) else { panic!() };
        let mut slots = HeaderSlots::<100>::new();
        let read = ServerRequest::parse(head, &mut slots).unwrap();
        prop_assert_eq!(read.head_len(), bytes.len());
        prop_assert_eq!(read.target(), resource);
        let (ours, theirs): (Authority<'_>, Authority<'_>) = (uri.authority(), read.host());
        prop_assert_eq!(theirs.to_string(), ours.to_string());
        prop_assert_eq!(read.origin(), origin.as_deref());
        prop_assert!(read.subprotocols().eq(subprotocols.iter().copied()));
        let offered: Vec<_> = read.extensions().map(|extension| extension.name()).collect();
        let names: Vec<_> = extensions.iter().map(Extension::name).collect();
        prop_assert_eq!(offered, names);
        for (name, _) in &headers {
            let sent = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let sent = sent.map(|(_, value)| value.as_bytes());
            prop_assert!(read.headers().get_all(name).eq(sent));
        }

        // And the server's answer satisfies the client.
        let chosen = subprotocols.last().copied();
        let accepted = extensions.get(..1).unwrap_or_default();
        let acceptance = read
            .accept()
            .subprotocol(chosen).unwrap()
            .extensions(accepted).unwrap()
            .headers(&headers[..]).unwrap();
        let mut answer = vec![0; acceptance.encoded_len()];
        acceptance.encode(&mut answer).unwrap();
        let mut scanner = HeadScanner::response(Limits::client());
        let Ok(Progress::Complete(head)) = scanner.scan(&answer) else { panic!() };
        let mut slots = HeaderSlots::<100>::new();
        let Ok(Response::Opened(opened)) = built.parse_response(head, &mut slots) else { panic!() };
        prop_assert_eq!(opened.subprotocol(), chosen);
        prop_assert_eq!(opened.extensions().count(), accepted.len());
        prop_assert_eq!(opened.head_len(), answer.len());

        // But not a client with another key.
        let mut other = nonce;
        other[0] ^= 1;
        let other = ClientRequest { key: Key::from_nonce(other), ..built };
        let mut slots = HeaderSlots::<100>::new();
        prop_assert_eq!(other.parse_response(head, &mut slots).err(), Some(ResponseError::Accept));
    }
}
