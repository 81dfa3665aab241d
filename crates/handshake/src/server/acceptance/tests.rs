#[cfg(feature = "alloc")]
use std::string::String;
use std::string::ToString as _;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::extensions::ExtensionsError;
use crate::server::request::{HttpVersion, RequestLine, ServerRequest};

const LINE: RequestLine<'_> = RequestLine::Http1 {
    method: "GET",
    version: HttpVersion::Http11,
    authority: None,
    target: "/chat",
};

const BASE: [(&str, &[u8]); 5] = [
    ("Host", b"server.example.com"),
    ("Upgrade", b"websocket"),
    ("Connection", b"Upgrade"),
    ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", b"13"),
];

const OFFERS: [(&str, &[u8]); 2] = [
    ("Sec-WebSocket-Protocol", b"chat, superchat"),
    ("Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits, x-a"),
];

fn request<'a>(pairs: &'a [(&'a str, &'a [u8])]) -> ServerRequest<'a> {
    ServerRequest::check(LINE, Headers::from_pairs(pairs)).unwrap()
}

fn bytes(acceptance: &Acceptance<'_>) -> Vec<u8> {
    let mut out = std::vec![0xAA; acceptance.encoded_len() + 1];
    let len = acceptance.encode(&mut out).unwrap();
    assert_eq!(len, acceptance.encoded_len());
    assert_eq!(out.pop(), Some(0xAA));
    #[cfg(feature = "alloc")]
    assert_eq!(acceptance.to_vec(), out);
    // Every shorter buffer is refused with the needed length.
    for available in 0..len {
        let error = BufferTooSmall { needed: len, available };
        assert_eq!(acceptance.encode(&mut out[..available]), Err(error));
    }
    out
}

/// W-044, W-046, W-047, W-048, P-009
#[test]
fn a_plain_acceptance_is_these_bytes() {
    let expected = b"HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(bytes(&request(&BASE).accept()), expected);
    // Offers that are not taken up leave no trace.
    let pairs = [&BASE[..], &OFFERS].concat();
    let acceptance = request(&pairs).accept().subprotocol(None).unwrap().extensions(&[]).unwrap();
    assert_eq!(bytes(&acceptance), expected);
    assert_eq!(acceptance.status(), 101);
    assert!(acceptance.has_no_extensions());
    assert_eq!(acceptance.chosen_subprotocol(), None);
}

/// W-053
#[test]
fn a_full_acceptance_is_these_bytes() {
    let pairs = [&BASE[..], &OFFERS].concat();
    let params = [("client_max_window_bits", Some("10")), ("server_no_context_takeover", None)];
    let extensions = [
        Extension::new("permessage-deflate", &params).unwrap(),
        Extension::new("x-a", &[]).unwrap(),
    ];
    let acceptance = request(&pairs)
        .accept()
        .subprotocol(Some("superchat"))
        .unwrap()
        .extensions(&extensions)
        .unwrap()
        .headers(&[("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
        .unwrap();
    assert_eq!(acceptance.chosen_subprotocol(), Some("superchat"));
    assert!(!acceptance.has_no_extensions());
    assert_eq!(
        bytes(&acceptance).escape_ascii().to_string(),
        b"HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10; \
        server_no_context_takeover, x-a\r\n\
        Set-Cookie: a=b\r\n\
        Set-Cookie: c=d\r\n\r\n"
            .escape_ascii()
            .to_string()
    );
}

/// W-043, W-044, W-045
#[test]
fn only_what_was_offered_is_accepted() {
    let pairs = [&BASE[..], &OFFERS].concat();
    let (with_offers, without) = (request(&pairs), request(&BASE));
    for (request, subprotocol, accepted) in [
        (&with_offers, "chat", true),
        (&with_offers, "superchat", true),
        (&with_offers, "Chat", false),
        (&with_offers, "chat, superchat", false),
        (&with_offers, "", false),
        (&without, "chat", false),
    ] {
        let acceptance = request.accept().subprotocol(Some(subprotocol));
        let expected = if accepted { None } else { Some(AcceptError::SubprotocolNotOffered) };
        assert_eq!(acceptance.err(), expected, "{subprotocol:?}");
    }
    let extension = |name| Extension::new(name, &[]).unwrap();
    let accept = |request: &ServerRequest<'_>, names: &[&'static str]| {
        let extensions: Vec<_> = names.iter().map(|name| extension(name)).collect();
        request.accept().extensions(&extensions).err()
    };
    assert_eq!(accept(&with_offers, &["x-a", "permessage-deflate"]), None);
    let not_offered = |index| Some(AcceptError::ExtensionNotOffered { index });
    assert_eq!(accept(&with_offers, &["x-a", "x-b"]), not_offered(1));
    assert_eq!(accept(&with_offers, &["client_max_window_bits"]), not_offered(0));
    assert_eq!(accept(&without, &["permessage-deflate"]), not_offered(0));
    let repeated = Some(AcceptError::ExtensionRepeated { index: 1 });
    assert_eq!(accept(&with_offers, &["x-a", "x-a"]), repeated);
}

/// P-005
#[test]
fn extra_headers_cannot_inject_or_replace_anything() {
    use ExtraHeaderError::{Name, Reserved, Value};
    for (name, value, error) in [
        ("", "x", Name { index: 1 }),
        ("a b", "x", Name { index: 1 }),
        ("a:", "x", Name { index: 1 }),
        ("a\r\nb", "x", Name { index: 1 }),
        ("\u{e4}", "x", Name { index: 1 }),
        ("a", "x\r\nb: y", Value { index: 1, offset: 1 }),
        ("a", "x\n", Value { index: 1, offset: 1 }),
        ("a", "x\r", Value { index: 1, offset: 1 }),
        ("a", "\0", Value { index: 1, offset: 0 }),
        ("a", "xy\u{7f}", Value { index: 1, offset: 2 }),
        ("Upgrade", "x", Reserved { index: 1 }),
        ("CONNECTION", "x", Reserved { index: 1 }),
        ("host", "x", Reserved { index: 1 }),
        ("Sec-WebSocket-Accept", "x", Reserved { index: 1 }),
        ("sec-websocket-protocol", "x", Reserved { index: 1 }),
        ("Sec-WebSocket-Anything", "x", Reserved { index: 1 }),
        ("Content-Length", "0", Reserved { index: 1 }),
        ("transfer-encoding", "chunked", Reserved { index: 1 }),
    ] {
        let headers = [("x-fine", "\tf\u{ef}ne "), (name, value)];
        let result = request(&BASE).accept().headers(&headers);
        assert_eq!(result.err(), Some(AcceptError::Header(error)), "{name:?}: {value:?}");
    }
}

/// H-009, H-013
#[test]
fn over_http2_success_is_200_without_the_headers_of_the_connection() {
    let line = RequestLine::Http2 {
        method: "CONNECT",
        protocol: Some("websocket"),
        scheme: Some("https"),
        authority: Some("a"),
        path: "/",
    };
    let pairs: &[(&str, &[u8])] =
        &[("sec-websocket-version", b"13"), ("sec-websocket-protocol", b"chat")];
    let request = ServerRequest::check(line, Headers::from_pairs(pairs)).unwrap();
    let acceptance = request.accept().subprotocol(Some("chat")).unwrap();
    assert_eq!(acceptance.status(), 200);
    let mut lines = Vec::new();
    let result: Result<(), core::convert::Infallible> =
        acceptance.try_for_each_header(|name, value| {
            lines.push((name.to_string(), value.to_string()));
            Ok(())
        });
    assert_eq!(result, Ok(()));
    assert_eq!(lines, [("Sec-WebSocket-Protocol".to_string(), "chat".to_string())]);
    // For logging it can still be displayed.
    let written = b"HTTP/1.1 200 OK\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
    assert_eq!(bytes(&acceptance), written);
}

proptest! {
    /// W-043, W-045: the head has the lines that were asked for and no other.
    #[test]
    fn an_encoded_head_has_exactly_its_lines(
        offer in prop::collection::btree_set("[a-f]{1,2}", 1..4),
        chosen in "[a-f]{0,2}",
        name in "[a-zA-Z: \\r\\n-]{0,4}",
        value in "[ -~\\r\\n\\t\\x00\u{e9}]{0,6}",
    ) {
        let offer: Vec<_> = offer.into_iter().collect();
        let offer = offer.join(",");
        let offers = [
            ("Sec-WebSocket-Protocol", offer.as_bytes()),
            ("Sec-WebSocket-Extensions", offer.as_bytes()),
        ];
        let pairs = [&BASE[..], &offers].concat();
        let offered = offer.split(',').any(|offered| offered == chosen);
        let accepted = request(&pairs).accept().subprotocol(Some(&chosen));
        prop_assert_eq!(accepted.is_ok(), offered);
        let extension = Extension::new(&chosen, &[]);
        if let Ok(extension) = extension {
            let accepted = request(&pairs).accept().extensions(&[extension]).is_ok();
            prop_assert_eq!(accepted, offered);
        }
        let headers = [(name.as_str(), value.as_str())];
        let Ok(acceptance) = accepted.and_then(|acceptance| acceptance.headers(&headers)) else {
            return Ok(());
        };
        let head = bytes(&acceptance);
        prop_assert_eq!(head.iter().filter(|byte| **byte == b'\n').count(), 7);
        let mut slots = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut slots);
        prop_assert_eq!(parsed.parse(&head), Ok(httparse::Status::Complete(head.len())));
        let read = parsed.headers.last().unwrap();
        prop_assert_eq!(read.name, &name);
        prop_assert_eq!(read.value, value.trim_matches([' ', '\t']).as_bytes());
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    for error in [
        AcceptError::SubprotocolNotOffered,
        AcceptError::ExtensionNotOffered { index: 3 },
        AcceptError::ExtensionRepeated { index: 3 },
        AcceptError::Header(ExtraHeaderError::Reserved { index: 3 }),
    ] {
        let text = error.to_string();
        assert!(text.len() > 20);
        assert_eq!(text.contains('3'), error != AcceptError::SubprotocolNotOffered);
    }
    assert!(ExtensionsError::Empty.to_string().contains("empty"));
}

/// The strings may be created at run time, and outlive their sources.
#[cfg(feature = "alloc")]
#[test]
fn headers_made_at_run_time_are_owned() {
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, AcceptError> {
        let made_here = std::format!("session={}", request.path().len());
        let list = [("X-First", made_here.as_str())];
        let acceptance = request.accept().header("X-Dropped", "1")?.headers(&list)?;
        acceptance.header(String::from("Set-Cookie"), &made_here)?.header("X-Last", "3")
    }
    let text = bytes(&decide(&request(&BASE)).unwrap()).escape_ascii().to_string();
    let end = "X-First: session=5\\r\\nSet-Cookie: session=5\\r\\nX-Last: 3\\r\\n\\r\\n";
    assert!(text.ends_with(end) && !text.contains("X-Dropped"), "{text}");

    let request = request(&BASE);
    let result = request.accept().header("X-First", "1").unwrap().header("Host", "evil");
    let reserved = AcceptError::Header(ExtraHeaderError::Reserved { index: 1 });
    assert_eq!(result.map(|_| ()), Err(reserved));
    let acceptance = request.accept().header("Authorization", "secret").unwrap();
    assert!(!std::format!("{acceptance:?}").contains("secret"), "{acceptance:?}");
}
