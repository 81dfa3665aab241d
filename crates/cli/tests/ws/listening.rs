//! `tidings ws --listen`.

use crate::process::{Running, run, run_with};

/// A listener, and the URL that it reports.
fn listen(arguments: &[&str]) -> (Running, String) {
    let listener = Running::start(&[&["ws", "--listen"], arguments].concat());
    let line = listener.wait_for("listening on ");
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (listener, url)
}

#[test]
fn lines_go_to_all_clients_and_theirs_are_printed_with_their_address() {
    let (mut listener, url) = listen(&["127.0.0.1:0"]);
    let mut first = Running::start(&["ws", &url]);
    listener.wait_for("connected");
    first.type_line("alone");
    assert_eq!(listener.next_line(), "alone");
    let second = Running::start(&["ws", &url]);
    listener.wait_for("connected");
    listener.type_line("to all");
    assert_eq!((first.next_line(), second.next_line()), ("to all".into(), "to all".into()));
    first.type_line("from one");
    let line = listener.next_line();
    assert!(line.starts_with("127.0.0.1:") && line.ends_with(": from one"), "{line}");
    // Ctrl-C closes all.
    listener.interrupt();
    assert!(first.wait_for("closed").contains("1001"));
    assert!(second.wait_for("closed").contains("1001"));
    assert_eq!((first.wait(), second.wait(), listener.wait()), (0, 0, 0));
}

#[test]
fn lines_that_are_read_before_there_is_a_client_wait_for_it() {
    let (mut listener, url) = listen(&["127.0.0.1:0", "-m", "welcome"]);
    listener.type_line("early");
    let told = run(&["ws", &url, "--linger", "0.5"]);
    assert_eq!(told.stdout(), "welcome\nearly\n", "{told:?}");
}

#[test]
fn a_greeting_of_many_messages_is_sent_whole() {
    let mut arguments = vec!["0".to_owned()];
    for number in 0..100 {
        arguments.extend(["-m".to_owned(), number.to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_listener, url) = listen(&arguments);
    let told = run(&["ws", &url, "--linger", "0.5"]);
    assert_eq!(told.stdout().lines().count(), 100, "{told:?}");
    assert!(told.stdout().ends_with("\n99\n"), "{told:?}");
}

#[test]
fn options_that_a_listener_does_not_have_are_refused() {
    for option in [&["-1", "--timeout", "1"][..], &["--linger", "1"], &["-H", "A: b"]] {
        let told = run(&[&["ws", "--listen", "0"], option].concat());
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.stderr.contains("cannot be used with"), "{told:?}");
    }
    let told = run(&["ws", "--listen", "0", "--subprotocol", "a b"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.stderr.contains("--subprotocol 'a b': a name has no comma"), "{told:?}");
}

#[test]
fn one_client_is_served_with_one() {
    let (listener, url) = listen(&["127.0.0.1:0", "-1", "--json"]);
    let told = run_with(&["ws", &url, "--linger", "0"], b"hello\n");
    assert_eq!(told.code, 0, "{told:?}");
    let line: serde_json::Value = serde_json::from_str(&listener.next_line()).unwrap();
    assert_eq!(line["data"], "hello");
    assert!(line["from"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    assert_eq!(listener.wait(), 0);
}

#[test]
fn a_subprotocol_of_the_listener_is_chosen() {
    let (_listener, url) = listen(&["127.0.0.1:0", "--subprotocol", "b"]);
    let told = run(&["ws", &url, "--linger", "0", "--subprotocol", "a", "--subprotocol", "b"]);
    assert!(told.stderr.contains("connected, subprotocol b"), "{}", told.stderr);
}

/// RFC 6455, 10.2: a page of anybody must not speak to what listens on this machine.
#[test]
fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let connect =
        |url: &str, origin: &str| run(&["ws", url, "--linger", "0", "--origin", origin]).code;
    let (_listener, url) = listen(&["127.0.0.1:0"]);
    let own = url.trim_end_matches('/').replace("ws://", "http://");
    assert_eq!(connect(&url, &own), 0);
    assert_eq!(connect(&url, "https://evil.example"), 1);
    let (_listener, url) = listen(&["127.0.0.1:0", "--allow-origin", "https://good.example"]);
    assert_eq!(connect(&url, "https://good.example"), 0);
    assert_eq!(connect(&url, "https://evil.example"), 1);
    let (_listener, url) = listen(&["127.0.0.1:0", "--allow-origin", "*"]);
    assert_eq!(connect(&url, "https://evil.example"), 0);
    let told = run(&["ws", "--listen", "0", "--allow-origin", "x"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.stderr.contains("--allow-origin x: "), "{}", told.stderr);
}

#[test]
fn a_unix_socket_is_listened_on_and_removed() {
    let path = std::env::temp_dir().join(format!("tidings-cli-ws-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let (listener, url) = listen(&[&format!("unix:{}", path.display())]);
    assert_eq!(url, format!("ws+unix:{}", path.display()));
    let told = run(&["ws", &url, "-m", "by url", "--linger", "0"]);
    assert_eq!(told.code, 0, "{told:?}");
    let unix = path.to_str().unwrap();
    let told = run(&["ws", "ws://h/", "--unix", unix, "-m", "by option", "--linger", "0"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!((listener.next_line(), listener.next_line()), ("by url".into(), "by option".into()));
    // One that is in use is not taken away.
    let told = run(&["ws", "--listen", &format!("unix:{unix}")]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("remove the file"), "{}", told.stderr);
    listener.interrupt();
    assert_eq!(listener.wait(), 0);
    assert!(!path.exists());
}

#[test]
fn an_address_in_use_is_named() {
    let (_listener, url) = listen(&["127.0.0.1:0"]);
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let told = run(&["ws", "--listen", address]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains(&format!("listening on {address}: ")), "{}", told.stderr);
}
