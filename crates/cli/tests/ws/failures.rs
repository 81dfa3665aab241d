//! Connections that fail: the message says the cause, the place, and what helps.

use std::io::Read as _;
use std::net::TcpListener;

use tidings_tokio::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peer::{answer, echo, response, serve};
use crate::process::{Told, run};

/// A URL of a port that nobody listens on.
fn nobody() -> String {
    format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port())
}

fn assert_told(told: &Told, code: i32, parts: &[&str]) {
    assert_eq!(told.code, code, "{told:?}");
    for part in parts {
        assert!(told.stderr.contains(part), "{part:?} is not in {}", told.stderr);
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_named() {
    let host = nobody();
    let place = format!("connecting to {host}: Connection refused");
    let told = run(&["ws", &format!("ws://{host}/")]);
    assert_told(&told, 1, &[&place, "hint: nothing listens there"]);
    let told = run(&["sse", "--once", &format!("http://{host}/")]);
    assert_told(&told, 1, &[&place, "hint: nothing listens there"]);
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let told = run(&["ws", "ws://no-such-host.invalid/"]);
    assert_told(&told, 1, &["resolving no-such-host.invalid:80: ", "check the spelling"]);
    let told = run(&["ws", "ws://h/", "--connect-to", "no-such-host.invalid:1"]);
    assert_told(&told, 1, &["--connect-to: resolving no-such-host.invalid:1: "]);
}

#[test]
fn an_answer_in_http_is_shown_with_its_body_and_what_helps() {
    for (status, headers, body, hint) in [
        (
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"x\"\r\n",
            "who?",
            "Basic realm=\"x\": pass --user",
        ),
        ("403 Forbidden", "", "", "--origin"),
        ("403 Forbidden", "", "not this Origin", "403 Forbidden\nnot this Origin"),
        ("404 Not Found", "", "nothing here", "is the path right?"),
        ("407 Proxy Authentication Required", "", "pay first", "the variable that names it"),
        ("429 Too Many Requests", "Retry-After: 30\r\n", "slowly", "after 30 (Retry-After)"),
        (
            "302 Found",
            "Location: /new\r\n",
            "over there",
            "it redirects to /new: --location follows it",
        ),
        ("200 OK", "", "a page", "is the path right?"),
        ("400 Bad Request", "", "HTTP request to an HTTPS server", "write wss://"),
        (
            "426 Upgrade Required",
            "Sec-WebSocket-Version: 8\r\n",
            "no",
            "it speaks WebSocket version 8",
        ),
        ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n", "no", "the headers Upgrade and"),
    ] {
        let (port, _requests) = answer(&[&response(status, headers, body)]);
        let told = run(&["ws", &format!("ws://127.0.0.1:{port}/a?token=t")]);
        let place = format!("a WebSocket at ws://127.0.0.1:{port}/a, it answered {status}");
        assert_told(&told, 1, &[&place, hint, body]);
        assert!(!told.stderr.contains("token"), "{}", told.stderr);
    }
}

#[test]
fn a_long_page_for_browsers_is_cut() {
    let page: String = (0..100).map(|line| format!("<p>{line}\n")).collect();
    let (port, _requests) =
        answer(&[&response("404 Not Found", "Content-Type: text/html; charset=utf-8\r\n", &page)]);
    let told = run(&["ws", &format!("ws://127.0.0.1:{port}/")]);
    assert_told(&told, 1, &["<p>7\n", "… and 92 more lines of HTML"]);
    assert!(!told.stderr.contains("<p>8\n"), "{}", told.stderr);
}

#[test]
fn a_server_of_another_protocol_is_told_to_be_so() {
    let (port, _requests) = answer(&["SSH-2.0-OpenSSH_9.2\r\n"]);
    let url = format!("ws://127.0.0.1:{port}/");
    assert_told(&run(&["ws", &url]), 1, &[&url, "what answers there does not speak HTTP"]);
}

#[test]
fn a_url_of_another_scheme_is_corrected() {
    for (url, hint) in [
        ("http://h/a", "hint: write ws://h/a\n"),
        ("https://h/a", "hint: write wss://h/a\n"),
        ("h:1/a", "hint: write ws://h:1/a, or wss://h:1/a for TLS\n"),
    ] {
        assert_told(&run(&["ws", url]), 2, &[hint]);
    }
}

#[test]
fn a_subprotocol_that_the_server_does_not_choose_is_told() {
    let port = serve(echo);
    let url = format!("ws://127.0.0.1:{port}/");
    let told = run(&["ws", &url, "--subprotocol", "chess", "--linger", "0"]);
    assert_told(&told, 0, &["connected, without a subprotocol: the server chose none"]);
    let told = run(&["ws", &url, "--subprotocol", "chat", "--linger", "0"]);
    assert_told(&told, 0, &["connected, subprotocol chat\n"]);
}

#[test]
fn a_subprotocol_that_was_not_offered_is_told_with_the_way_to_see_it() {
    // The key is not known here, so another rule is broken too; RFC 6455, 4.1 does not order them.
    let (port, _requests) =
        answer(&["HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"]);
    let told = run(&["ws", &format!("ws://127.0.0.1:{port}/")]);
    assert_told(&told, 1, &["hint: --verbose shows the answer of the server"]);
}

#[test]
fn a_message_over_the_limit_names_the_option_and_is_taken_with_it() {
    let port = serve(|mut socket| async move {
        let _ = socket.send(Message::text("x".repeat(100))).await;
        while let Ok(Some(_)) = socket.recv().await {}
    });
    let url = format!("ws://127.0.0.1:{port}/");
    let told = run(&["ws", &url, "--max-message", "99"]);
    assert_told(&told, 3, &["100 bytes, the limit is 99", "hint: --max-message raises"]);
    // There was no Close, which is not what went wrong.
    assert!(!told.stderr.contains("closed:"), "{}", told.stderr);
    let told = run(&["ws", &url, "--max-message", "100", "--linger", "0.2"]);
    assert_eq!((told.code, told.stdout().len()), (0, 101), "{told:?}");
}

#[test]
fn a_frame_that_breaks_a_rule_has_no_hint_about_a_limit() {
    let port = serve(|socket| async move {
        // An opcode that does not exist.
        let mut stream = socket.into_inner();
        let _ = stream.write_all(b"\x83\x00").await;
        let _ = stream.read(&mut [0]).await;
    });
    let told = run(&["ws", &format!("ws://127.0.0.1:{port}/")]);
    assert_told(&told, 3, &["in the frame at byte 0: "]);
    assert!(!told.stderr.contains("--max-message"), "{}", told.stderr);
}

#[test]
fn a_server_that_closes_where_tls_begins_may_speak_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        listener.accept().map(|(mut stream, _)| stream.read(&mut [0; 4096]))
    });
    let told = run(&["ws", &format!("wss://127.0.0.1:{port}/")]);
    assert_told(&told, 1, &["hint: the server may not speak TLS on this port: write ws://\n"]);
}

#[test]
fn the_host_header_of_an_event_stream_has_another_way() {
    let told = run(&["sse", "http://127.0.0.1:9/", "-H", "Host: x"]);
    assert_told(&told, 2, &["the address to connect to after --connect-to"]);
}
