use std::string::{String, ToString as _};
use std::vec::Vec;

use super::*;
use crate::authority::AuthorityError;
use crate::extensions::ExtensionsError;
use crate::key::KeyError;
use crate::server::request_error::RequestField;
use crate::subprotocol::SubprotocolError;

fn text(rejection: &Rejection<'_>) -> String {
    let mut out = [0; 512];
    let len = rejection.encode(&mut out).unwrap();
    assert_eq!(len, rejection.encoded_len());
    #[cfg(feature = "alloc")]
    assert_eq!(rejection.to_vec(), &out[..len]);
    // Every shorter buffer is refused with the needed length.
    let mut short = [0; 512];
    for available in 0..len {
        let error = BufferTooSmall { needed: len, available };
        assert_eq!(rejection.encode(&mut short[..available]), Err(error));
    }
    core::str::from_utf8(&out[..len]).unwrap().to_string()
}

/// P-011
#[test]
fn a_405_names_the_method_that_is_allowed() {
    assert_eq!(
        text(&RequestError::Method.into()),
        "HTTP/1.1 405 Method Not Allowed\r\n\
        Connection: close\r\n\
        Allow: GET\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 42\r\n\r\n\
        a WebSocket is opened with the method GET\n"
    );
}

/// W-041, W-050, P-007, P-008
#[test]
fn a_426_names_the_protocol_and_its_version() {
    for error in [
        RequestError::Version,
        RequestError::Missing(RequestField::Version),
        RequestError::Upgrade,
        RequestError::Missing(RequestField::Upgrade),
        RequestError::Connection,
        RequestError::Missing(RequestField::Connection),
    ] {
        let text = text(&error.into());
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        for line in
            ["Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        {
            assert!(text.contains(&std::format!("\r\n{line}\r\n")), "{text}");
        }
    }
    // The application's own 426 has them too.
    let own = Rejection::new(426, "").unwrap();
    assert!(text(&own).contains("\r\nUpgrade: websocket\r\n"));
}

/// W-040, W-042
#[test]
fn an_application_rejects_in_its_own_words() {
    assert_eq!(
        text(&Rejection::not_found("no such room\n")),
        "HTTP/1.1 404 Not Found\r\n\
        Connection: close\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 13\r\n\r\n\
        no such room\n"
    );
    let forbidden = Rejection::from(OriginError::NotAccepted { origin: "a://b", own: None });
    assert!(text(&forbidden).starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert_eq!(Rejection::forbidden("").status(), 403);
    let headers =
        [("WWW-Authenticate", "Bearer realm=\"chat\""), ("content-type", "application/json")];
    let unauthorized = Rejection::new(401, "{\"error\":\"t\u{f6}ken\"}").unwrap();
    assert_eq!(
        text(&unauthorized.headers(&headers).unwrap()),
        "HTTP/1.1 401 Unauthorized\r\n\
        Connection: close\r\n\
        Content-Length: 18\r\n\
        WWW-Authenticate: Bearer realm=\"chat\"\r\n\
        content-type: application/json\r\n\r\n\
        {\"error\":\"t\u{f6}ken\"}"
    );
    let gone = Rejection::new(599, "").unwrap();
    assert!(text(&gone).starts_with("HTTP/1.1 599 \r\nConnection: close\r\n"));
    let moved = Rejection::new(308, "").unwrap().headers(&[("Location", "/v2")]).unwrap();
    assert!(text(&moved).contains("\r\nLocation: /v2\r\n"));
    let allow = Rejection::new(405, "").unwrap().headers(&[("Allow", "GET, POST")]).unwrap();
    assert_eq!(text(&allow).matches("Allow: ").count(), 1);
}

/// RFC 9110, 15; RFC 6585. The phrase is for people: a status without one is as good.
#[test]
fn a_status_line_has_the_registered_phrase() {
    for (status, phrase) in [
        (300, "Multiple Choices"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (402, "Payment Required"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (406, "Not Acceptable"),
        (407, "Proxy Authentication Required"),
        (408, "Request Timeout"),
        (409, "Conflict"),
        (410, "Gone"),
        (411, ""),
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (421, "Misdirected Request"),
        (422, "Unprocessable Content"),
        (425, "Too Early"),
        (426, "Upgrade Required"),
        (428, "Precondition Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (451, "Unavailable For Legal Reasons"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
        (505, "HTTP Version Not Supported"),
        (511, "Network Authentication Required"),
        (599, ""),
    ] {
        let text = text(&Rejection::new(status, "").unwrap());
        let line = std::format!("HTTP/1.1 {status} {phrase}\r\n");
        assert!(text.starts_with(&line), "{text}");
    }
}

/// W-031: heads that the scanner refuses are answered as well.
#[test]
fn an_invalid_head_is_rejected_with_its_status() {
    for (error, line) in [
        (HeadError::HeadTooLong { limit: 9 }, "HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        (
            HeadError::TooManyHeaders { limit: 9 },
            "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        ),
        (HeadError::StartLineTooLong { limit: 9 }, "HTTP/1.1 414 URI Too Long\r\n"),
        (
            HeadError::VersionUnsupported { offset: 9 },
            "HTTP/1.1 505 HTTP Version Not Supported\r\n",
        ),
        (HeadError::LineFolding { offset: 9 }, "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let rejection = Rejection::from(error);
        assert_eq!(rejection.request_error(), Some(RequestError::Head(error)));
        assert!(text(&rejection).starts_with(line), "{error}");
    }
}

/// W-117: no close code is a status.
#[test]
fn a_rejection_cannot_open_or_inject() {
    for status in [0, 99, 100, 101, 199, 200, 204, 299, 304, 600, 1000, 1010, 1011, u16::MAX] {
        let error = RejectionBuildError::Status { status };
        assert_eq!(Rejection::new(status, "").err(), Some(error));
        assert!(error.to_string().contains(&status.to_string()));
    }
    for (name, value) in [
        ("Connection", "keep-alive"),
        ("Content-Length", "0"),
        ("Upgrade", "h2c"),
        ("a", "b\r\nc: d"),
        ("a b", ""),
    ] {
        let headers = [(name, value)];
        let error = Rejection::forbidden("").headers(&headers).unwrap_err();
        let RejectionBuildError::Header(header) = error else { panic!("{name}: {value}") };
        assert_eq!(error.to_string(), header.to_string());
    }
}

/// W-031, W-127: each error has a status of 4xx or 5xx, and a response that names it in 512 bytes.
#[test]
fn every_error_is_a_complete_response() {
    let max = usize::MAX;
    let mut errors: Vec<RequestError> = [
        HeadError::HeadTooLong { limit: max },
        HeadError::StartLineTooLong { limit: max },
        HeadError::TooManyHeaders { limit: max },
        HeadError::Method { offset: max },
        HeadError::Target { offset: max },
        HeadError::Version { offset: max },
        HeadError::VersionUnsupported { offset: max },
        HeadError::Status { offset: max },
        HeadError::BareCarriageReturn { offset: max },
        HeadError::HeaderName { offset: max },
        HeadError::SpaceBeforeColon { offset: max },
        HeadError::LineFolding { offset: max },
        HeadError::HeaderValue { offset: max },
        HeadError::WrongKind,
    ]
    .map(RequestError::Head)
    .to_vec();
    for field in [
        RequestField::Host,
        RequestField::Upgrade,
        RequestField::Connection,
        RequestField::Key,
        RequestField::Version,
        RequestField::Origin,
        RequestField::ContentLength,
    ] {
        errors.extend([RequestError::Missing(field), RequestError::Repeated(field)]);
    }
    errors.extend(
        [
            AuthorityError::NoHost,
            AuthorityError::UserInfo { offset: max },
            AuthorityError::Host { offset: max },
            AuthorityError::Ipv6 { offset: max },
            AuthorityError::Port { offset: max },
        ]
        .map(RequestError::Host),
    );
    errors.extend(
        [KeyError::Length { len: max }, KeyError::Base64, KeyError::NonceLength]
            .map(RequestError::Key),
    );
    errors.extend(
        [
            SubprotocolError::Empty,
            SubprotocolError::NotToken { index: max },
            SubprotocolError::Repeated { index: max },
            SubprotocolError::TooMany,
        ]
        .map(RequestError::Subprotocols),
    );
    errors.extend(
        [ExtensionsError::Empty, ExtensionsError::Malformed { line: max, offset: max }]
            .map(RequestError::Extensions),
    );
    errors.extend([
        RequestError::Method,
        RequestError::HttpVersion,
        RequestError::Target,
        RequestError::HeaderName { index: max },
        RequestError::HeaderValue { index: max },
        RequestError::Upgrade,
        RequestError::Connection,
        RequestError::Version,
        RequestError::Body,
        RequestError::Origin,
        RequestError::HostConflict,
        RequestError::NotConnect,
        RequestError::Protocol,
        RequestError::Scheme,
        RequestError::ConnectionSpecific,
    ]);
    let mut bodies = Vec::new();
    for error in errors {
        let rejection = Rejection::from(error);
        assert_eq!(rejection.request_error(), Some(error));
        assert!((400..600).contains(&error.status()));
        let text = text(&rejection);
        let mut slots = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut slots);
        let Ok(httparse::Status::Complete(head_len)) = parsed.parse(text.as_bytes()) else {
            panic!("{text}");
        };
        assert_eq!(parsed.code, Some(error.status()));
        assert!(!parsed.reason.unwrap().is_empty(), "{text}");
        let body = text.get(head_len..).unwrap();
        assert_eq!(body, std::format!("{error}\n"));
        assert!(text.contains(&std::format!("Content-Length: {}\r\n", body.len())));
        assert!(text.contains("close\r\n"));
        bodies.push(body.to_string());
    }
    // No two errors say the same.
    let count = bodies.len();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), count);
    let not_accepted = OriginError::NotAccepted { origin: "https://a", own: None };
    for error in [OriginError::Missing, OriginError::Null, OriginError::Malformed, not_accepted] {
        assert!(text(&error.into()).ends_with(&std::format!("\r\n\r\n{error}\n")));
        assert_eq!(Rejection::from(error).request_error(), None);
    }
}

/// The strings may be created at run time, and outlive their sources.
#[cfg(feature = "alloc")]
#[test]
fn words_made_at_run_time_are_owned() {
    fn no_room(room: &str) -> Rejection<'static> {
        let text = std::format!("no room {room}\n");
        Rejection::not_found(&text)
    }
    assert!(text(&no_room("attic")).ends_with("\r\n\r\nno room attic\n"));
    let cow = std::borrow::Cow::Borrowed("no\n");
    assert_eq!(Rejection::forbidden(cow).body().to_string(), "no\n");

    let seconds = 7;
    let headers = std::vec![("Retry-After", std::format!("{seconds}"))];
    let busy = Rejection::new(503, "later\n").unwrap().headers(&headers).unwrap();
    drop(headers);
    let busy = busy.header("X-Other", seconds.to_string()).unwrap();
    assert!(text(&busy).contains("\r\nRetry-After: 7\r\nX-Other: 7\r\n"), "{}", text(&busy));
    let reserved = RejectionBuildError::Header(ExtraHeaderError::Reserved { index: 2 });
    assert_eq!(busy.header("Upgrade", "x").map(|_| ()), Err(reserved));
}

/// With `?`, an application's mistake is its own fault and not that of the client.
#[test]
fn a_wrong_answer_becomes_a_500() {
    let errors: [Rejection<'_>; 2] = [
        RejectionBuildError::Status { status: 200 }.into(),
        AcceptError::SubprotocolNotOffered.into(),
    ];
    for rejection in errors {
        let text = text(&rejection);
        assert!(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{text}");
        #[cfg(not(feature = "alloc"))]
        assert!(text.ends_with("\r\n\r\nthe server is at fault\n"), "{text}");
        #[cfg(feature = "alloc")]
        assert!(!text.ends_with("\r\n\r\n"), "{text}");
        assert_eq!(rejection.request_error(), None);
    }
}
