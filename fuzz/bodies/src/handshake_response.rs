//! A client that gets any bytes as an answer: the result does not depend on how they are split, and
//! an answer that opens the WebSocket fulfils the MUSTs of RFC 6455, 4.1.
//!
//! Input: the bytes that a server sends to a client that offers the subprotocols `chat` and
//! `superchat` and the extensions `permessage-deflate` and `x-checksum`, with the key of RFC 6455.

use tidings_handshake::{
    ClientRequest, Extension, HeadScanner, HeaderSlots, Headers, HttpVersion, Key, OpenedResponse,
    Progress, Response, StatusLine, WebSocketUri,
};

use crate::handshake_request::{limits, scan_in_every_way};
use crate::http_response::{header_values, list_elements, start_line, trim};

const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];
const EXTENSIONS: [&str; 2] = ["permessage-deflate", "x-checksum"];

/// Reads the answer, and the bytes that follow interim responses.
pub fn run(data: &[u8]) {
    let extensions = EXTENSIONS.map(|name| Extension::new(name, &[]).unwrap());
    let uri = WebSocketUri::parse("wss://example.com/chat?room=1").unwrap();
    let request = ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"))
        .subprotocols(&SUBPROTOCOLS)
        .unwrap()
        .extensions(&extensions);

    let mut rest = data;
    while let Ok(Some(head_len)) = scan_in_every_way(&HeadScanner::response(limits()), rest) {
        let mut scanner = HeadScanner::response(limits());
        let Ok(Progress::Complete(head)) = scanner.scan(rest) else { panic!("it was complete") };
        assert_eq!(head.len(), head_len);
        let mut slots = HeaderSlots::<24>::new();
        let answer = match request.parse_response(head, &mut slots) {
            Ok(answer) => answer,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        match answer {
            Response::Opened(opened) => {
                assert_eq!(opened.head_len(), head_len);
                return assert_holds_the_musts(head.as_bytes(), &opened, &request);
            }
            Response::Declined(declined) => {
                assert_eq!(declined.head_len(), head_len);
                assert!(!(100..200).contains(&declined.status()));
                assert_status(head.as_bytes(), declined.status());
                assert!(declined.supported_versions().count() <= data.len());
                return;
            }
            Response::Interim(interim) => {
                assert_eq!(interim.head_len(), head_len);
                assert!((100..200).contains(&interim.status()) && interim.status() != 101);
                assert_status(head.as_bytes(), interim.status());
                rest = &rest[head_len..];
            }
        }
    }
}

fn assert_status(head: &[u8], status: u16) {
    assert_eq!(&start_line(head)[9..12], format!("{status:03}").as_bytes());
}

/// RFC 6455, 4.1, from the bytes of the head.
fn assert_holds_the_musts(head: &[u8], opened: &OpenedResponse<'_>, request: &ClientRequest<'_>) {
    let values = |name| header_values(head, name);
    // Item 1
    assert!(start_line(head).starts_with(b"HTTP/1.1 101"));
    // Items 2 to 4
    assert!(matches!(values("Upgrade")[..], [value] if value.eq_ignore_ascii_case(b"websocket")));
    let is_upgrade = |option: &[u8]| option.eq_ignore_ascii_case(b"upgrade");
    assert!(list_elements(values("Connection")).any(is_upgrade));
    assert_eq!(values("Sec-WebSocket-Accept"), [b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
    // Items 5 and 6
    let names: Vec<&str> = opened.extensions().map(|extension| extension.name()).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(EXTENSIONS.contains(name) && !names[..index].contains(name));
    }
    assert_eq!(names.is_empty(), values("Sec-WebSocket-Extensions").is_empty());
    match (&values("Sec-WebSocket-Protocol")[..], opened.subprotocol()) {
        ([], None) => {}
        ([value], Some(chosen)) => {
            assert_eq!(*value, chosen.as_bytes());
            assert!(SUBPROTOCOLS.contains(&chosen));
        }
        (values, chosen) => panic!("{values:?} became {chosen:?}"),
    }
    // Another HTTP stack that has parsed the same answer gets the same.
    let pairs: Vec<(&str, &[u8])> =
        opened.headers().iter().map(|(name, value)| (name, trim(value))).collect();
    let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 101, reason: "" };
    match request.check_response(line, Headers::from_pairs(&pairs)) {
        Ok(Response::Opened(same)) => assert_eq!(same.subprotocol(), opened.subprotocol()),
        other => panic!("{other:?}"),
    }
}
