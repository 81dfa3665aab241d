//! The demo, as a process: the page and its parts, the chat with and without the page's subprotocol,
//! the frame inspector.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tidings_tokio::client::ClientStream;
use tidings_tokio::{ConnectOptions, Message, WebSocket, connect_with};

/// The demo, until it is dropped.
struct Demo {
    process: Child,
    address: String,
}

impl Demo {
    fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    fn start_at(address: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["demo", "--listen", address])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("open http://").unwrap().trim_end_matches('/');
        Self { process, address: address.to_owned() }
    }

    /// Sends a request; returns head and body of the answer.
    fn ask(&self, line: &str, body: &str) -> (String, String) {
        self.ask_with(line, "", body)
    }

    /// The same with further headers.
    fn ask_with(&self, line: &str, headers: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let len = body.len();
        let head =
            format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len}");
        stream.write_all(format!("{head}\r\n{headers}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    async fn join(&self, subprotocol: Option<&str>) -> WebSocket<ClientStream, Client> {
        let options = ConnectOptions::new().subprotocols(subprotocol);
        let url = format!("ws://{}/chat", self.address);
        let socket = connect_with(&url, &options).await.unwrap();
        assert_eq!(socket.subprotocol(), subprotocol);
        socket
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Client = tidings_tokio::client::ClientRole;

async fn next(socket: &mut WebSocket<ClientStream, Client>) -> String {
    let message = tokio::time::timeout(Duration::from_secs(5), socket.recv()).await.unwrap();
    let Some(Message::Text(text)) = message.unwrap() else { panic!("not a text") };
    text.to_string()
}

async fn next_object(socket: &mut WebSocket<ClientStream, Client>) -> Value {
    serde_json::from_str(&next(socket).await).unwrap()
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let demo = Demo::start();
    let (head, page) = demo.ask("GET /", "");
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'"] {
        assert!(head.contains(rule), "{rule} is not in {head}");
    }
    assert!(!head.contains("unsafe"), "{head}");
    let mut files = vec![page];
    for (path, media_type) in [("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        assert!(files[0].contains(path), "the page does not use {path}");
        let (head, file) = demo.ask(&format!("GET {path}"), "");
        assert!(head.contains(&format!("content-type: {media_type}")), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        files.push(file);
    }
    for file in &files {
        // A name, which nothing loads.
        let file = file.replace("http://www.w3.org/2000/svg", "");
        for elsewhere in ["http://", "https://", "url(", "@import", "innerHTML"] {
            assert!(!file.contains(elsewhere), "{elsewhere} is in a file of the page");
        }
    }
}

#[test]
fn a_handshake_at_the_page_is_told_where_the_websocket_is() {
    let demo = Demo::start();
    for path in ["/", "/elsewhere"] {
        let (head, body) = demo.ask_with(&format!("GET {path}"), "Upgrade: WebSocket\r\n", "");
        assert!(head.starts_with("http/1.1 404 "), "{head}");
        assert_eq!(body, "the WebSocket is at /chat\n");
    }
}

#[test]
fn the_demo_listens_on_a_port_alone() {
    let demo = Demo::start_at("0");
    assert!(demo.address.starts_with("127.0.0.1:"), "{}", demo.address);
    assert!(demo.ask("GET /", "").0.starts_with("http/1.1 200 "));
}

#[test]
fn the_inspector_answers_for_clients_and_servers() {
    let demo = Demo::start();
    let inspected = |line: &str, body: &str| -> Value {
        let (head, body) = demo.ask(line, body);
        assert!(head.starts_with("http/1.1 200 "), "{head} {body}");
        assert!(head.contains("content-type: application/json"), "{head}");
        serde_json::from_str(&body).unwrap()
    };
    let hello = "81 05 48 65 6c 6c 6f";
    let from_server = inspected("POST /inspect?from=server", hello);
    assert_eq!(from_server["frames"][0]["meaning"], "Hello");
    assert_eq!(from_server["fault"], Value::Null);
    for line in ["POST /inspect", "POST /inspect?from=client"] {
        assert!(inspected(line, hello)["fault"]["message"].as_str().unwrap().contains("masked"));
    }
    let valid = inspected("POST /inspect", "8185 37fa213d 7f9f4d5158");
    assert_eq!(valid["fault"], Value::Null);
    assert_eq!(
        (&valid["frames"][0]["payload_len"], &valid["frames"][0]["header_len"]),
        (&"5".into(), &6.into())
    );

    for (line, body, status, text) in [
        ("POST /inspect", "8", "400", "one digit"),
        ("POST /inspect", "é", "400", "'é' at position 1"),
        ("POST /inspect?from=", "81", "400", "client or server"),
        ("POST /inspect", &"00".repeat(1025), "413", "1024 bytes"),
        ("POST /inspect", &" ".repeat(6145), "413", "1024 bytes"),
        ("GET /inspect", "", "405", "only POST"),
    ] {
        let (head, answer) = demo.ask(line, body);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{line}: {head}");
        assert!(answer.contains(text), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_newcomer_of_the_subprotocol_receives_the_history_with_ids_and_times() {
    let demo = Demo::start();
    let mut plain = demo.join(None).await;
    for text in ["Ada: one", "\"two\"", "3\u{1}\n"] {
        plain.send(text).await.unwrap();
        assert_eq!(next(&mut plain).await, text);
    }
    let mut late = demo.join(Some("demo-chat")).await;
    let mut ids = Vec::new();
    for text in ["Ada: one", "\"two\"", "3\u{1}\n"] {
        let said = next_object(&mut late).await;
        assert_eq!(said["text"], text);
        assert!(said["at"].as_u64().unwrap() > 1_600_000_000_000, "{said}");
        ids.push(said["id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    // One that wants plain text is told nothing of the past.
    let mut other = demo.join(None).await;
    plain.send("now").await.unwrap();
    assert_eq!(next(&mut other).await, "now");
    assert_eq!(next_object(&mut late).await["text"], "now");
}

#[tokio::test]
async fn a_client_of_the_subprotocol_is_shown_the_frame_that_it_has_sent() {
    let demo = Demo::start();
    let mut socket = demo.join(Some("demo-chat")).await;
    for text in ["Ada: hi", "", "again"] {
        socket.send(text).await.unwrap();
        // The frame and the message come in either order.
        let (one, two) = (next_object(&mut socket).await, next_object(&mut socket).await);
        let (frame, said) = if one["frame"].is_string() { (one, two) } else { (two, one) };
        assert_eq!(said["text"], text);
        let (_, inspection) = demo.ask("POST /inspect", frame["frame"].as_str().unwrap());
        let inspection: Value = serde_json::from_str(&inspection).unwrap();
        assert_eq!(inspection["frames"][0]["meaning"], text);
        assert!(inspection["frames"][0]["masking_key"].is_string(), "{inspection}");
        assert_eq!(inspection["frames"].as_array().unwrap().len(), 1);
        assert_eq!(inspection["fault"], Value::Null);
    }
}

#[tokio::test]
async fn everyone_receives_a_burst_whole_and_in_order() {
    let demo = Demo::start();
    let mut speaker = demo.join(None).await;
    let mut plain = demo.join(None).await;
    let mut page = demo.join(Some("demo-chat")).await;
    for burst in 0..10 {
        let texts: Vec<String> = (0..100).map(|number| format!("{burst}: {number}")).collect();
        for text in &texts {
            speaker.feed(text.as_str()).unwrap();
        }
        speaker.flush().await.unwrap();
        for text in texts {
            assert_eq!(next(&mut plain).await, text);
            assert_eq!(next_object(&mut page).await["text"], text);
            assert_eq!(next(&mut speaker).await, text);
        }
    }
}

#[tokio::test]
async fn a_frame_that_the_inspector_does_not_take_is_null() {
    let demo = Demo::start();
    let mut socket = demo.join(Some("demo-chat")).await;
    // The header of a client's frame has eight bytes at these lengths.
    for (len, is_whole) in [(1016, true), (1017, false)] {
        socket.send("x".repeat(len)).await.unwrap();
        // The frame and the message come in either order.
        let (one, two) = (next_object(&mut socket).await, next_object(&mut socket).await);
        let frame = one.get("frame").or(two.get("frame")).unwrap();
        assert_eq!(frame.is_string(), is_whole, "{len}: {frame}");
        assert_eq!(frame.is_null(), !is_whole, "{len}: {frame}");
    }
}
