//! A server that a test controls, and the vectors of event streams.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tidings_std::sse::OwnedMessageEvent;

/// A head that opens a stream which ends with the connection.
pub(crate) const OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// Sends the answer on one connection, which is closed when it returns.
pub(crate) type Answer = Box<dyn FnOnce(TcpStream) + Send>;

/// Sends this and ends the connection.
pub(crate) fn say(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Box::new(move |mut stream| drop(stream.write_all(&bytes)))
}

/// Sends this and keeps the connection open until the client ends it.
pub(crate) fn say_and_stay(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Box::new(move |mut stream| {
        let _ = stream.write_all(&bytes);
        wait_for_end(stream);
    })
}

/// Reads until the client has ended the connection.
pub(crate) fn wait_for_end(mut stream: TcpStream) {
    let _ = io::copy(&mut stream, &mut io::sink());
}

/// One connection after the other, for each the request that came and its answer.
pub(crate) struct Server {
    pub(crate) port: u16,
    serving: JoinHandle<Vec<Request>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Such as `GET / HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| &value[..]);
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }
}

impl Server {
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                requests.push(read_request(&stream));
                answer(stream);
            }
            requests
        });
        Self { port, serving }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits for all answers to be given.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.serving.join().unwrap()
    }
}

pub(crate) fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let (request, len) = read_head(&mut reader);
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    Request { body, ..request }
}

/// The head of a request, and how long its body is.
pub(crate) fn read_head(reader: &mut impl io::BufRead) -> (Request, usize) {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        match line.strip_suffix(b"\r\n") {
            Some(b"") => break,
            Some(line) => lines.push(line.to_vec()),
            None => panic!("no request: {}", line.escape_ascii()),
        }
    }
    let line = String::from_utf8(lines.remove(0)).unwrap();
    let headers: Vec<(String, Vec<u8>)> = lines
        .iter()
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            let name = String::from_utf8(line[..colon].to_vec()).unwrap();
            (name.to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec())
        })
        .collect();
    let request = Request { line, headers, body: Vec::new() };
    let len = request
        .header("content-length")
        .map_or(0, |len| std::str::from_utf8(len).unwrap().parse().unwrap());
    (request, len)
}

/// A stream, and its events.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) events: Vec<OwnedMessageEvent>,
    pub(crate) retry_ms: Option<u64>,
    pub(crate) last_event_id: String,
}

/// The vectors of `tidings-sse`.
pub(crate) fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../sse/tests/data/event-stream-vectors.json");
    let text = std::fs::read_to_string(path).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(vectors.len() >= 96);
    vectors.iter().map(vector).collect()
}

fn vector(vector: &Value) -> Vector {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let hex = vector["input_hex"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let event = |event: &Value| OwnedMessageEvent {
        event_type: text(&event["event"]),
        data: text(&event["data"]),
        last_event_id: text(&event["id"]),
    };
    Vector {
        name: text(&vector["name"]),
        input: (0..hex.len()).step_by(2).map(byte).collect(),
        events: vector["expected"].as_array().unwrap().iter().map(event).collect(),
        retry_ms: vector["retry"].as_u64(),
        last_event_id: text(&vector["last_event_id"]),
    }
}

/// For waits that are long only if something is wrong.
pub(crate) const SOON: Duration = Duration::from_secs(10);
