//! Requests and the results of checking them, from every front end.

use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::extensions::ExtensionsError;
use crate::head::{HeadScanner, Progress};
use crate::key::KeyError;
use crate::limits::Limits;
use crate::origin::MissingOrigin;
use crate::server::rejection::Rejection;
use crate::subprotocol::SubprotocolError;

mod parsed_elsewhere;
mod requirements;

type Lines<'a> = Vec<(&'a str, &'a str)>;

/// The handshake of RFC 6455, 1.2.
fn example() -> Lines<'static> {
    [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://example.com"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Version", "13"),
    ]
    .to_vec()
}

/// The example with this header instead of its original one.
fn with<'a>(name: &'a str, values: &[&'a str]) -> Lines<'a> {
    let mut lines = without(name);
    lines.extend(values.iter().map(|value| (name, *value)));
    lines
}

fn without(name: &str) -> Lines<'static> {
    example().into_iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name)).collect()
}

fn head(start: &str, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{start}\r\n");
    lines.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    (head + "\r\n").into_bytes()
}

/// The result for bytes that end with their head.
fn parse(bytes: &[u8]) -> Result<(), RequestError> {
    let mut scanner = HeadScanner::request(Limits::server());
    let Progress::Complete(head) = scanner.scan(bytes)? else { panic!("the head has no end") };
    let mut slots = HeaderSlots::<100>::new();
    let request = ServerRequest::parse(head, &mut slots)?;
    assert_eq!(request.head_len(), bytes.len());
    Ok(())
}

/// The result for a head from every front end: bytes, pairs, and the `http` crate.
fn outcome(lines: &[(&str, &str)]) -> Result<(), RequestError> {
    let outcome = parse(&head("GET /chat HTTP/1.1", lines));
    let pairs: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let line = RequestLine::Http1 {
        method: "GET",
        version: HttpVersion::Http11,
        authority: None,
        target: "/chat",
    };
    let checked = ServerRequest::check(line, Headers::from_pairs(&pairs)).map(|_| ());
    assert_eq!(checked, outcome, "pairs and bytes");
    #[cfg(feature = "http")]
    {
        let mut request = http::Request::get("/chat").body(()).unwrap();
        for (name, value) in &pairs {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        let checked = ServerRequest::from_http(&request, None).map(|_| ());
        assert_eq!(checked, outcome, "http and bytes");
    }
    outcome
}

/// The result for the same headers over HTTP/2, where those of the connection are dropped.
fn outcome_http2(lines: &[(&str, &str)]) -> Result<(), RequestError> {
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, value)| (name.to_lowercase(), *value))
        .filter(|(name, _)| {
            !["host", "upgrade", "connection", "sec-websocket-key"].contains(&name.as_str())
        })
        .collect();
    let pairs: Vec<_> =
        lines.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    ServerRequest::check(extended_connect(), Headers::from_pairs(&pairs)).map(|_| ())
}

fn extended_connect() -> RequestLine<'static> {
    RequestLine::Http2 {
        method: "CONNECT",
        protocol: Some("websocket"),
        scheme: Some("https"),
        authority: Some("server.example.com"),
        path: "/chat",
    }
}
