//! `tidings ws --reconnect`.

use std::net::TcpListener;
use std::sync::mpsc;

use crate::peer::{Socket, answer, serve_on};
use crate::process::{Running, SOON, run};

/// A server that reports each message, and drops the connection after this one.
fn drop_after(listener: TcpListener, last: &'static str) -> mpsc::Receiver<String> {
    let (sender, received) = mpsc::channel();
    serve_on(listener, move |mut socket: Socket| {
        let sender = sender.clone();
        async move {
            while let Ok(Some(message)) = socket.recv().await {
                let text = message.as_text().unwrap_or_default().to_owned();
                let is_last = text == last;
                let _ = sender.send(text);
                if is_last {
                    return;
                }
            }
        }
    });
    received
}

#[test]
fn lines_that_are_read_while_there_is_no_connection_are_sent_in_order() {
    // A port on which nobody listens yet.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut client = Running::start(&["ws", "--reconnect", &format!("ws://{address}/")]);
    for line in ["1", "2", "3"] {
        client.type_line(line);
    }
    let line = client.wait_for("trying again in");
    assert!(line.starts_with(&format!("connecting to {address}: ")), "{line}");
    let received = drop_after(TcpListener::bind(address).unwrap(), "3");
    let next = || received.recv_timeout(SOON).unwrap();
    client.wait_for("connected");
    assert_eq!([next(), next(), next()], ["1", "2", "3"]);
    // The server hangs up here.
    client.wait_for("; trying again in");
    client.type_line("4");
    client.wait_for("connected");
    client.type_line("5");
    assert_eq!([next(), next()], ["4", "5"]);
    client.stdin = None;
    assert_eq!(client.wait(), 0);
}

#[test]
fn ctrl_c_ends_the_wait_for_a_connection() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Running::start(&["ws", "--reconnect", &format!("ws://{address}/")]);
    client.wait_for("trying again in");
    client.interrupt();
    assert_eq!(client.wait(), 130);
}

#[test]
fn what_another_attempt_cannot_mend_is_not_tried_again() {
    assert_eq!(run(&["ws", "--reconnect", "no url"]).code, 2);
    let (port, requests) = answer(&["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]);
    let told = run(&["ws", "--reconnect", &format!("ws://127.0.0.1:{port}/")]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.stderr.contains("403") && !told.stderr.contains("trying again"),
        "{}",
        told.stderr
    );
    assert_eq!(requests.try_iter().count(), 1);
}
