//! Requests of browsers and programs, split at every position and byte by byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of tests")]

use tidings_handshake::{
    HeadScanner, HeaderSlots, Limits, MissingOrigin, OriginPolicy, Progress, ServerRequest,
};

struct Client {
    name: &'static str,
    head: &'static str,
    secure: bool,
    path: &'static str,
    host: &'static str,
    origin: Option<&'static str>,
    subprotocols: &'static [&'static str],
    extensions: &'static [&'static str],
    accept: &'static str,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "RFC 6455, 1.2",
        head: "GET /chat HTTP/1.1\r\n\
            Host: server.example.com\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Origin: http://server.example.com\r\n\
            Sec-WebSocket-Protocol: chat, superchat\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n",
        secure: false,
        path: "/chat",
        host: "server.example.com",
        origin: Some("http://server.example.com"),
        subprotocols: &["chat", "superchat"],
        extensions: &[],
        accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    },
    Client {
        name: "Firefox",
        head: "GET /ws HTTP/1.1\r\n\
            Host: localhost:8080\r\n\
            User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
            Accept: */*\r\n\
            Accept-Language: en-US,en;q=0.5\r\n\
            Accept-Encoding: gzip, deflate, br, zstd\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Origin: http://localhost:8080\r\n\
            Sec-WebSocket-Extensions: permessage-deflate\r\n\
            Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\
            Connection: keep-alive, Upgrade\r\n\
            Sec-Fetch-Dest: empty\r\n\
            Sec-Fetch-Mode: websocket\r\n\
            Sec-Fetch-Site: same-origin\r\n\
            Pragma: no-cache\r\n\
            Cache-Control: no-cache\r\n\
            Upgrade: websocket\r\n\r\n",
        secure: false,
        path: "/ws",
        host: "localhost:8080",
        origin: Some("http://localhost:8080"),
        subprotocols: &[],
        extensions: &["permessage-deflate"],
        accept: "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
    },
    Client {
        name: "Chromium",
        head: "GET /live?room=1 HTTP/1.1\r\n\
            Host: app.example.com\r\n\
            Connection: Upgrade\r\n\
            Pragma: no-cache\r\n\
            Cache-Control: no-cache\r\n\
            User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
            Chrome/140.0.0.0 Safari/537.36\r\n\
            Upgrade: websocket\r\n\
            Origin: https://app.example.com\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Accept-Encoding: gzip, deflate, br, zstd\r\n\
            Accept-Language: en-US,en;q=0.9\r\n\
            Cookie: session=0123456789abcdef; theme=dark\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
            Sec-WebSocket-Protocol: graphql-transport-ws, graphql-ws\r\n\r\n",
        secure: true,
        path: "/live",
        host: "app.example.com",
        origin: Some("https://app.example.com"),
        subprotocols: &["graphql-transport-ws", "graphql-ws"],
        extensions: &["permessage-deflate"],
        accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    },
    Client {
        name: "curl",
        head: "GET /echo HTTP/1.1\r\n\
            Host: 127.0.0.1:9001\r\n\
            User-Agent: curl/8.11.0\r\n\
            Accept: */*\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
        secure: false,
        path: "/echo",
        host: "127.0.0.1:9001",
        origin: None,
        subprotocols: &[],
        extensions: &[],
        accept: "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
    },
    Client {
        name: "ws on Node",
        head: "GET / HTTP/1.1\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\
            Connection: Upgrade\r\n\
            Upgrade: websocket\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
            Sec-WebSocket-Protocol: mqtt,mqttv3.1\r\n\
            Host: [::1]:9001\r\n\r\n",
        secure: false,
        path: "/",
        host: "[::1]:9001",
        origin: None,
        subprotocols: &["mqtt", "mqttv3.1"],
        extensions: &["permessage-deflate"],
        accept: "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
    },
    Client {
        name: "a proxy that lower-cases names and splits lists",
        head: "GET /chat HTTP/1.1\r\n\
            host:server.example.com\r\n\
            x-forwarded-for: 203.0.113.7, 10.0.0.1\r\n\
            connection:keep-alive\r\n\
            connection:upgrade\r\n\
            upgrade:WebSocket\r\n\
            sec-websocket-protocol:chat\r\n\
            sec-websocket-protocol:superchat\r\n\
            sec-websocket-extensions:permessage-deflate; client_max_window_bits=\"15\"\r\n\
            sec-websocket-extensions:permessage-deflate\r\n\
            sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\n\
            sec-websocket-version:13\r\n\
            content-length: 0\r\n\r\n",
        secure: true,
        path: "/chat",
        host: "server.example.com",
        origin: None,
        subprotocols: &["chat", "superchat"],
        extensions: &["permessage-deflate", "permessage-deflate"],
        accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    },
];

/// Checks that the request says what the client meant.
fn check(client: &Client, request: &ServerRequest<'_>) {
    let name = client.name;
    assert_eq!(request.path(), client.path, "{name}");
    assert_eq!(request.host().to_string(), client.host, "{name}");
    assert_eq!(request.origin(), client.origin, "{name}");
    assert!(request.subprotocols().eq(client.subprotocols.iter().copied()), "{name}");
    let extensions = request.extensions().map(|extension| extension.name());
    assert!(extensions.eq(client.extensions.iter().copied()), "{name}");
    assert_eq!(request.head_len(), client.head.len(), "{name}");
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
    assert_eq!(request.check_origin(&policy, client.secure), Ok(()), "{name}");
    let mut out = [0; 256];
    let len = request.accept().encode(&mut out).unwrap();
    let line = format!("\r\nSec-WebSocket-Accept: {}\r\n\r\n", client.accept);
    assert!(out[..len].ends_with(line.as_bytes()), "{name}");
}

/// W-030, W-035, W-049, W-052, W-055
#[test]
fn each_is_accepted_at_every_cut_with_its_first_frames_left_over() {
    for client in CLIENTS {
        let frames = b"\x81\x80\x00\x00\x00\x00\r\n\r\n";
        let stream = [client.head.as_bytes(), frames].concat();
        for cut in 0..=stream.len() {
            let mut scanner = HeadScanner::request(Limits::server());
            let first = scanner.scan(&stream[..cut]).unwrap();
            assert_eq!(first == Progress::Partial, cut < client.head.len(), "{}", client.name);
            let Ok(Progress::Complete(head)) = scanner.scan(&stream) else { panic!() };
            let mut slots = HeaderSlots::<32>::new();
            let request = ServerRequest::parse(head, &mut slots).unwrap();
            check(client, &request);
            assert_eq!(&stream[request.head_len()..], frames);
        }
    }
}

#[test]
fn each_is_accepted_byte_by_byte() {
    for client in CLIENTS {
        let mut scanner = HeadScanner::request(Limits::server());
        let mut buffer = Vec::new();
        for byte in client.head.bytes() {
            assert_eq!(scanner.scan(&buffer), Ok(Progress::Partial));
            buffer.push(byte);
        }
        let Ok(Progress::Complete(head)) = scanner.scan(&buffer) else { panic!() };
        let mut slots = HeaderSlots::<32>::new();
        check(client, &ServerRequest::parse(head, &mut slots).unwrap());
    }
}

/// With any line gone, the rest is accepted or refused with a 4xx.
#[test]
fn any_line_can_be_missing_or_doubled() {
    for client in CLIENTS {
        let lines: Vec<_> = client.head.trim_end().split("\r\n").collect();
        for index in 1..lines.len() {
            let mut gone = lines.clone();
            gone.remove(index);
            let mut doubled = lines.clone();
            doubled.insert(index, lines[index]);
            for lines in [gone, doubled] {
                let head = lines.join("\r\n") + "\r\n\r\n";
                let mut scanner = HeadScanner::request(Limits::server());
                let Ok(Progress::Complete(head)) = scanner.scan(head.as_bytes()) else { panic!() };
                let mut slots = HeaderSlots::<32>::new();
                if let Err(error) = ServerRequest::parse(head, &mut slots) {
                    assert!((400..500).contains(&error.status()), "{}: {error}", client.name);
                }
            }
        }
    }
}
