//! Mistakes that are made at first: the command says what to write instead.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{answer, response};
use crate::process::{Told, run};

fn assert_told(told: &Told, code: i32, parts: &[&str]) {
    assert_eq!(told.code, code, "{told:?}");
    for part in parts {
        assert!(told.stderr.contains(part), "{part:?} is not in {}", told.stderr);
    }
}

/// An event stream that does not end.
fn event_stream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
        let _ = stream.write_all(format!("{head}data: 1\n\n").as_bytes());
        // Until the client is gone.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    port
}

#[test]
fn an_event_stream_is_told_at_once_with_the_command_for_it() {
    let host = format!("127.0.0.1:{}", event_stream());
    let begun = Instant::now();
    let told = run(&["ws", &format!("ws://{host}/events?token=t")]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{told:?}");
    let expected = format!(
        "tidings: the server did not open a WebSocket at ws://{host}/events, it answered 200 OK with an \
         event stream\nhint: tidings sse http://{host}/events\n"
    );
    assert_eq!((told.code, told.stderr), (1, expected));
}

#[test]
fn a_websocket_is_told_by_sse_with_the_command_for_it() {
    for (status, headers, body, is_websocket) in [
        ("426 Upgrade Required", "Upgrade: websocket\r\n", "", true),
        ("426 Upgrade Required", "", "", true),
        ("400 Bad Request", "", "the header Upgrade is missing", true),
        ("400 Bad Request", "Upgrade: websocket\r\n", "", true),
        ("400 Bad Request", "", "no such model", false),
    ] {
        let (port, _requests) = answer(&[&response(status, headers, body)]);
        let told = run(&["sse", &format!("http://127.0.0.1:{port}/chat?token=t")]);
        let hint = format!("hint: this is a WebSocket: tidings ws ws://127.0.0.1:{port}/chat\n");
        assert_eq!((told.code, told.stderr.contains(&hint)), (1, is_websocket), "{told:?}");
    }
}

#[test]
fn a_url_of_another_scheme_is_corrected_by_sse() {
    for (url, shown, hint) in [
        ("h:1/a", "h:1/a", "write http://h:1/a, or https://h:1/a for TLS"),
        ("127.0.0.1:1/a?b=c", "127.0.0.1:1/a", "write http://127.0.0.1:1/a, or https://"),
        ("ws://h/a", "ws://h/a", "write http://h/a, or tidings ws for a WebSocket\n"),
        ("WSS://h/a", "WSS://h/a", "write https://h/a, or tidings ws for a WebSocket\n"),
        (
            "ftp://h/a",
            "ftp://h/a",
            "an event stream has a URL such as http://127.0.0.1:8080/events\n",
        ),
        ("ws+unix:/s:/a", "ws://localhost/a", "write http://localhost/a --unix /s\n"),
    ] {
        let what = format!("tidings: {shown}: the URL does not begin with http:// or https://\n");
        assert_told(&run(&["sse", url]), 2, &[&format!("{what}hint: {hint}")]);
    }
}

/// `@` has no meaning after the host.
#[test]
fn a_path_with_an_at_sign_is_shown_and_connected_to() {
    let (port, _requests) = answer(&[&response("426 Upgrade Required", "", "")]);
    let told = run(&["sse", &format!("http://127.0.0.1:{port}/@u/ev")]);
    let hint = format!("hint: this is a WebSocket: tidings ws ws://127.0.0.1:{port}/@u/ev\n");
    assert_told(&told, 1, &[&hint]);
    let host = format!("127.0.0.1:{}", event_stream());
    let told = run(&["ws", &format!("ws://{host}/@u/ev")]);
    let place = format!("a WebSocket at ws://{host}/@u/ev,");
    let hint = format!("hint: tidings sse http://{host}/@u/ev\n");
    assert_told(&told, 1, &[&place, &hint]);
}

#[test]
fn an_error_names_the_header_or_subprotocol_that_cannot_be_sent() {
    for (arguments, error) in [
        (
            &["-H", "A: b", "-H", "Upgrade: x"][..],
            "--header Upgrade: the WebSocket handshake sets this header itself\n",
        ),
        (&["-H", "A: b\u{1}"], "--header A: the value has a control character at offset 1\n"),
        (&["-H", "Host: a", "-H", "host: b"], "--header host: a request has one host\n"),
        (&["-H", "Host: a b"], "--header Host: "),
        (&["-H", "Origin: a"], "--header Origin: "),
        (&["--origin", "a"], "--origin a: "),
        (
            &["--subprotocol", "a,b"],
            "--subprotocol 'a,b': a name has no comma or space; give the option once for each\n",
        ),
        (&["--subprotocol", "a", "--subprotocol", "a"], "--subprotocol a is there twice\n"),
    ] {
        assert_told(&run(&[&["ws", "ws://127.0.0.1:9/"], arguments].concat()), 2, &[error]);
    }
}

#[test]
fn sse_shortens_a_page_and_says_what_helps() {
    let page: String = (0..100).map(|line| format!("<p>{line}\n")).collect();
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let basic = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let basic_hint = "hint: it asks for Basic realm=\"x\": pass --user USER:PASSWORD or --header";
    for (status, headers, hint) in [
        ("200 OK", html.to_owned(), "hint: is the path right?\n"),
        ("404 Not Found", html.to_owned(), "hint: is the path right?\n"),
        ("401 Unauthorized", format!("{html}{basic}"), basic_hint),
    ] {
        let (port, _requests) = answer(&[&response(status, &headers, &page)]);
        let told = run(&["sse", &format!("http://127.0.0.1:{port}/")]);
        assert_told(&told, 1, &[hint, "<p>7\n… and 92 more lines of HTML\n"]);
        assert!(!told.stderr.contains("<p>8\n"), "{}", told.stderr);
    }
}

#[test]
fn a_time_limit_of_nothing_is_refused() {
    for arguments in [
        &["ws", "ws://127.0.0.1:9/", "-1", "--timeout", "0"][..],
        &["sse", "http://127.0.0.1:9/", "--idle-timeout", "0"],
        &["sse", "http://127.0.0.1:9/", "--response-timeout", "0.0"],
    ] {
        assert_told(&run(arguments), 2, &["a time is more than 0 seconds"]);
    }
}

#[test]
fn a_time_is_a_number_and_an_ipv6_address_has_brackets() {
    for (arguments, error) in [
        (
            &["ws", "ws://127.0.0.1:9/", "-1", "--timeout", "nan"][..],
            "a time is a number of seconds",
        ),
        (&["ws", "--listen", "::1"], "write [::1]:PORT for this IPv6 address"),
        (&["ws", "--listen", "unix:"], "a Unix socket is written unix:PATH"),
    ] {
        assert_told(&run(arguments), 2, &[error]);
    }
    let stream = ["sse", "http://127.0.0.1:9/"];
    for (arguments, error) in [
        (["--last-event-id", " a"], "--last-event-id: a header has no control characters"),
        (["--last-event-id", "\u{1}"], "--last-event-id: a header has no control characters"),
        (["-H", "Last-Event-ID: 6"], "write its value after --last-event-id"),
    ] {
        assert_told(&run(&[stream, arguments].concat()), 2, &[error]);
    }
    let told = run(&["ws", "ws+unix:/s:/", "--connect-to", "127.0.0.1:9"]);
    assert_told(&told, 2, &["--connect-to: the URL names a Unix socket already"]);
    for url in [":7001/x", ""] {
        assert_told(&run(&["ws", url]), 2, &["hint: a WebSocket has a URL such as"]);
    }
}

#[test]
fn an_error_about_a_file_names_its_option() {
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/server.pem");
    let ws = ["ws", "ws://127.0.0.1:9/"];
    for (arguments, option) in [
        ([&ws[..], &["--ca", "nofile"]].concat(), "--ca nofile"),
        ([&ws[..], &["--cert", "nofile", "--key", "nokey"]].concat(), "--cert nofile"),
        ([&ws[..], &["--cert", certificate, "--key", "nokey"]].concat(), "--key nokey"),
        ([&ws[..], &["--binary-file", "nofile"]].concat(), "--binary-file nofile"),
        (vec!["sse", "http://127.0.0.1:9/", "--data", "@nofile"], "--data @nofile"),
    ] {
        let told = run(&arguments);
        let expected = format!("tidings: {option}: No such file or directory (os error 2)\n");
        assert_eq!((told.code, told.stderr), (2, expected));
    }
}

#[test]
fn an_address_to_listen_on_that_cannot_be_used_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let told = run(&["ws", "--listen", &port]);
    assert_told(&told, 1, &["hint: another program listens there; choose another port\n"]);
    for command in ["ws", "demo"] {
        let told = run(&[command, "--listen", "99999"]);
        assert_told(&told, 2, &["a port is 0 to 65535"]);
        let told = run(&[command, "--listen", "here"]);
        assert_told(&told, 2, &["an address is written PORT", "HOST:PORT"]);
    }
}

#[test]
fn options_that_need_others_say_so() {
    let told = run(&["ws"]);
    assert_told(
        &told,
        2,
        &["neither a URL nor --listen\nhint: tidings ws ws://127.0.0.1:8080/chat"],
    );
    let told = run(&["ws", "ws://127.0.0.1:9/", "--allow-origin", "https://a.example"]);
    assert_told(&told, 2, &["--allow-origin needs --listen\nhint: --origin sends"]);
}

#[test]
fn a_directory_for_the_manual_that_does_not_exist_is_to_be_made_first() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nowhere/man");
    assert!(fs::metadata(&directory).is_err());
    let directory = directory.to_str().unwrap();
    let hint = format!("hint: make the directory first: mkdir -p {directory}\n");
    assert_told(&run(&["man", directory]), 2, &[&hint]);
}
