//! The client over real sockets: the requests for each host, and the result of each answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tidings_std::handshake::{Key, RedirectError, ResponseError};
use tidings_std::{
    CloseCode, Config, ConnectOptions, Error, accept, client::Proxy, connect, connect_with,
};

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Reads one head, which ends where the bytes end.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
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
    thread::spawn(move || {
        let (mut requests, mut streams) = (Vec::new(), Vec::new());
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            let answer = if answer.is_empty() { switching(&request) } else { answer };
            stream.write_all(answer.as_bytes()).unwrap();
            requests.push(request);
            streams.push(stream);
        }
        requests
    })
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} \r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn in_ms(handshake_timeout_ms: u64) -> Config {
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_millis(handshake_timeout_ms);
    config
}

#[test]
fn one_line_connects_to_a_name_or_an_address() {
    for host in ["127.0.0.1", "localhost"] {
        let (listener, port) = listen();
        let serving = thread::spawn(move || {
            let mut socket = accept(listener.accept()?.0, Config::server())?;
            while let Some(message) = socket.recv()? {
                socket.send(message)?;
            }
            Ok::<_, Error>(())
        });
        let mut socket = connect(&format!("ws://{host}:{port}/")).unwrap();
        assert!(socket.get_ref().tcp().nodelay().unwrap());
        assert!(SockRef::from(socket.get_ref().tcp()).keepalive().unwrap());
        socket.send("hello").unwrap();
        assert_eq!(socket.recv().unwrap(), Some("hello".into()));
        socket.close(CloseCode::NORMAL, "").unwrap();
        serving.join().unwrap().unwrap();
    }
}

/// W-008
#[test]
fn a_refused_connection_is_an_error_of_the_transport() {
    let (listener, port) = listen();
    drop(listener);
    let error = connect(&format!("ws://127.0.0.1:{port}/")).unwrap_err();
    let Error::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn what_the_options_say_is_in_the_request_and_on_the_socket() {
    let (listener, port) = listen();
    let server = answer(listener, vec![String::new()]);
    let options = ConnectOptions::new()
        .subprotocols(["v2", "v1"])
        .origin("https://page.example")
        .header("Authorization", "Bearer secret")
        .tcp_nodelay(false)
        .tcp_keepalive(None);
    assert!(!format!("{options:?}").contains("secret"));
    let socket = connect_with(&format!("ws://127.0.0.1:{port}/a?b"), &options).unwrap();
    assert!(!socket.get_ref().tcp().nodelay().unwrap());
    assert!(!SockRef::from(socket.get_ref().tcp()).keepalive().unwrap());
    let requests = server.join().unwrap();
    for line in [
        "GET /a?b HTTP/1.1",
        "Origin: https://page.example",
        "Sec-WebSocket-Protocol: v2, v1",
        "Authorization: Bearer secret",
    ] {
        assert!(requests[0].lines().any(|other| other == line), "{line} in {}", requests[0]);
    }

    // An option that the standard library cannot honour is not ignored silently.
    let options = options.local_address("127.0.0.1".parse().unwrap());
    match connect_with(&format!("ws://127.0.0.1:{port}/"), &options).unwrap_err() {
        Error::Io(error) => assert_eq!(error.kind(), std::io::ErrorKind::Unsupported),
        other => panic!("{other}"),
    }
}

/// W-007: the proxy gets the host by name; bytes after its answer are not lost.
#[test]
fn a_proxy_is_asked_for_a_tunnel() {
    const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
    for after_len in [0, 1, 10, INTERIM.len()] {
        let (listener, port) = listen();
        let proxy = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let connect = read_request(&mut stream);
            let (after, rest) = INTERIM.split_at(after_len);
            let answer = format!("HTTP/1.1 200 OK\r\nVia: 1.1 stub\r\n\r\n{after}");
            stream.write_all(answer.as_bytes()).unwrap();
            let request = read_request(&mut stream);
            let answer = rest.to_owned() + &switching(&request);
            stream.write_all(answer.as_bytes()).unwrap();
            (connect, request)
        });
        let proxy_uri = format!("http://Aladdin:open%20sesame@127.0.0.1:{port}");
        let options = ConnectOptions::new().proxy(Proxy::parse(&proxy_uri).unwrap());
        connect_with("ws://server.invalid:8080/chat", &options).unwrap();
        let (connect, request) = proxy.join().unwrap();
        assert_eq!(
            connect,
            "CONNECT server.invalid:8080 HTTP/1.1\r\nHost: server.invalid:8080\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
        assert!(request.starts_with("GET /chat HTTP/1.1\r\nHost: server.invalid:8080\r\n"));
        assert!(!request.contains("Proxy-Authorization"), "{request}");
    }
}

#[test]
fn a_proxy_that_refuses_is_told_apart_from_a_server() {
    for (answer_text, is_proxy_status) in
        [("HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", true), ("SOCKS\r\n\r\n", false)]
    {
        let (listener, port) = listen();
        let proxy = answer(listener, vec![answer_text.to_owned()]);
        let options =
            ConnectOptions::new().proxy(Proxy::parse(&format!("127.0.0.1:{port}")).unwrap());
        match connect_with("ws://server.invalid/", &options).unwrap_err() {
            Error::Proxy { status: 407, .. } => assert!(is_proxy_status),
            Error::ProxyResponse { .. } => assert!(!is_proxy_status),
            other => panic!("{other}"),
        }
        proxy.join().unwrap();
    }
}

/// W-023: redirects are followed where asked for, without credentials to another origin.
#[test]
fn credentials_stay_within_one_origin() {
    let (near, near_port) = listen();
    let (far, far_port) = listen();
    let elsewhere = format!("http://127.0.0.1:{far_port}/third");
    let near = answer(near, vec![redirect(302, "/second"), redirect(307, &elsewhere)]);
    let far = answer(far, vec![String::new()]);
    let options = ConnectOptions::new().max_redirects(5).header("Authorization", "secret");
    connect_with(&format!("ws://127.0.0.1:{near_port}/first"), &options).unwrap();
    let (near, far) = (near.join().unwrap(), far.join().unwrap());
    for (request, path, trusted) in
        [(&near[0], "/first", true), (&near[1], "/second", true), (&far[0], "/third", false)]
    {
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        assert_eq!(request.contains("secret"), trusted, "{request}");
    }

    let (listener, port) = listen();
    let server = answer(listener, vec![redirect(302, "/"); 3]);
    let uri = format!("ws://127.0.0.1:{port}/");
    let error = connect_with(&uri, &ConnectOptions::new().max_redirects(2)).unwrap_err();
    assert!(matches!(error, Error::Redirect(RedirectError::TooMany { max: 2 })), "{error}");
    server.join().unwrap();
}

/// W-023: the body is read after the head, as far as its framing says or the time allows.
#[test]
fn the_body_of_a_declined_handshake_is_read_on() {
    for (content_len, expected) in [(12, "first second"), (13, "first second")] {
        let (listener, port) = listen();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            let head = format!("HTTP/1.1 401 Who?\r\nContent-Length: {content_len}\r\n\r\n");
            for piece in [&head, "first", " second"] {
                stream.write_all(piece.as_bytes()).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
            stream
        });
        let options = ConnectOptions::new().config(in_ms(400));
        let error = connect_with(&format!("ws://127.0.0.1:{port}/"), &options).unwrap_err();
        let Error::Declined(declined) = error else { panic!("{error}") };
        assert_eq!((declined.status, &*declined.reason), (401, "Who?"));
        assert_eq!(String::from_utf8_lossy(&declined.body_start), expected);
        drop(serving.join().unwrap());
    }
}

/// It has no end: whoever has the wrong path would wait for the timeout to learn so.
#[test]
fn a_declined_handshake_is_complete_at_the_head_of_an_event_stream() {
    let (listener, port) = listen();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            .unwrap();
        stream
    });
    let begun = Instant::now();
    let options = ConnectOptions::new().config(in_ms(10_000));
    let error = connect_with(&format!("ws://127.0.0.1:{port}/"), &options).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{error}");
    let Error::Declined(declined) = error else { panic!("{error}") };
    assert_eq!((declined.status, &*declined.body_start), (200, &b""[..]));
    drop(serving.join().unwrap());
}

/// W-008: one deadline for everything, and for every redirect together.
#[test]
fn one_deadline_holds_for_all_steps() {
    let (listener, port) = listen();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            read_request(&mut stream);
            thread::sleep(Duration::from_millis(120));
            let _ = stream.write_all(redirect(302, "/").as_bytes());
        }
    });
    let options = ConnectOptions::new().config(in_ms(300)).max_redirects(100);
    let uri = format!("ws://127.0.0.1:{port}/");
    let begun = Instant::now();
    let error = connect_with(&uri, &options).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    let phase = format!("the opening handshake with 127.0.0.1:{port}: timed out");
    assert!(error.to_string().starts_with(&phase), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(300));

    // A proxy that says nothing.
    let (_silent, silent_port) = listen();
    let proxy = Proxy::parse(&format!("127.0.0.1:{silent_port}")).unwrap();
    let error = connect_with(&uri, &options.proxy(proxy)).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "asking the proxy 127.0.0.1:{silent_port} for a tunnel: timed out 300ms after the attempt \
             began"
        )
    );
}

/// A server that does not speak the protocol.
#[test]
fn an_answer_that_breaks_the_rules_is_the_servers_fault() {
    let upgrade = "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for bad in [
        format!("{upgrade}\r\n"),
        format!("{upgrade}Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
    ] {
        let (listener, port) = listen();
        let server = answer(listener, vec![bad]);
        let error = connect(&format!("ws://127.0.0.1:{port}/")).unwrap_err();
        let expected = matches!(
            error,
            Error::Response(
                ResponseError::AcceptMissing | ResponseError::Accept | ResponseError::Head(_)
            )
        );
        assert!(expected, "{error}");
        server.join().unwrap();
    }
}

#[test]
fn a_unix_socket_is_refused_by_name() {
    let options = ConnectOptions::new().unix_socket("/run/a.sock");
    let error = connect_with("ws://localhost/", &options).unwrap_err();
    let Error::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("/run/a.sock"), "{error}");
}

#[cfg(not(feature = "rustls"))]
#[test]
fn without_rustls_wss_is_refused_before_any_byte() {
    let (listener, port) = listen();
    let error = connect(&format!("wss://127.0.0.1:{port}/")).unwrap_err();
    assert!(matches!(error, Error::TlsUnsupported), "{error}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a connection was made");
}
