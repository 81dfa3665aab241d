//! The output of `tidings ws` and `tidings sse` for scripts, and exit codes that can be trusted.
//! Each command is a separate process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tidings_tokio::{CloseCode, Config, Message, accept};

fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).env_remove("http_proxy").env_remove("all_proxy");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    told(&tidings(arguments).output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

const OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// A server that gives these answers, each on a separate connection; the receiver counts them.
fn serve(answers: Vec<String>) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            asked.send(()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, requests)
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

#[test]
fn wrong_arguments_exit_with_2() {
    let (missing, bad) = ("/nowhere/at/all.pem", "/dev/null");
    for arguments in [
        &["ws"][..],
        &["ws", "http://127.0.0.1/"],
        &["ws", "no url"],
        &["ws", "ws://127.0.0.1:9/", "--linger", "-1"],
        &["ws", "ws://127.0.0.1:9/", "--linger", "soon"],
        &["ws", "ws://127.0.0.1:9/", "--header", "no colon"],
        &["ws", "ws://127.0.0.1:9/", "--header", "a b: c"],
        &["ws", "ws://127.0.0.1:9/", "--ca", missing],
        &["ws", "ws://127.0.0.1:9/", "--ca", bad],
        &["sse", "ws://127.0.0.1/"],
        &["ws", "no url", "--connect-to", "127.0.0.1:1"],
        &["sse", "no url"],
        &["sse", "no url", "--connect-to", "127.0.0.1:1"],
        &["sse", "http://", "--connect-to", "127.0.0.1:1"],
        &["sse", "http://127.0.0.1:9/", "--attempts", "0"],
        &["sse", "http://127.0.0.1:9/", "--idle-timeout", "-1"],
        &["sse", "http://127.0.0.1:9/", "--response-timeout", "x"],
        &["sse", "http://127.0.0.1:9/", "--data", "@/nowhere/at/all"],
        &["sse", "http://127.0.0.1:9/", "--header", "Host: x"],
        &["sse", "http://127.0.0.1:9/", "--last-event-id", "a\nb"],
        &["demo", "--listen", "here"],
    ] {
        let (code, _, stderr) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
    }
    for arguments in [&["ws", "ws://127.0.0.2:9/"][..], &["sse", "http://127.0.0.2:9/", "--once"]] {
        let mut command = tidings(arguments);
        command.env("http_proxy", "ht!tp://x").env("all_proxy", "ht!tp://x").env_remove("no_proxy");
        let (code, _, stderr) = told(&command.output().unwrap());
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
    }
    // What the exit codes mean is in the help.
    for command in ["ws", "sse"] {
        let (code, stdout, _) = run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(stdout.contains("Exit codes:"), "{stdout}");
    }
    // Nobody is there, which is not the fault of the arguments.
    assert_eq!(run(&["ws", "ws://127.0.0.1:9/"]).0, 1);
    assert_eq!(run(&["sse", "http://127.0.0.1:9/", "--once"]).0, 1);
}

#[test]
fn one_attempt_is_one() {
    for attempts in [1, 2] {
        let unavailable = "HTTP/1.1 503 X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
        let (url, requests) = serve(vec![unavailable.to_owned(); 3]);
        let (code, _, stderr) = run(&["sse", &url, "--attempts", &attempts.to_string()]);
        assert_eq!(code, 1, "{stderr}");
        assert_eq!(requests.try_iter().count(), attempts, "{stderr}");
    }
}

/// Ends in good order where nothing was said are failures, too, for whoever limits attempts.
#[test]
fn attempts_that_clean_ends_use_up_exit_with_1() {
    let (url, requests) = serve(vec![OPEN.to_owned(); 2]);
    let (code, _, stderr) = run(&["sse", &url, "--attempts", "1"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("as many attempts as allowed"), "{stderr}");
    assert_eq!(requests.try_iter().count(), 1, "{stderr}");
}

#[test]
fn a_post_that_no_server_got_is_repeated_as_often_as_attempts_are_allowed() {
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/");
    let (code, _, stderr) = run(&["sse", &url, "--data", "x", "--attempts", "2"]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(stderr.matches("connecting to").count(), 2, "{stderr}");
    assert!(stderr.contains("as many attempts as allowed"), "{stderr}");
    let (code, _, stderr) = run(&["sse", &url, "--data", "x"]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(stderr.matches("connecting to").count(), 1, "{stderr}");
    assert!(stderr.contains("the request must not be made twice"), "{stderr}");
    // What a server may have processed is not repeated.
    let (url, requests) = serve(vec![String::new(), OPEN.to_owned()]);
    let (code, _, stderr) = run(&["sse", &url, "--data", "", "--attempts", "3"]);
    assert_eq!((code, requests.try_iter().count()), (1, 1), "{stderr}");
}

/// The plain output is an event stream again, with the same IDs.
#[test]
fn an_id_that_was_emptied_is_printed() {
    let body = ": hello\n\nid: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\ndata: d\n\n";
    let (url, _requests) = serve(vec![format!("{OPEN}{body}"); 2]);
    let (code, stdout, _) = run(&["sse", &url, "--once"]);
    assert_eq!(stdout, "id: 7\ndata: a\n\nid: 7\ndata: b\n\nid\ndata: c\n\ndata: d\n\n");
    assert_eq!(code, 0);
    let (_, stdout, _) = run(&["sse", &url, "--once", "--comments"]);
    assert!(stdout.starts_with(": hello\nid: 7\n"), "{stdout}");
}

#[test]
fn comments_are_objects_among_objects() {
    let (url, _requests) = serve(vec![format!("{OPEN}: hello\n\ndata: a\n\n")]);
    let (_, stdout, _) = run(&["sse", &url, "--once", "--json", "--comments"]);
    let expected = "{\"comment\":\"hello\"}\n{\"event\":\"message\",\"data\":\"a\",\"id\":\"\"}\n";
    assert_eq!(stdout, expected);
}

#[test]
fn a_skipped_event_is_told_by_the_exit_code() {
    let large = "x".repeat(2 << 20);
    let (url, _requests) = serve(vec![format!("{OPEN}data: {large}\n\ndata: b\n\n"); 2]);
    let (code, stdout, stderr) = run(&["sse", &url, "--once"]);
    assert_eq!((code, &*stdout), (3, "data: b\n\n"), "{stderr}");
    let (code, stdout, stderr) = run(&["sse", &url, "--once", "--max-event", "2097152"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.len(), "data: \n\ndata: b\n\n".len() + large.len());
}

#[test]
fn only_data_counts_against_the_limit_of_an_event() {
    let padding = "x".repeat(2048);
    let id = "7".repeat(60);
    let body = format!(":{padding}\nunknown: {padding}\nid: {id}\ndata: a\n\n");
    let (url, _requests) = serve(vec![format!("{OPEN}{body}")]);
    let (code, stdout, stderr) = run(&["sse", &url, "--once", "--max-event", "50"]);
    assert_eq!((code, &*stdout), (0, &*format!("id: {id}\ndata: a\n\n")), "{stderr}");

    // A hint that helps, where one does.
    let long_id = "7".repeat(2000);
    for (body, has_hint) in [
        (format!("data: {}\n\n", "x".repeat(51)), true),
        (format!("id: {long_id}\ndata: a\n\n"), false),
    ] {
        let (url, _requests) = serve(vec![format!("{OPEN}{body}")]);
        let (code, _, stderr) = run(&["sse", &url, "--once", "--max-event", "50"]);
        assert_eq!(code, 3, "{stderr}");
        assert_eq!(stderr.contains("see --max-event"), has_hint, "{stderr}");
    }
    let (url, _requests) = serve(vec![format!("{OPEN}: {padding}\ndata: a\n\n")]);
    let (code, stdout, stderr) = run(&["sse", &url, "--once", "--comments"]);
    assert_eq!((code, &*stdout), (0, "data: a\n\n"), "{stderr}");
    assert!(stderr.contains("a comment was skipped"), "{stderr}");
}

#[test]
fn an_answer_that_is_cut_is_told_to_be_so() {
    let long = "x".repeat(2 << 20);
    for (body, why) in [
        (format!("content-length: {}\r\n\r\n{long}", long.len()), "longer than the limit"),
        ("content-length: 20\r\n\r\nhalf of it".to_owned(), "the connection broke"),
        ("content-length: 4\r\n\r\nfull".to_owned(), ""),
    ] {
        let (url, _requests) = serve(vec![format!("HTTP/1.1 400 Bad\r\n{body}")]);
        let (code, _, stderr) = run(&["sse", &url]);
        assert_eq!(code, 1);
        let told = stderr.lines().last().unwrap();
        match why {
            "" => assert_eq!(told, "full"),
            _ => assert!(told.starts_with("this is not the whole answer: "), "{told}"),
        }
        assert!(told.contains(why), "{told}");
    }
}

/// W-085: nor does it come by an error.
#[test]
fn what_a_proxy_says_cannot_drive_the_terminal() {
    let refusal = "HTTP/1.1 407 X\r\nproxy-authenticate: Basic realm=\"\u{202E}x\"\r\n\
                   content-length: 0\r\n\r\n";
    for (command, server) in [("ws", "ws://127.0.0.2:9/"), ("sse", "http://127.0.0.2:9/")] {
        let (proxy, requests) = serve(vec![refusal.to_owned(); 2]);
        let mut command = tidings(&[command, server]);
        command.env("http_proxy", &proxy).env("all_proxy", &proxy).env_remove("no_proxy");
        let (code, _, stderr) = told(&command.output().unwrap());
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("realm=\"\\u{202e}x\""), "{stderr}");
        assert!(stderr.contains(proxy.trim_start_matches("http://").trim_end_matches('/')));
        assert_eq!(requests.try_iter().count(), 1, "it is final: {stderr}");
    }
}

#[test]
fn a_linger_beyond_all_time_waits_for_the_server() {
    let (url, received) = peer(Peer::Close(1000));
    let mut command =
        tidings(&["ws", &url, "--linger", "1e19"]).stdin(Stdio::piped()).spawn().unwrap();
    command.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let (code, _, stderr) = told(&command.wait_with_output().unwrap());
    assert_eq!(code, 0, "{stderr}");
    drop(received);
}

#[test]
fn the_whole_answer_of_a_service_is_shown() {
    let json = format!("{{\"error\":\"{}\"}}", "x".repeat(9_000));
    let head = format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n", json.len());
    let (url, _requests) = serve(vec![format!("{head}{json}")]);
    let (code, _, stderr) = run(&["sse", &url, "--data", "{}"]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&json), "{stderr}");
}

#[test]
fn the_head_of_a_response_has_the_time_that_is_set() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let begun = Instant::now();
    let (code, _, stderr) = run(&["sse", &url, "--data", "{}", "--response-timeout", "0.2"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("did not come in time"), "{stderr}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The behaviour of a WebSocket server.
#[derive(Clone, Copy)]
enum Peer {
    /// Closes with this code, once a message has come.
    Close(u16),
    /// Drops the connection.
    Drop,
    /// Echoes until it is closed.
    Echo,
    /// Sends until it is closed.
    Flood,
    /// Never reads nor answers.
    Silent,
}

/// A server of one WebSocket; returns its input.
fn peer(peer: Peer) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let mut socket = accept(stream, Config::server()).await.unwrap();
            match peer {
                Peer::Close(code) => {
                    let _ = socket.recv().await;
                    socket.start_close(CloseCode::new(code).unwrap(), "");
                }
                Peer::Drop => return,
                Peer::Echo => {}
                Peer::Flood => {
                    let turn = Duration::from_millis(1);
                    while socket.send("again").await.is_ok() {
                        if tokio::time::timeout(turn, socket.recv()).await.is_ok() {
                            break;
                        }
                    }
                }
                Peer::Silent => {
                    let _ = sender.send("open".to_owned());
                    std::future::pending::<()>().await;
                }
            }
            while let Ok(Some(message)) = socket.recv().await {
                if let Message::Text(text) = &message {
                    let _ = sender.send(text.to_string());
                    let _ = socket.send(text.to_string()).await;
                }
            }
            let _ = sender.send(format!("closed {}", socket.close_info().received.code()));
        });
    });
    (url, received)
}

fn talk(url: &str, stdin: &[u8]) -> (i32, String, String) {
    let mut command =
        tidings(&["ws", url, "--linger", "0.2"]).stdin(Stdio::piped()).spawn().unwrap();
    command.stdin.take().unwrap().write_all(stdin).unwrap();
    told(&command.wait_with_output().unwrap())
}

#[test]
fn the_exit_code_tells_how_a_websocket_was_closed() {
    for (behavior, expected) in [
        (Peer::Close(1000), 0),
        (Peer::Close(1001), 0),
        (Peer::Close(1008), 3),
        (Peer::Close(1009), 3),
        (Peer::Close(1011), 3),
        (Peer::Close(4000), 3),
        (Peer::Drop, 3),
        (Peer::Echo, 0),
    ] {
        let (code, _, stderr) = talk(&peer(behavior).0, b"hello\n");
        assert_eq!(code, expected, "{stderr}");
    }
}

#[test]
fn stdin_that_is_not_sent_to_its_end_is_told_by_the_exit_code() {
    let (url, received) = peer(Peer::Echo);
    let (code, stdout, stderr) = talk(&url, b"one\n\xFF\xFE\ntwo\n");
    assert_eq!((code, &*stdout), (4, "one\n"), "{stderr}");
    assert!(stderr.contains("what follows is not sent"), "{stderr}");
    assert_eq!(received.iter().collect::<Vec<_>>(), ["one", "closed 1000"]);
}

/// As with `tidings ws … | head -2`.
#[test]
fn a_reader_that_has_enough_closes_the_websocket_in_order() {
    let (url, received) = peer(Peer::Flood);
    let mut command = tidings(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(command.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        assert_eq!(lines.next().unwrap().unwrap(), "again");
    }
    drop(lines);
    assert_eq!(command.wait().unwrap().code(), Some(0));
    assert_eq!(received.recv_timeout(Duration::from_secs(5)).unwrap(), "closed 1000");
}

fn interrupt(command: &Child) {
    let sent = Command::new("kill").args(["-INT", &command.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The exit code, which must come soon.
fn code_soon(mut command: Child) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        if let Some(status) = command.try_wait().unwrap() {
            return status.code();
        }
        thread::sleep(Duration::from_millis(10));
    }
    command.kill().unwrap();
    command.wait().unwrap();
    panic!("it goes on");
}

#[test]
fn the_first_ctrl_c_closes_and_the_second_ends_at_once() {
    // A server that answers.
    let (url, received) = peer(Peer::Echo);
    let mut command = tidings(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
    command.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(received.recv().unwrap(), "hello");
    interrupt(&command);
    assert_eq!(code_soon(command), Some(0));
    assert_eq!(received.recv().unwrap(), "closed 1000");

    // One that does not.
    let (url, received) = peer(Peer::Silent);
    let mut command = tidings(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(received.recv().unwrap(), "open");
    let mut stderr = BufReader::new(command.stderr.take().unwrap()).lines();
    assert_eq!(stderr.next().unwrap().unwrap(), "connected");
    interrupt(&command);
    assert!(stderr.next().unwrap().unwrap().starts_with("closing"));
    interrupt(&command);
    assert_eq!(code_soon(command), Some(130));

    // One that does not even open.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let command = tidings(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
    let _connection = listener.accept().unwrap();
    thread::sleep(Duration::from_millis(100));
    interrupt(&command);
    assert_eq!(code_soon(command), Some(130));
}
