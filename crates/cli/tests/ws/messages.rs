//! Messages out and in: text, bytes, JSON, one answer, and what `-vv` shows.

use std::sync::mpsc;
use std::time::Instant;

use tidings_tokio::Message;
use tidings_tokio::websocket::frame::ControlPayload;

use crate::peer::{Socket, echo, serve};
use crate::process::{Running, SOON, run, run_with};

fn url(port: u16) -> String {
    format!("ws://127.0.0.1:{port}/")
}

/// A server that reports the messages it gets.
fn collect() -> (String, mpsc::Receiver<Message>) {
    let (sender, received) = mpsc::channel();
    let port = serve(move |mut socket: Socket| {
        let sender = sender.clone();
        async move {
            while let Ok(Some(message)) = socket.recv().await {
                let _ = sender.send(message);
            }
        }
    });
    (url(port), received)
}

#[test]
fn messages_of_the_arguments_come_before_stdin() {
    let (url, received) = collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/server.pem");
    let arguments =
        ["ws", &*url, "-m", "one", "--message", "two", "--binary-file", file, "--linger", "0"];
    let told = run_with(&arguments, b"three\n");
    assert_eq!(told.code, 0, "{told:?}");
    let received: Vec<Message> = received.try_iter().collect();
    let file = std::fs::read(file).unwrap();
    let expected = ["one".into(), "two".into(), Message::binary(file), "three".into()];
    assert_eq!(received, expected);
    let told = run(&["ws", &url, "--binary-file", "/nowhere/at/all"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.stderr.contains("/nowhere/at/all: "), "{}", told.stderr);
}

#[test]
fn a_message_may_begin_with_a_hyphen() {
    let told = run(&["ws", "-1", "-m", "-5", &url(serve(echo))]);
    assert_eq!((told.code, told.stdout()), (0, "-5\n"), "{told:?}");
}

#[test]
fn one_sends_waits_for_one_answer_and_ends_at_once() {
    let port = serve(|mut socket: Socket| async move {
        while let Ok(Some(message)) = socket.recv().await {
            for _ in 0..3 {
                let _ = socket.send(&message).await;
            }
        }
    });
    let url = url(port);
    let begun = Instant::now();
    let told = run(&["ws", "-1", "-m", "hello", &url, "--linger", "60"]);
    assert_eq!((told.code, told.stdout()), (0, "hello\n"), "{told:?}");
    let told = run_with(&["ws", "-1", &url], b"first\nsecond\n");
    assert_eq!((told.code, told.stdout()), (0, "first\n"), "{told:?}");
    let told = run_with(&["ws", "-1", "--binary", &url], b"a\nb\0");
    assert_eq!((told.code, &*told.stdout), (0, &b"a\nb\0"[..]), "{told:?}");
    assert!(begun.elapsed() < SOON);
}

#[test]
fn one_without_an_answer_ends_by_its_timeout_with_3() {
    let (url, _received) = collect();
    let told = run(&["ws", "-1", "-m", "hello", &url, "--timeout", "0.2"]);
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.stderr.contains("no answer came within 0.2 s"), "{}", told.stderr);
}

#[test]
fn one_without_an_answer_before_the_close_exits_with_3() {
    let port = serve(|mut socket: Socket| async move {
        let _ = socket.recv().await;
        let _ = socket.close(tidings_tokio::CloseCode::NORMAL, "").await;
    });
    let told = run(&["ws", "-1", "-m", "hello", &url(port)]);
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.stderr.contains("the server closed without an answer"), "{}", told.stderr);
}

#[test]
fn bytes_pass_unchanged_in_both_directions() {
    let url = url(serve(echo));
    let bytes: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let told = run_with(&["ws", "--binary", &url], &bytes);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout == bytes, "{} bytes came back", told.stdout.len());
    // Text too, without a line end of ours.
    let told = run(&["ws", "--binary", "-m", "text", &url]);
    assert_eq!(told.stdout(), "text");
}

#[test]
fn a_read_of_stdin_is_a_message_of_at_most_64_kib() {
    let (url, received) = collect();
    let told = run_with(&["ws", "--binary", &url, "--linger", "0"], &vec![7; 200_000]);
    assert_eq!(told.code, 0, "{told:?}");
    let lens: Vec<usize> = received.try_iter().map(|message| message.len()).collect();
    assert_eq!(lens.iter().sum::<usize>(), 200_000);
    assert!(lens.iter().all(|len| *len <= 65_536), "{lens:?}");
}

#[test]
fn received_bytes_are_shown_by_their_length_and_beginning() {
    let port = serve(|mut socket: Socket| async move {
        let _ = socket.send(Message::binary(vec![0, 1, 0xfe])).await;
        let _ = socket.send(Message::binary(vec![0xab; 65])).await;
        while let Ok(Some(_)) = socket.recv().await {}
    });
    let told = run(&["ws", &url(port), "--linger", "0.3"]);
    let expected = format!("binary (3 bytes): 0001fe\nbinary (65 bytes): {}…\n", "ab".repeat(64));
    assert_eq!(told.stdout(), expected, "{told:?}");
}

#[test]
fn json_has_one_object_a_message() {
    let port = serve(|mut socket: Socket| async move {
        let _ = socket.send("a\n\"b\"").await;
        let _ = socket.send(Message::binary(vec![0, 1, 2])).await;
        let _ = socket.send(Message::ping(ControlPayload::new(b"p").unwrap())).await;
        let code = tidings_tokio::CloseCode::new(4001).unwrap();
        let _ = socket.close(code, "why not").await;
    });
    let told = run_with(&["ws", "--json", &url(port), "--linger", "60"], b"");
    assert_eq!(told.code, 3, "{told:?}");
    let mut lines = Vec::new();
    for line in told.stdout().lines() {
        let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = object.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_f64().unwrap() > 1.7e9, "{time}");
        lines.push(object);
    }
    let expected = [
        serde_json::json!({"type": "text", "data": "a\n\"b\""}),
        serde_json::json!({"type": "binary", "data": "AAEC"}),
        serde_json::json!({"type": "ping", "data": "cA=="}),
        serde_json::json!({"type": "close", "code": 4001, "reason": "why not"}),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn very_verbose_shows_each_message_and_control_frame() {
    let port = serve(|mut socket: Socket| async move {
        let _ = socket.send(Message::ping(ControlPayload::new(b"\x01\x02").unwrap())).await;
        echo(socket).await;
    });
    let url = url(port);
    let told = run_with(&["ws", "-vv", &url, "--linger", "0.3"], b"hello\n");
    assert_eq!((told.code, told.stdout()), (0, "hello\n"), "{told:?}");
    for line in [
        "> text (5 bytes): hello\n",
        "< text (5 bytes): hello\n",
        "< ping (2 bytes): 0102\n",
        "< close 1000",
    ] {
        assert!(told.stderr.contains(line), "{line}: {}", told.stderr);
    }
    let told = run_with(&["ws", "-v", &url, "--linger", "0.3"], b"hello\n");
    assert!(!told.stderr.contains("bytes"), "{}", told.stderr);
}

#[test]
fn without_a_terminal_there_is_no_prompt_and_no_colour() {
    let url = url(serve(echo));
    let mut client = Running::start(&["ws", &url]);
    client.type_line("hello");
    assert_eq!(client.next_line(), "hello");
    client.stdin = None;
    assert!(!client.wait_for("closed").contains('\u{1b}'));
    assert_eq!(client.wait(), 0);
}
