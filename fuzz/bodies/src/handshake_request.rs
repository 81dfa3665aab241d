//! A server that gets any bytes as a request: the result does not depend on how they are split, an
//! accepted request fulfils the MUSTs of RFC 6455, 4.2.1, and a refused one gets a complete
//! response.
//!
//! Input: the bytes that a client sends.

use core::net::Ipv6Addr;

use tidings_handshake::{
    Authority, ClientRequest, Extension, HeadError, HeadScanner, HeaderSlots, Headers, HttpVersion,
    Key, Limits, MissingOrigin, OriginPattern, OriginPolicy, Progress, Rejection, RequestLine,
    Response, ServerRequest, StatusLine, WebSocketUri,
};

use crate::http_response::{
    HttpResponse, header_values, is_token, list_elements, start_line, trim,
};

/// The limits are low, so that inputs reach them.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::server();
    limits.max_head_len = 1024;
    limits.max_start_line_len = 256;
    limits.max_headers = 24;
    limits
}

/// Serves the request.
pub fn run(data: &[u8]) {
    let head_len = match scan_in_every_way(&HeadScanner::request(limits()), data) {
        Ok(None) => return,
        Ok(Some(head_len)) => head_len,
        Err(error) => return assert_refused(&error.into()),
    };
    let mut scanner = HeadScanner::request(limits());
    let Ok(Progress::Complete(head)) = scanner.scan(data) else { panic!("it was complete") };
    assert_eq!(head.as_bytes(), &data[..head_len]);

    let mut slots = HeaderSlots::<24>::new();
    let parsed = ServerRequest::parse(head, &mut slots);
    // With fewer slots there is the same result, or it is the slots' fault.
    let mut few_slots = HeaderSlots::<6>::new();
    match (&parsed, ServerRequest::parse(head, &mut few_slots)) {
        (_, Err(tidings_handshake::RequestError::Head(HeadError::TooManyHeaders { limit: 6 }))) => {
        }
        (Ok(_), Ok(_)) => {}
        (Err(error), Err(other)) => assert_eq!(*error, other),
        (parsed, other) => panic!("{parsed:?} with 24 slots, {other:?} with 6"),
    }
    match parsed {
        Ok(request) => {
            assert_eq!(request.head_len(), head_len);
            assert_holds_the_musts(head.as_bytes(), &request);
            assert_same_from_pairs(&request);
            check_origin(&request);
            accept(&request);
        }
        Err(error) => assert_refused(&error.into()),
    }
}

/// Scans the bytes whole, in two slices and byte by byte. Returns the length of the head.
pub(crate) fn scan_in_every_way(
    scanner: &HeadScanner,
    data: &[u8],
) -> Result<Option<usize>, HeadError> {
    let outcome = |scanner: &mut HeadScanner, received: &[u8]| match scanner.scan(received) {
        Ok(Progress::Complete(head)) => Ok(Some(head.len())),
        Ok(Progress::Partial) => Ok(None),
        Err(error) => Err(error),
    };
    let mut whole_scanner = scanner.clone();
    let whole = outcome(&mut whole_scanner, data);
    assert!(whole_scanner.scanned() <= data.len());
    assert_eq!(outcome(&mut whole_scanner, data), whole, "asked again");

    // Somewhere, but the same place for the same input.
    let cut = data.iter().fold(7, |sum: usize, byte| sum.wrapping_mul(31) ^ usize::from(*byte))
        % (data.len() + 1);
    let cuts: [Vec<usize>; 2] = [vec![cut, data.len()], (0..=data.len()).collect()];
    for cuts in cuts {
        let mut scanner = scanner.clone();
        let mut last = Ok(None);
        for end in cuts {
            last = outcome(&mut scanner, &data[..end]);
            if last != Ok(None) {
                break;
            }
        }
        assert_eq!(last, whole);
        assert_eq!(scanner.scanned(), whole_scanner.scanned());
    }
    whole
}

/// A refusal is a complete response of a status that refuses.
fn assert_refused(rejection: &Rejection<'_>) {
    let mut out = [0xAA; 512];
    let len = rejection.encode(&mut out).expect("512 bytes are enough");
    assert_eq!((len, rejection.to_vec()), (rejection.encoded_len(), out[..len].to_vec()));
    let too_small = rejection.encode(&mut out[..len - 1]).unwrap_err();
    assert_eq!((too_small.needed, too_small.available), (len, len - 1));

    let encoded = rejection.to_vec();
    let response = HttpResponse::read(&encoded);
    assert_eq!(response.status, rejection.status());
    assert!((400..600).contains(&response.status));
    assert!(!response.body.is_empty());
    let connection = response.header("Connection").expect("it says what becomes of the connection");
    assert!(list_elements([connection.as_bytes()]).any(|option| option == b"close"));
    match response.status {
        426 => {
            assert_eq!(response.header("Upgrade"), Some("websocket"));
            assert_eq!(response.header("Sec-WebSocket-Version"), Some("13"));
        }
        405 => assert_eq!(response.header("Allow"), Some("GET")),
        _ => {}
    }
    // Our own client would read it so too.
    let mut scanner = HeadScanner::response(Limits::client());
    let Ok(Progress::Complete(head)) = scanner.scan(&encoded) else { panic!("a whole head") };
    let mut slots = HeaderSlots::<16>::new();
    match client(&[], &[]).parse_response(head, &mut slots) {
        Ok(Response::Declined(declined)) => assert_eq!(declined.status(), rejection.status()),
        other => panic!("{other:?}"),
    }
}

fn client<'a>(subprotocols: &'a [&'a str], extensions: &'a [Extension<'a>]) -> ClientRequest<'a> {
    let uri = WebSocketUri::parse("ws://example.com/").unwrap();
    let request = ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"));
    request.subprotocols(subprotocols).unwrap().extensions(extensions)
}

/// RFC 6455, 4.2.1, from the bytes of the head.
fn assert_holds_the_musts(head: &[u8], request: &ServerRequest<'_>) {
    let values = |name| header_values(head, name);
    let lists = |name, option: &[u8]| {
        list_elements(values(name)).any(|element| element.eq_ignore_ascii_case(option))
    };
    let only = |name| match values(name)[..] {
        [value] => value,
        _ => panic!("{name} stands there {} times", values(name).len()),
    };
    // Item 1
    let start_line = start_line(head);
    let target = start_line.strip_prefix(b"GET ").and_then(|rest| rest.strip_suffix(b" HTTP/1.1"));
    let target = target.expect("GET and HTTP/1.1");
    assert!(request.target().starts_with(['/', '?']) && request.path().starts_with('/'));
    assert!(request.target() == "/" || target.ends_with(request.target().as_bytes()));
    // Items 2 to 6
    let host = only("Host");
    assert!(!host.is_empty() && !request.host().host().is_empty());
    assert!(lists("Upgrade", b"websocket"));
    assert!(lists("Connection", b"upgrade"));
    let key = only("Sec-WebSocket-Key");
    assert!(key.len() == 24 && key.ends_with(b"==") && !key[..22].contains(&b'='));
    assert_eq!(only("Sec-WebSocket-Version"), b"13");
    // Items 7 to 9
    match (&values("Origin")[..], request.origin()) {
        ([], None) => {}
        ([value], Some(origin)) => assert_eq!(*value, origin.as_bytes()),
        (values, origin) => panic!("{values:?} became {origin:?}"),
    }
    let offered: Vec<&[u8]> = list_elements(values("Sec-WebSocket-Protocol")).collect();
    let subprotocols: Vec<&[u8]> = request.subprotocols().map(str::as_bytes).collect();
    assert_eq!(offered, subprotocols);
    for (index, subprotocol) in subprotocols.iter().enumerate() {
        assert!(is_token(subprotocol) && !subprotocols[..index].contains(subprotocol));
    }
    let extension_lines = values("Sec-WebSocket-Extensions");
    assert_eq!(extension_lines.is_empty(), request.extensions().next().is_none());
    // RFC 9112, 6.3: no body, whose bytes would be read as frames.
    assert!(values("Transfer-Encoding").is_empty());
    assert!(values("Content-Length").iter().all(|len| len.iter().all(|digit| *digit == b'0')));
}

/// A framework that has parsed the same request gets the same.
fn assert_same_from_pairs(request: &ServerRequest<'_>) {
    let pairs: Vec<(&str, &[u8])> =
        request.headers().iter().map(|(name, value)| (name, trim(value))).collect();
    let authority = request.host().to_string();
    let line = RequestLine::Http1 {
        method: "GET",
        version: HttpVersion::Http11,
        authority: Some(&authority),
        target: request.target(),
    };
    let same = ServerRequest::check(line, Headers::from_pairs(&pairs)).expect("it was accepted");
    assert_eq!(same.host().to_string(), authority);
    assert_eq!((same.target(), same.origin()), (request.target(), request.origin()));
    assert_eq!(same.accept().to_vec(), request.accept().to_vec());
}

/// A stricter policy never admits more than a laxer one.
fn check_origin(request: &ServerRequest<'_>) {
    let patterns = [
        OriginPattern::parse("https://*.example.com").unwrap(),
        OriginPattern::parse("http://localhost:*").unwrap(),
    ];
    let same = OriginPolicy::same_origin(MissingOrigin::Refuse);
    for secure in [false, true] {
        assert!(request.check_origin(&OriginPolicy::any(), secure).is_ok());
        let is_same = request.check_origin(&same, secure).is_ok();
        assert_eq!(is_same, is_same_origin(request.origin(), request.host(), secure));
        if is_same {
            assert!(request.check_origin(&same.or_from(&patterns), secure).is_ok());
            assert!(request.check_origin(&same.or_null(), secure).is_ok());
        }
        if let Err(error) = request.check_origin(&same, secure) {
            assert_refused(&error.into());
        }
    }
}

/// RFC 6454, 5: scheme, host and port are equal.
fn is_same_origin(origin: Option<&str>, host: Authority<'_>, secure: bool) -> bool {
    let scheme = if secure { "https" } else { "http" };
    let port = |authority: Authority<'_>| authority.port().unwrap_or(if secure { 443 } else { 80 });
    let is_same_host = |other: Authority<'_>| match (host.is_ipv6(), other.is_ipv6()) {
        (true, true) => host.host().parse::<Ipv6Addr>() == other.host().parse::<Ipv6Addr>(),
        (false, false) => host.host().eq_ignore_ascii_case(other.host()),
        _ => false,
    };
    let Some((origin_scheme, authority)) = origin.and_then(|origin| origin.split_once("://"))
    else {
        return false;
    };
    Authority::parse(authority).is_ok_and(|origin| {
        origin_scheme.eq_ignore_ascii_case(scheme)
            && is_same_host(origin)
            && port(origin) == port(host)
    })
}

/// Accepts with the first offer of each kind; our own client, had it sent this, is content.
fn accept(request: &ServerRequest<'_>) {
    let subprotocols: Vec<&str> = request.subprotocols().collect();
    let names: Vec<&str> = request.extensions().map(|extension| extension.name()).take(1).collect();
    let extensions: Vec<Extension<'_>> =
        names.iter().map(|name| Extension::new(name, &[]).unwrap()).collect();
    let acceptance = request
        .accept()
        .subprotocol(subprotocols.first().copied())
        .and_then(|acceptance| acceptance.extensions(&extensions))
        .expect("it was offered");

    let encoded = acceptance.to_vec();
    assert_eq!(encoded.len(), acceptance.encoded_len());
    assert_eq!(HttpResponse::read(&encoded).status, 101);

    let mut scanner = HeadScanner::response(Limits::client());
    let Ok(Progress::Complete(head)) = scanner.scan(&encoded) else { panic!("a whole head") };
    let uri = WebSocketUri::parse("ws://example.com/").unwrap();
    let key = Key::parse(request.header("Sec-WebSocket-Key").unwrap()).unwrap();
    let client = ClientRequest::new(uri, key).subprotocols(&subprotocols).unwrap();
    let client = client.extensions(&extensions);
    let mut slots = HeaderSlots::<8>::new();
    match client.parse_response(head, &mut slots) {
        Ok(Response::Opened(opened)) => {
            assert_eq!(opened.subprotocol(), subprotocols.first().copied());
            assert_eq!(opened.head_len(), encoded.len());
        }
        other => panic!("{other:?}"),
    }
    // An answer to another key opens nothing.
    let other = ClientRequest::new(uri, Key::from_nonce([0x5A; 16]));
    if key.as_str() != Key::from_nonce([0x5A; 16]).as_str() {
        let headers: Vec<(&str, &[u8])> = vec![
            ("Upgrade", b"websocket"),
            ("Connection", b"Upgrade"),
            (
                "Sec-WebSocket-Accept",
                HttpResponse::read(&encoded).header("Sec-WebSocket-Accept").unwrap().as_bytes(),
            ),
        ];
        let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 101, reason: "" };
        assert!(other.check_response(line, Headers::from_pairs(&headers)).is_err());
    }
}
