//! The opening handshake on async and blocking streams, against bytes written by hand and each other.

#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod script;

use std::cell::RefCell;

use embedded_io::ErrorKind;
use tidings_embedded::handshake::{
    Acceptance, ClientRequest, Extension, HeadError, Key, MissingOrigin, OriginPolicy, Rejection,
    RequestError, RequestField, Response, ResponseError, ServerRequest, WebSocketUri,
};
use tidings_embedded::websocket::Event;
use tidings_embedded::{Config, Error, ErrorSource, asynchronous, blocking};

use script::{Read, Script, Write, block_on, cuts};

/// RFC 6455, 1.2 and 1.3.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";
/// RFC 6455, 5.7: "Hello", masked and unmasked.
const MASKED: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
const UNMASKED: &[u8] = b"\x81\x05Hello";

fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
    if request.path() != "/chat" {
        return Err(Rejection::not_found("there is no such WebSocket\n"));
    }
    let chosen = request.choose_subprotocol(&["chat"]);
    request.accept().subprotocol(chosen).map_err(|_| Rejection::forbidden("no"))
}

fn key() -> Key {
    Key::from_nonce(*b"the sample nonce")
}

fn uri() -> WebSocketUri<'static> {
    WebSocketUri::parse("ws://server.example.com/chat").unwrap()
}

fn masks() -> impl FnMut() -> [u8; 4] {
    || [1, 2, 3, 4]
}

/// Adds a chunk of the first message; returns whether it was the last.
fn add(message: &mut String, event: &Event<'_>) -> bool {
    let Event::Text { text, is_last, .. } = event else { panic!("not text: {event:?}") };
    message.push_str(text.rest);
    *is_last
}

/// Accepts on both kinds of stream, and receives a text if there is a socket.
fn accept(
    script: impl Fn() -> Script,
    buffer_len: usize,
) -> (Result<String, Error<ErrorKind>>, Vec<u8>) {
    accept_if(script, buffer_len, decide)
}

fn accept_if(
    script: impl Fn() -> Script,
    buffer_len: usize,
    decide: impl Copy + for<'r> Fn(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
) -> (Result<String, Error<ErrorKind>>, Vec<u8>) {
    let on = script();
    let mut buffer = vec![0; buffer_len];
    let blocking = blocking::accept(on.clone(), &mut buffer, on.clock(), &Config::server(), decide)
        .map(|mut socket| {
            let mut message = String::new();
            while !add(&mut message, &socket.recv().unwrap().unwrap().0) {}
            message
        });
    let blocking = (blocking, on.take_written());

    let on = script();
    let mut buffer = vec![0; buffer_len];
    let asynchronous = block_on(async {
        let clock = on.clock();
        let config = Config::server();
        let mut socket =
            asynchronous::accept(on.clone(), &mut buffer, clock, &config, decide).await?;
        let mut message = String::new();
        while !add(&mut message, &socket.recv().await.unwrap().unwrap().0) {}
        Ok(message)
    });
    assert_eq!((asynchronous, on.take_written()), blocking);
    blocking
}

/// Connects on both kinds of stream, and receives a text if there is a socket.
fn connect(
    script: impl Fn() -> Script,
    request: &ClientRequest<'_>,
    buffer_len: usize,
) -> (Result<String, Error<ErrorKind>>, Vec<String>) {
    let seen = RefCell::new(Vec::new());
    let inspect = |answer: &Response<'_>| {
        seen.borrow_mut().push(match answer {
            Response::Opened(opened) => format!("opened {:?}", opened.subprotocol()),
            Response::Interim(interim) => format!("interim {}", interim.status()),
            Response::Declined(declined) => format!("declined {}", declined.status()),
        });
    };
    let on = script();
    let mut buffer = vec![0; buffer_len];
    let config = Config::client();
    let clock = on.clock();
    let blocking =
        blocking::connect(on.clone(), &mut buffer, clock, &config, masks(), request, inspect).map(
            |mut socket| {
                let mut message = String::new();
                while !add(&mut message, &socket.recv().unwrap().unwrap().0) {}
                message
            },
        );
    let blocking = (blocking, on.take_written(), seen.take());

    let on = script();
    let mut buffer = vec![0; buffer_len];
    let asynchronous = block_on(async {
        let (stream, clock) = (on.clone(), on.clock());
        let mut socket =
            asynchronous::connect(stream, &mut buffer, clock, &config, masks(), request, inspect)
                .await?;
        let mut message = String::new();
        while !add(&mut message, &socket.recv().await.unwrap().unwrap().0) {}
        Ok(message)
    });
    assert_eq!((asynchronous, on.take_written(), seen.take()), blocking);
    let (result, written, seen) = blocking;
    assert!(written.is_empty() || written == encoded(request), "the request and nothing else");
    (result, seen)
}

fn encoded(request: &ClientRequest<'_>) -> Vec<u8> {
    let mut bytes = vec![0; request.encoded_len()];
    request.encode(&mut bytes).unwrap();
    bytes
}

/// W-046, W-047, W-048, W-049: the RFC's example, with the first frame after it, at every cut.
#[test]
fn a_server_opens_and_loses_no_bundled_frame() {
    let input = [REQUEST, MASKED].concat();
    for cut in cuts(&input) {
        for max_write_len in [1, usize::MAX] {
            let script = || Script::new(cut.iter().copied()).writes_of(max_write_len);
            let (message, written) = accept(script, 512);
            assert_eq!(message, Ok("Hello".into()));
            assert_eq!(String::from_utf8(written).unwrap(), RESPONSE);
        }
    }
}

/// W-022, W-049: the same for a client, which sends its request and then waits; with interim
/// responses before the answer.
#[test]
fn a_client_opens_and_loses_no_bundled_frame() {
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let input =
        [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], early, RESPONSE.as_bytes(), UNMASKED].concat();
    let request = ClientRequest::new(uri(), key()).subprotocols(&["chat", "superchat"]).unwrap();
    for cut in cuts(&input) {
        for max_write_len in [1, usize::MAX] {
            let script = || Script::new(cut.iter().copied()).writes_of(max_write_len);
            let (message, seen) = connect(script, &request, 256);
            assert_eq!(message, Ok("Hello".into()));
            assert_eq!(seen, ["interim 100", "interim 103", "opened Some(\"chat\")"]);
        }
    }
}

/// W-031, W-032, W-041, W-042, P-004, P-008: a refused request gets a complete answer.
#[test]
fn a_request_is_refused_with_an_answer() {
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(request.contains(from));
        request.replace(from, to).into_bytes()
    };
    let cases = [
        (with("GET", "POST"), Error::Request(RequestError::Method), 405),
        (with("Version: 13", "Version: 8"), Error::Request(RequestError::Version), 426),
        (with("Host:", "Hose:"), Error::Request(RequestError::Missing(RequestField::Host)), 400),
        (with("/chat", "/cat"), Error::Refused { status: 404 }, 404),
        (b"\x16\x03\x01".to_vec(), Error::Request(HeadError::Method { offset: 0 }.into()), 400),
        (
            with("Upgrade: w", &("X: y\r\n".repeat(30) + "Upgrade: w")),
            Error::Request(HeadError::TooManyHeaders { limit: 32 }.into()),
            431,
        ),
    ];
    // Refused at once, and not when the head is complete.
    let endless = [&REQUEST[..REQUEST.len() - 2], &b"X: y\r\n".repeat(33)].concat();
    let too_many = HeadError::TooManyHeaders { limit: 32 };
    let endless = (endless, Error::Request(too_many.into()), 431);
    for (input, error, status) in cases.into_iter().chain([endless]) {
        for cut in [vec![&input[..]], input.chunks(1).collect()] {
            let (result, written) = accept(|| Script::new(cut.iter().copied()), 1024);
            assert_eq!(result, Err(error));
            let answer = String::from_utf8(written).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.contains("\r\n\r\n") && answer.ends_with('\n'), "{answer}");
        }
    }
}

/// W-040, W-124: the application checks the origin, with the policy of the handshake crate.
#[test]
fn a_page_of_another_site_is_refused() {
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
    let (result, written) = accept_if(
        || Script::new([REQUEST]),
        512,
        |request| {
            request.check_origin(&policy, false)?;
            Ok(request.accept())
        },
    );
    assert_eq!(result, Err(Error::Refused { status: 403 }));
    assert!(written.starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
}

/// A head that does not fit into the buffer is answered with 431, and so is one that leaves no room
/// for the answer. One byte more is enough.
#[test]
fn the_buffer_bounds_the_head() {
    for buffer_len in [0, 1, 100, REQUEST.len() - 1] {
        let (result, written) = accept(|| Script::new([REQUEST]), buffer_len);
        if buffer_len < 200 {
            let Err(Error::BufferTooSmall(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.available, buffer_len);
            assert_eq!(written, b"");
        } else {
            let limit = buffer_len;
            assert_eq!(result, Err(Error::Request(HeadError::HeadTooLong { limit }.into())));
            assert!(written.starts_with(b"HTTP/1.1 431 "), "{written:?}");
        }
    }
    let fits = REQUEST.len() + RESPONSE.len();
    for buffer_len in [REQUEST.len(), fits - 1] {
        let (result, written) = accept(|| Script::new([REQUEST]), buffer_len);
        let Err(Error::BufferTooSmall(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.needed, error.available), (RESPONSE.len(), buffer_len - REQUEST.len()));
        assert_eq!(
            Error::<ErrorKind>::BufferTooSmall(error).error_source(),
            ErrorSource::Application
        );
        assert!(written.starts_with(b"HTTP/1.1 431 "), "{written:?}");
    }
    let script = || {
        let script = Script::new([REQUEST]);
        script.push(MASKED);
        script
    };
    assert_eq!(accept(script, fits).0, Ok("Hello".into()));
}

/// W-097, W-122: an application that accepts an extension, or offers one, gets an error.
#[test]
fn an_extension_is_the_applications_fault() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let request =
        String::from_utf8(REQUEST.to_vec()).unwrap().trim_end().to_owned() + "\r\n" + offer;
    let extension = Extension::new("permessage-deflate", &[]).unwrap();
    let script = || Script::new([request.as_bytes()]);
    let extensions = [extension];
    let mut buffer = [0; 1024];
    let on = script();
    let error =
        blocking::accept(on.clone(), &mut buffer, on.clock(), &Config::server(), |request| {
            Ok(request.accept().extensions(&[]).unwrap())
        });
    assert!(error.is_ok(), "no extension is fine");
    let on = script();
    let leaked: &'static [Extension<'static>] = Vec::leak(extensions.to_vec());
    let error =
        blocking::accept(on.clone(), &mut buffer, on.clock(), &Config::server(), |request| {
            Ok(request.accept().extensions(leaked).unwrap())
        });
    assert_eq!(error.map(drop), Err(Error::Extension));
    assert!(on.take_written().starts_with(b"HTTP/1.1 500 "));

    let answer = RESPONSE.trim_end().to_owned() + "\r\n" + offer;
    let request = ClientRequest::new(uri(), key()).subprotocols(&["chat"]).unwrap();
    let offered = request.extensions(&extensions);
    let answer = || Script::new([answer.as_bytes()]);
    assert_eq!(connect(answer, &offered, 512).0, Err(Error::Extension));
    // Not even offered: the server is at fault.
    let error = Error::Response(ResponseError::ExtensionNotOffered { index: 0 });
    assert_eq!(connect(answer, &request, 512).0, Err(error));
}

/// P-003, P-009, W-036: everything that HTTP and RFC 6455 allow a peer to write is read.
#[test]
fn a_peer_may_write_what_http_allows() {
    let request = ClientRequest::new(uri(), key()).subprotocols(&["chat"]).unwrap();
    for lines in [
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n",
        "Server: one\r\n\tand more\r\n",
    ] {
        let answer = RESPONSE.replace("Upgrade: websocket", &format!("{lines}Upgrade: websocket"));
        let script = || {
            let script = Script::new([answer.as_bytes()]);
            script.push(UNMASKED);
            script
        };
        assert_eq!(connect(script, &request, 512).0, Ok("Hello".into()), "{lines:?}");
    }
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    for (from, to) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ("GET /chat", "GET http://server.example.com?x"),
    ] {
        let request = request.replace(from, to);
        let script = || {
            let script = Script::new([request.as_bytes()]);
            script.push(MASKED);
            script
        };
        let any = |request: &ServerRequest<'_>| request.path() == "/chat" || request.path() == "/";
        let (result, written) = accept_if(script, 512, |request| match any(request) {
            true => Ok(request.accept()),
            false => Err(Rejection::not_found("")),
        });
        assert_eq!(result, Ok("Hello".into()), "{}", written.escape_ascii());
    }
}

/// W-040: the page's host is compared with the host that a trusted proxy reports.
#[test]
fn a_page_is_compared_with_the_host_that_a_trusted_proxy_names() {
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    let proxied = request.replace("Upgrade: web", "X-Forwarded-Host: example.com\r\nUpgrade: web");
    for (request, trusts, is_open) in
        [(&proxied, true, true), (&proxied, false, false), (&request, true, false)]
    {
        let script = || {
            let script = Script::new([request.as_bytes()]);
            script.push(MASKED);
            script
        };
        let (result, written) = accept_if(script, 1024, |request| {
            let policy = OriginPolicy::same_origin(MissingOrigin::Refuse);
            let policy = if trusts { policy.behind_proxy() } else { policy };
            request.check_origin(&policy, false)?;
            Ok(request.accept())
        });
        assert_eq!(result.is_ok(), is_open, "{trusts}: {result:?}");
        let written = String::from_utf8(written).unwrap();
        let refusal = "the origin http://example.com is not that of the request, \
                       http://server.example.com by Host\n";
        assert!(is_open || written.ends_with(refusal), "{written}");
    }
}

/// W-023, W-024, W-026, W-029: an answer that is not valid opens nothing.
#[test]
fn a_client_checks_the_answer() {
    let request = ClientRequest::new(uri(), key()).subprotocols(&["chat"]).unwrap();
    let wrong = |from: &str, to: &str| RESPONSE.replace(from, to);
    let declined =
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nno!\n";
    let cases = [
        (wrong("s3pP", "s3pp"), Error::Response(ResponseError::Accept)),
        (wrong("Upgrade: websocket", "X: y"), Error::Response(ResponseError::UpgradeMissing)),
        (wrong("1.1 101", "1.0 101"), Error::Response(ResponseError::HttpVersion)),
        (wrong("HTTP", "SMTP"), Error::Response(HeadError::Version { offset: 0 }.into())),
        (
            "HTTP/1.1 100 C\r\n\r\n".repeat(9),
            Error::Response(ResponseError::TooManyInterimResponses { limit: 8 }),
        ),
        (declined.into(), Error::Declined { status: 401, received_len: declined.len() }),
        (String::new(), Error::Eof),
        (RESPONSE.split_at(50).0.into(), Error::Eof),
    ];
    for (answer, error) in cases {
        let (result, seen) = connect(|| Script::new([answer.as_bytes()]), &request, 300);
        assert_eq!(result, Err(error));
        assert_eq!(error.error_source(), ErrorSource::Peer);
        if let Error::Declined { status, .. } = error {
            assert_eq!(seen, [format!("declined {status}")]);
        }
    }
    // The answer is in the buffer.
    let mut buffer = [0; 512];
    let script = Script::new([declined.as_bytes()]);
    let clock = script.clock();
    let config = Config::client();
    let error = blocking::connect(script, &mut buffer, clock, &config, masks(), &request, |_| {});
    let Err(Error::Declined { received_len, .. }) = error.map(drop) else { panic!() };
    assert_eq!(&buffer[..received_len], declined.as_bytes());
}

/// A request that does not fit is not sent; an answer that does not fit is refused.
#[test]
fn the_buffer_bounds_request_and_answer() {
    let request = ClientRequest::new(uri(), key()).subprotocols(&["chat"]).unwrap();
    let answer = || Script::new([RESPONSE.as_bytes(), UNMASKED]);
    let needed = request.encoded_len();
    let (result, _) = connect(answer, &request, needed - 1);
    let Err(Error::BufferTooSmall(error)) = result else { panic!() };
    assert_eq!((error.needed, error.available), (needed, needed - 1));

    let long = RESPONSE.replace("Upgrade: w", &format!("X: {}\r\nUpgrade: w", "y".repeat(200)));
    let (result, _) = connect(|| Script::new([long.as_bytes()]), &request, needed);
    let error = HeadError::HeadTooLong { limit: needed };
    assert_eq!(result, Err(Error::Response(error.into())));
}

/// A stream may wait in short turns; the whole handshake has one deadline, even if bytes keep coming.
#[test]
fn the_handshake_has_one_deadline() {
    let in_time = || {
        let script = Script::new([]);
        for byte in REQUEST.chunks(1) {
            script.then(Read::TimedOutAfter(30));
            script.push(byte);
        }
        script.push(MASKED);
        script
    };
    assert!(REQUEST.len() * 30 < 10_000);
    assert_eq!(accept(in_time, 512).0, Ok("Hello".into()));
    let late = || {
        let script = in_time();
        script.now_ms.set(0);
        script.reads.borrow_mut().insert(REQUEST.len(), Read::TimedOutAfter(5_000));
        script
    };
    assert_eq!(accept(late, 512), (Err(Error::HandshakeTimeout), vec![]));
    let silent = || {
        let script = Script::new([]);
        (0..11).for_each(|_| script.then(Read::TimedOutAfter(1_000)));
        script
    };
    assert_eq!(accept(silent, 512).0, Err(Error::HandshakeTimeout));
    let request = ClientRequest::new(uri(), key());
    assert_eq!(connect(silent, &request, 512).0, Err(Error::HandshakeTimeout));
}

/// The time that the application takes to decide is not the client's.
#[test]
fn a_hook_that_is_slow_is_not_the_clients_fault() {
    let on = Script::new([REQUEST]);
    let now_ms = on.now_ms.clone();
    let mut buffer = [0; 512];
    let config = Config::server();
    let accepted = blocking::accept(on.clone(), &mut buffer, on.clock(), &config, |request| {
        now_ms.set(now_ms.get() + 60_000);
        Ok(request.accept())
    });
    assert!(accepted.is_ok(), "{:?}", accepted.err());
    assert!(on.take_written().starts_with(b"HTTP/1.1 101 "));
}

/// Errors and lies of the stream.
#[test]
fn a_stream_that_fails_or_lies_opens_nothing() {
    let reset = || {
        let script = Script::new([&REQUEST[..20]]);
        script.then(Read::Fails(ErrorKind::ConnectionReset));
        script
    };
    assert_eq!(accept(reset, 512).0, Err(Error::Io(ErrorKind::ConnectionReset)));
    let lies = || {
        let script = Script::new([&REQUEST[..20]]);
        script.then(Read::Lies);
        script
    };
    assert_eq!(accept(lies, 512).0, Err(Error::BrokenStream));
    for (write, error) in [
        (Write::Nothing, Error::BrokenStream),
        (Write::Lies, Error::BrokenStream),
        (Write::Fails(ErrorKind::BrokenPipe), Error::Io(ErrorKind::BrokenPipe)),
    ] {
        let script = || {
            let script = Script::new([REQUEST]);
            script.on_write(write);
            script
        };
        assert_eq!(accept(script, 512).0, Err(error));
        assert_eq!(connect(script, &ClientRequest::new(uri(), key()), 512).0, Err(error));
    }
    assert_eq!(accept(|| Script::new([&REQUEST[..20]]), 512).0, Err(Error::Eof));
}
