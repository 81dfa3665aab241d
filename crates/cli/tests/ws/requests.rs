//! The requests that the options make: headers, credentials, redirects, Unix sockets, and what
//! `--verbose` shows of them.

use crate::peer::{answer, echo, response, serve};
use crate::process::run;

/// The request to a server that declines it, by these arguments after the URL.
fn request(url: impl Fn(u16) -> String, arguments: &[&str]) -> (String, String) {
    let (port, requests) = answer(&[&response("404 Not Found", "", "")]);
    let url = url(port);
    let command = if url.starts_with("ws") { "ws" } else { "sse" };
    let told = run(&[&[command, &*url], arguments].concat());
    assert_eq!(told.code, 1, "{told:?}");
    (requests.recv().unwrap(), told.stderr)
}

/// Has the value of this header been sent?
fn has(request: &str, name: &str, value: &str) -> bool {
    request.lines().any(|line| {
        line.split_once(": ")
            .is_some_and(|(other, sent)| other.eq_ignore_ascii_case(name) && sent == value)
    })
}

const URLS: [fn(u16) -> String; 2] =
    [|port| format!("ws://127.0.0.1:{port}/"), |port| format!("http://127.0.0.1:{port}/")];

/// RFC 7617, 2.
#[test]
fn credentials_are_sent_and_never_printed() {
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    for url in URLS {
        let (request, stderr) = request(url, &["-u", "Aladdin:open sesame", "-vv"]);
        assert!(has(&request, "authorization", basic), "{request}");
        assert!(stderr.to_ascii_lowercase().contains("authorization: basic [hidden]"), "{stderr}");
        assert!(!stderr.contains("QWxh") && !stderr.contains("sesame"), "{stderr}");
    }
    for scheme in ["ws", "http"] {
        let url = |port| format!("{scheme}://Aladdin:open%20sesame@127.0.0.1:{port}/");
        let (request, stderr) = request(url, &["-v"]);
        assert!(has(&request, "authorization", basic), "{request}");
        assert!(!stderr.contains("sesame") && !stderr.contains("Aladdin"), "{stderr}");
    }
}

#[test]
fn a_password_in_a_url_that_is_wrong_is_not_printed() {
    for url in ["ws://u:s3c/ret@h/", "u:s3cret@h", "ws://u:s3c%zzret@h/", "http://u:s3cret@h:x/"] {
        for command in ["ws", "sse"] {
            let told = run(&[command, url]);
            assert_eq!(told.code, 2, "{told:?}");
            assert!(!told.stderr.contains("s3c"), "{url}: {}", told.stderr);
        }
    }
}

#[test]
fn an_authorization_header_takes_precedence_over_credentials() {
    for url in URLS {
        let arguments = ["-u", "a:b", "-H", "Authorization: Bearer t"];
        let (request, _) = request(url, &arguments);
        assert!(has(&request, "authorization", "Bearer t"), "{request}");
        assert!(!request.contains("Basic"), "{request}");
    }
}

#[test]
fn headers_that_have_options_can_be_given_as_headers() {
    let url = |port| format!("ws://127.0.0.1:{port}/");
    let headers = [
        "-H",
        "Host: a.example",
        "-H",
        "Origin: https://b.example",
        "-H",
        "Sec-WebSocket-Protocol: c, d",
    ];
    let (request, _) = request(url, &headers);
    for (name, value) in
        [("host", "a.example"), ("origin", "https://b.example"), ("sec-websocket-protocol", "c, d")]
    {
        assert!(has(&request, name, value), "{request}");
        assert_eq!(request.to_ascii_lowercase().matches(&format!("{name}: ")).count(), 1);
    }
}

#[test]
fn verbose_shows_both_heads_without_secrets() {
    let port = serve(echo);
    let url = format!("ws://127.0.0.1:{port}/a?access_token=s3cret&room=7");
    let headers = ["-H", "Cookie: id=s3cret", "-H", "X-Api-Key: s3cret"];
    let told = run(&[&["ws", &*url, "-v", "--linger", "0"], &headers[..]].concat());
    assert_eq!(told.code, 0, "{told:?}");
    for line in [
        "> GET /a?access_token=[hidden]&room=7 HTTP/1.1\n",
        "> Cookie: [hidden]\n",
        "> X-Api-Key: [hidden]\n",
        "< HTTP/1.1 101 Switching Protocols\n",
    ] {
        assert!(told.stderr.contains(line), "{line}: {}", told.stderr);
    }
    assert!(!told.stderr.contains("s3cret"), "{}", told.stderr);
    let told = run(&["ws", &url, "--linger", "0"]);
    assert!(!told.stderr.contains("HTTP"), "{}", told.stderr);
}

#[test]
fn a_redirect_is_followed_when_asked_and_gets_no_credentials_elsewhere() {
    let (other, other_requests) = answer(&[&response("404 Not Found", "", "")]);
    let elsewhere = format!("Location: ws://127.0.0.1:{other}/b\r\n");
    let (port, requests) = answer(&[
        &response("307 Temporary Redirect", "Location: /a\r\n", ""),
        &response("302 Found", &elsewhere, ""),
    ]);
    let url = format!("ws://u:p@127.0.0.1:{port}/");
    let told = run(&["ws", "-L", &url, "-H", "Cookie: c"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("404"), "{}", told.stderr);
    let (_, second) = (requests.recv().unwrap(), requests.recv().unwrap());
    assert!(
        second.starts_with("GET /a ") && has(&second, "authorization", "Basic dTpw"),
        "{second}"
    );
    let third = other_requests.recv().unwrap();
    assert!(third.starts_with("GET /b "), "{third}");
    assert!(!third.contains("Authorization") && !third.contains("Cookie"), "{third}");
}

#[test]
fn redirects_are_limited() {
    let again = response("302 Found", "Location: /\r\n", "");
    let (port, requests) = answer(&vec![&*again; 20]);
    let told = run(&["ws", "-L", &format!("ws://127.0.0.1:{port}/")]);
    assert_ne!(told.code, 0);
    assert!(told.stderr.contains("redirects once more after 10 redirects"), "{}", told.stderr);
    assert_eq!(requests.try_iter().count(), 11);
}

#[test]
fn connect_to_takes_a_name_and_needs_a_port() {
    let url = |_| "http://other.invalid/".to_owned();
    let (port, requests) = answer(&[&response("404 Not Found", "", "")]);
    let told = run(&["sse", &url(0), "--connect-to", &format!("localhost:{port}")]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(has(&requests.recv().unwrap(), "host", "other.invalid"));
    for address in ["localhost", "::1", ":80", "localhost:99999"] {
        let told = run(&["ws", "ws://h/", "--connect-to", address]);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.stderr.contains("write HOST:PORT"), "{}", told.stderr);
    }
}

#[test]
fn an_event_stream_comes_over_a_unix_socket() {
    use std::io::{Read as _, Write as _};

    let path = std::env::temp_dir().join(format!("tidings-cli-sse-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let len = stream.read(&mut head).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n";
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&head[..len]).into_owned()
    });
    let told = run(&["sse", "--once", "--unix", path.to_str().unwrap(), "http://h.example/e"]);
    assert_eq!((told.code, told.stdout()), (0, "data: a\n\n"), "{told:?}");
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /e ") && has(&request, "host", "h.example"), "{request}");
    std::fs::remove_file(&path).unwrap();
    let told = run(&["ws", &format!("ws+unix:{}:/chat", path.display())]);
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains(&format!("the Unix socket {}", path.display())),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("hint: there is no such file"), "{}", told.stderr);
}
