//! Ends that are not those of the server: stdin that cannot be read, stdout and stderr that cannot be
//! written, signals.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::peer::{answer, echo, response, serve};
use crate::process::{Running, run_with, tidings};

#[test]
fn a_question_that_cannot_be_read_ends_one_at_once() {
    let port = serve(echo);
    let begun = Instant::now();
    let told = run_with(&["ws", "-1", &format!("ws://127.0.0.1:{port}/")], b"a\xff\n");
    assert_eq!(told.code, 4, "{told:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{told:?}");
}

#[test]
fn a_listener_tells_by_its_exit_code_that_stdin_was_not_sent_to_its_end() {
    for arguments in [&["-1"][..], &[]] {
        let mut listener = Running::start(&[&["ws", "--listen", "0"], arguments].concat());
        let line = listener.wait_for("listening on ");
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        listener.type_bytes(b"ok\n\xff\n");
        let client = Running::start(&["ws", &url]);
        assert_eq!(client.next_line(), "ok");
        listener.wait_for("stdin: ");
        match arguments.is_empty() {
            true => listener.interrupt(),
            false => client.interrupt(),
        }
        assert_eq!((listener.wait(), client.wait()), (4, 0), "{arguments:?}");
    }
}

/// `/dev/full` fails every write, as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_stderr_that_cannot_be_written_changes_nothing() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let stream = "Content-Type: text/event-stream\r\n";
    let (port, _requests) = answer(&[&response("200 OK", stream, "data: 1\n\n")]);
    let url = format!("http://127.0.0.1:{port}/");
    let told = tidings(&["sse", "--once", &url]).stderr(full()).output().unwrap();
    assert_eq!((told.status.code(), &*told.stdout), (Some(0), &b"data: 1\n\n"[..]));
    let told = tidings(&["ws"]).stderr(full()).output().unwrap();
    assert_eq!(told.status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_stdout_that_cannot_be_written_closes_the_websocket_in_order() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let (sender, closed) = std::sync::mpsc::channel();
    let port = serve(move |mut socket| {
        let sender = sender.clone();
        async move {
            while let Ok(Some(message)) = socket.recv().await {
                if message.is_text() {
                    let _ = socket.send(message).await;
                }
            }
            let _ = sender.send(socket.close_info().received.code());
        }
    });
    let url = format!("ws://127.0.0.1:{port}/");
    let told = tidings(&["ws", "-m", "a", &url]).stdout(full()).output().unwrap();
    let stderr = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("tidings: stdout: ") && !stderr.contains("closed:"), "{stderr}");
    assert_eq!(closed.recv_timeout(Duration::from_secs(10)), Ok(1000));
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_whose_stdout_cannot_be_written_goes_on() {
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut command = tidings(&["demo", "--listen", "0"]);
    let demo = Running::of(command.stdout(full));
    let line = demo.wait_for("stdout: ");
    let (_, address) = line.split_once("the page is at http://").unwrap();
    assert!(std::net::TcpStream::connect(address.trim_end_matches('/')).is_ok(), "{line}");
}

#[test]
fn a_listener_whose_reader_is_gone_closes_its_clients() {
    let mut listener = Running::start(&["ws", "--listen", "0"]);
    let line = listener.wait_for("listening on ");
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    let mut client = Running::start(&["ws", &url]);
    listener.wait_for("connected");
    listener.stop_reading();
    // The first may still find the reader there.
    for line in ["a", "b"] {
        client.type_line(line);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(client.wait_for("closed").contains("1001"));
    assert_eq!((client.wait(), listener.wait()), (0, 0));
}

#[test]
fn a_listener_that_is_asked_to_end_closes_its_clients_and_removes_its_socket() {
    for signal in ["TERM", "HUP"] {
        let name = format!("tidings-cli-{signal}-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let listener = Running::start(&["ws", "--listen", &format!("unix:{}", path.display())]);
        listener.wait_for("listening on ");
        let client = Running::start(&["ws", &format!("ws+unix:{}", path.display())]);
        listener.wait_for("connected");
        listener.signal(signal);
        assert!(client.wait_for("closed").contains("1001"), "{signal}");
        assert_eq!((listener.wait(), client.wait()), (0, 0), "{signal}");
        assert!(!path.exists(), "{signal}");
    }
}

/// As after `nohup`.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_ignores_the_end_of_its_terminal_goes_on() {
    let port = serve(echo);
    let script = format!("trap '' HUP; exec \"$0\" ws ws://127.0.0.1:{port}/");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_tidings")]).env("no_proxy", "*");
    let mut client = Running::of(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
    client.wait_for("connected");
    client.signal("HUP");
    std::thread::sleep(Duration::from_millis(200));
    client.type_line("still here");
    assert_eq!(client.next_line(), "still here");
    client.interrupt();
    assert_eq!(client.wait(), 0);
}
