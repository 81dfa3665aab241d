//! The client over real sockets: the requests for each host, and the result of each answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use socket2::SockRef;
use tidings_tokio::handshake::{Key, RedirectError, ResponseError};
use tidings_tokio::{
    Config, ConnectOptions, Error, WebSocket, accept,
    client::{ClientRole, ClientStream, Proxy},
    connect_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Reads one head, which ends where the bytes end.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "{request:?}");
    }
    String::from_utf8(request).unwrap()
}

/// The 101 that fits the request.
fn switching(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = Key::parse(key.as_bytes()).unwrap().accept();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// A server that gives these answers to its connections in turn, `101` where one is empty, and
/// returns the requests.
fn answer(listener: TcpListener, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let (mut requests, mut streams) = (Vec::new(), Vec::new());
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await;
            let answer = if answer.is_empty() { switching(&request) } else { answer };
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(request);
            streams.push(stream);
        }
        requests
    })
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} \r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn has_header(request: &str, name: &str) -> bool {
    request.lines().any(|line| line.split_once(": ").is_some_and(|(other, _)| other == name))
}

async fn echo_once(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = accept(stream, Config::server()).await.unwrap();
    while let Some(message) = socket.recv().await.unwrap() {
        socket.send(message).await.unwrap();
    }
}

async fn say_hello(mut socket: WebSocket<ClientStream, ClientRole>) {
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("hello".into()));
    socket.close(tidings_tokio::CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn one_line_connects_to_a_name_or_an_address() {
    for host in ["127.0.0.1", "localhost"] {
        let (listener, port) = listen().await;
        let server = tokio::spawn(echo_once(listener));
        let uri = format!("ws://{host}:{port}/");
        // On a separate task: the future can be sent to another thread.
        let connecting = tokio::spawn(async move { tidings_tokio::connect(&uri).await });
        let socket = connecting.await.unwrap().unwrap();
        assert!(socket.get_ref().tcp().unwrap().nodelay().unwrap());
        assert!(SockRef::from(socket.get_ref().tcp().unwrap()).keepalive().unwrap());
        say_hello(socket).await;
        server.await.unwrap();
    }
}

/// W-008
#[tokio::test]
async fn a_refused_connection_is_an_error_of_the_transport() {
    let (listener, port) = listen().await;
    drop(listener);
    let error = tidings_tokio::connect(&format!("ws://127.0.0.1:{port}/")).await.unwrap_err();
    match error {
        Error::Io(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            let text = error.to_string();
            assert!(text.starts_with(&format!("connecting to 127.0.0.1:{port}: ")), "{text}");
        }
        other => panic!("{other}"),
    }
}

/// W-019
#[tokio::test]
async fn what_the_options_say_is_in_the_request_and_on_the_socket() {
    let (listener, port) = listen().await;
    let server = answer(listener, vec![String::new()]);
    let options = ConnectOptions::new()
        .subprotocols(["v2", "v1"])
        .origin("https://page.example")
        .header("Authorization", "Bearer secret")
        .header("X-Other", "1")
        .tcp_nodelay(false)
        .tcp_keepalive(None)
        .local_address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert!(!format!("{options:?}").contains("secret"));
    let socket = connect_with(&format!("ws://127.0.0.1:{port}/a?b"), &options).await.unwrap();
    assert!(!socket.get_ref().tcp().unwrap().nodelay().unwrap());
    assert!(!SockRef::from(socket.get_ref().tcp().unwrap()).keepalive().unwrap());
    let requests = server.await.unwrap();
    let expected = [
        "GET /a?b HTTP/1.1",
        "Origin: https://page.example",
        "Sec-WebSocket-Protocol: v2, v1",
        "Authorization: Bearer secret",
        "X-Other: 1",
    ];
    for line in expected {
        assert!(requests[0].lines().any(|other| other == line), "{line} in {}", requests[0]);
    }

    // No address of the other family is tried.
    let options = options.local_address("::1".parse().unwrap());
    let error = connect_with(&format!("ws://127.0.0.1:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
}

/// W-005: an invalid request is reported before any connection is made.
#[tokio::test]
async fn a_request_that_cannot_be_sent_makes_no_connection() {
    let (listener, port) = listen().await;
    let uri = format!("ws://127.0.0.1:{port}/");
    for options in [
        ConnectOptions::new().header("X", "a\r\nY: b"),
        ConnectOptions::new().header("Host", "other"),
        ConnectOptions::new().subprotocols(["a", "a"]),
        ConnectOptions::new().origin("no origin"),
    ] {
        let error = connect_with(&uri, &options).await.unwrap_err();
        assert!(matches!(error, Error::RequestBuild(_)), "{error}");
    }
    let error = connect_with(&format!("{uri}#x"), &ConnectOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::Uri(_)), "{error}");
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "a connection was made");
}

const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";

/// Connects through a stub that answers CONNECT with these bytes and then acts as the server. Of
/// the server's first response, which is an interim one, this many bytes come in one write with
/// that answer. Returns everything else that the stub received.
async fn through_proxy(
    credentials: &str,
    answer: &str,
    after_len: usize,
) -> (Result<WebSocket<ClientStream, ClientRole>, Error>, String, String) {
    let (listener, port) = listen().await;
    let opens = answer.contains(" 200 ");
    let (after, rest) = INTERIM.split_at(after_len);
    let first = format!("{answer}{after}");
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let connect = read_request(&mut stream).await;
        stream.write_all(first.as_bytes()).await.unwrap();
        if opens {
            let request = read_request(&mut stream).await;
            let answer = rest.to_owned() + &switching(&request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            (connect, request)
        } else {
            // After a refusal nothing more comes.
            let mut received = String::new();
            let _ = stream.read_to_string(&mut received).await;
            (connect, received)
        }
    });
    let proxy_uri = format!("http://{credentials}127.0.0.1:{port}");
    let options = ConnectOptions::new().proxy(Proxy::parse(&proxy_uri).unwrap());
    let result = connect_with("ws://server.invalid:8080/chat", &options).await;
    let (connect, request) = proxy.await.unwrap();
    (result, connect, request)
}

/// W-007: the proxy gets the host by name; it is not looked up here.
#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel() {
    let (result, connect, request) =
        through_proxy("Aladdin:open%20sesame@", "HTTP/1.1 200 OK\r\n\r\n", 0).await;
    result.unwrap();
    assert_eq!(
        connect,
        "CONNECT server.invalid:8080 HTTP/1.1\r\nHost: server.invalid:8080\r\n\
         Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
    );
    assert!(request.starts_with("GET /chat HTTP/1.1\r\nHost: server.invalid:8080\r\n"));
    assert!(!has_header(&request, "Proxy-Authorization"), "{request}");
}

#[tokio::test]
async fn bytes_after_the_answer_of_the_proxy_are_not_lost() {
    for after_len in 0..=INTERIM.len() {
        let answer = "HTTP/1.1 200 OK\r\nVia: 1.1 stub\r\n\r\n";
        let (result, _, _) = through_proxy("", answer, after_len).await;
        assert!(result.is_ok(), "{after_len}: {result:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_apart_from_a_server() {
    for (status, answer) in [
        (407, "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nbody"),
        (502, "HTTP/1.0 502 Bad Gateway\r\n\r\n"),
        (302, "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1/\r\n\r\n"),
        (999, "HTTP/1.1 999 \r\n\r\n"),
    ] {
        let (result, connect, more) = through_proxy("", answer, 0).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Proxy { status: found, .. } if found == status), "{error}");
        assert!(!has_header(&connect, "Proxy-Authorization"), "{connect}");
        assert_eq!(more, "");
    }
    for answer in ["SOCKS\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n"] {
        let (result, _, more) = through_proxy("", answer, 0).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::ProxyResponse { .. }), "{error}");
        assert_eq!(more, "");
    }
}

/// By default a redirect is an answer as any other (W-023).
#[tokio::test]
async fn no_redirect_is_followed_unless_asked_for() {
    let (listener, port) = listen().await;
    let server = answer(listener, vec![redirect(301, "/elsewhere")]);
    let error = tidings_tokio::connect(&format!("ws://127.0.0.1:{port}/")).await.unwrap_err();
    let Error::Declined(declined) = error else { panic!("{error}") };
    assert_eq!(declined.status, 301);
    assert!(
        declined.headers.iter().any(|(name, value)| name == "Location" && value == b"/elsewhere")
    );
    server.await.unwrap();
}

/// W-023: the headers for each target, for each status.
#[tokio::test]
async fn credentials_stay_within_one_origin() {
    for status in [301, 302, 303, 307, 308] {
        let (near, near_port) = listen().await;
        let (far, far_port) = listen().await;
        // The same origin, then another port, then back.
        let near = answer(
            near,
            vec![
                redirect(status, "/second?x"),
                redirect(status, &format!("http://127.0.0.1:{far_port}/third")),
                String::new(),
            ],
        );
        let far = answer(far, vec![redirect(status, &format!("ws://127.0.0.1:{near_port}/back"))]);
        let options = ConnectOptions::new()
            .max_redirects(5)
            .origin("https://page.example")
            .subprotocols(["chat"])
            .header("Authorization", "secret")
            .header("Cookie", "secret")
            .header("X-Api-Key", "secret")
            .header("User-Agent", "tidings");
        let uri = format!("ws://127.0.0.1:{near_port}/first");
        connect_with(&uri, &options).await.unwrap();
        let (near, far) = (near.await.unwrap(), far.await.unwrap());
        for (request, path, trusted) in [
            (&near[0], "/first", true),
            (&near[1], "/second?x", true),
            (&far[0], "/third", false),
            // A dropped header does not come back.
            (&near[2], "/back", false),
        ] {
            assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
            for name in ["Authorization", "Cookie", "X-Api-Key"] {
                assert_eq!(has_header(request, name), trusted, "{status} {name}: {request}");
            }
            assert_eq!(request.contains("secret"), trusted, "{request}");
            assert!(has_header(request, "User-Agent"), "{request}");
            assert!(request.contains("Sec-WebSocket-Protocol: chat\r\n"), "{request}");
            let origin =
                if trusted { "Origin: https://page.example\r\n" } else { "Origin: null\r\n" };
            assert!(request.contains(origin), "{request}");
        }
        // A new key for each request.
        let keys: std::collections::HashSet<_> = near
            .iter()
            .chain(&far)
            .map(|request| {
                request.lines().find(|line| line.contains("-Key: ") && line.starts_with("Sec"))
            })
            .collect();
        assert_eq!(keys.len(), 4);
    }
}

#[tokio::test]
async fn the_sixth_redirect_fails() {
    let (listener, port) = listen().await;
    let server = answer(listener, vec![redirect(302, "/"); 6]);
    let options = ConnectOptions::new().max_redirects(5);
    let error = connect_with(&format!("ws://127.0.0.1:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Redirect(RedirectError::TooMany { max: 5 })), "{error}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_redirect_to_no_websocket_fails() {
    let (listener, port) = listen().await;
    let server = answer(listener, vec![redirect(302, "ftp://a/")]);
    let options = ConnectOptions::new().max_redirects(5);
    let error = connect_with(&format!("ws://127.0.0.1:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Redirect(RedirectError::Location(_))), "{error}");
    server.await.unwrap();
}

async fn declined(options: &ConnectOptions, port: u16) -> Box<tidings_tokio::client::Declined> {
    match connect_with(&format!("ws://127.0.0.1:{port}/"), options).await.unwrap_err() {
        Error::Declined(declined) => declined,
        other => panic!("{other}"),
    }
}

/// W-023: the body is read after the head, as far as its framing says.
#[tokio::test]
async fn the_body_of_a_declined_handshake_is_read_on() {
    for (head, body, expected) in [
        ("Content-Length: 12\r\n", "first second", "first second"),
        (
            "Transfer-Encoding: chunked\r\n",
            "5\r\nfirst\r\n7\r\n second\r\n0\r\n\r\n",
            "first second",
        ),
    ] {
        let (listener, port) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 401 Who?\r\n{head}\r\n");
            // Piece by piece, and the connection stays open.
            for piece in [head.as_bytes(), &body.as_bytes()[..7], &body.as_bytes()[7..]] {
                stream.write_all(piece).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stream
        });
        let declined = declined(&ConnectOptions::new(), port).await;
        assert_eq!((declined.status, &*declined.reason), (401, "Who?"));
        assert_eq!(String::from_utf8_lossy(&declined.body_start), expected);
        server.await.unwrap();
    }
}

/// It has no end: the client would wait for its timeout.
#[tokio::test]
async fn a_declined_handshake_is_complete_at_the_head_of_an_event_stream() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        stream.write_all(format!("{head}data: 1\n\n").as_bytes()).await.unwrap();
        stream
    });
    let options = ConnectOptions::new();
    let declined = tokio::time::timeout(Duration::from_secs(5), declined(&options, port)).await;
    assert_eq!(declined.unwrap().body_start, b"");
    server.await.unwrap();
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    for head in ["", "Content-Length: 1000000000\r\n"] {
        let (listener, port) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 503 Busy\r\n{head}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // Until the client has had enough.
            while stream.write_all(&[b'x'; 10_000]).await.is_ok() {}
        });
        let declined = declined(&ConnectOptions::new(), port).await;
        assert_eq!(declined.body_start, [b'x'; 64 * 1024]);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_beyond_the_deadline() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\npart";
        stream.write_all(head.as_bytes()).await.unwrap();
        // Holds the connection until the client gives it up.
        stream.read(&mut [0]).await
    });
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_millis(200);
    let start = Instant::now();
    let declined = declined(&ConnectOptions::new().config(config), port).await;
    assert_eq!(declined.body_start, b"part");
    let elapsed = start.elapsed();
    assert!(elapsed >= config.handshake_timeout && elapsed < Duration::from_secs(5), "{elapsed:?}");
    server.await.unwrap().unwrap();
}

/// W-008: one deadline for everything, and for every redirect together.
#[tokio::test]
async fn one_deadline_holds_for_all_steps() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            tokio::time::sleep(Duration::from_millis(120)).await;
            let _ = stream.write_all(redirect(302, "/").as_bytes()).await;
        }
    });
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_millis(300);
    let options = ConnectOptions::new().config(config).max_redirects(100);
    let uri = format!("ws://127.0.0.1:{port}/");
    let error = connect_with(&uri, &options).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    let phase = format!("the opening handshake with 127.0.0.1:{port}: timed out");
    assert!(error.to_string().starts_with(&phase), "{error}");

    // A proxy that says nothing.
    let (silent, silent_port) = listen().await;
    let proxy = Proxy::parse(&format!("127.0.0.1:{silent_port}")).unwrap();
    let error = connect_with(&uri, &options.proxy(proxy)).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "asking the proxy 127.0.0.1:{silent_port} for a tunnel: timed out 300ms after the attempt \
             began"
        )
    );
    drop(silent);
    server.abort();
}

/// A server that does not speak the protocol.
#[tokio::test]
async fn an_answer_that_breaks_the_rules_is_the_servers_fault() {
    let accept = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
    for bad in [
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_owned(),
        format!("HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accept}\r\n"),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
    ] {
        let (listener, port) = listen().await;
        let server = answer(listener, vec![bad]);
        let error = tidings_tokio::connect(&format!("ws://127.0.0.1:{port}/")).await.unwrap_err();
        let expected = matches!(
            error,
            Error::Response(
                ResponseError::AcceptMissing | ResponseError::Accept | ResponseError::Head(_)
            )
        );
        assert!(expected, "{error}");
        server.await.unwrap();
    }
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn without_rustls_wss_is_refused_before_any_byte() {
    let (listener, port) = listen().await;
    let error = tidings_tokio::connect(&format!("wss://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, Error::TlsUnsupported), "{error}");
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "a connection was made");
}
