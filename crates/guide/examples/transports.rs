//! Measures what a waiting client and a delivered message cost, by transport: WebSocket, event stream,
//! long-poll. The server is a process of its own, on hyper; the clients are plain sockets. Linux only.
//!
//! Run it with `cargo run --release -p tidings-guide --example transports -- 2000`

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::io::{BufRead as _, BufReader, Error, Result, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tidings::tokio::server::accept_same_origin;
use tidings::tokio::sse::server::{EncodedEvent, EventSender, Responder};
use tidings::tokio::{Config, Message, upgrade};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The end of a message, which occurs nowhere else.
const END: u8 = b'#';
const PAYLOAD_LEN: usize = 100;
const ROUNDS: u32 = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "serve") {
        return serve().await;
    }
    let count = arguments.first().and_then(|count| count.parse().ok()).unwrap_or(1000);
    for transport in [Transport::WebSocket, Transport::EventStream, Transport::LongPoll] {
        measure(transport, count).await?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    WebSocket,
    EventStream,
    LongPoll,
}

impl Transport {
    /// A request as short as a program sends it. A browser adds some 500 bytes.
    /// `seen` is the number of messages that the client has: a long-poll asks for the next one.
    fn request(self, seen: u64) -> String {
        match self {
            Self::WebSocket => "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Version: 13\r\n\r\n"
                .to_owned(),
            Self::EventStream => "GET /events HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            Self::LongPoll => format!("GET /poll?{seen} HTTP/1.1\r\nHost: a\r\n\r\n"),
        }
    }
}

async fn measure(transport: Transport, count: usize) -> Result<()> {
    let mut server = Server::start()?;
    let before = server.resident_kib()?;
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = TcpStream::connect(&server.address).await?;
        client.set_nodelay(true)?;
        client.write_all(transport.request(0).as_bytes()).await?;
        if transport != Transport::LongPoll {
            let mut head = [0; 1024];
            let _ = client.read(&mut head).await?;
        }
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = (server.resident_kib()? - before) * 1024 / u64::try_from(count).unwrap_or(1);

    let (cpu_before, begun) = (server.cpu()?, Instant::now());
    let (mut received, mut seen) = (0, 0);
    for _ in 0..ROUNDS {
        server.publish()?;
        seen += 1;
        for client in &mut clients {
            received += receive(client).await?.len;
            if transport == Transport::LongPoll {
                client.write_all(transport.request(seen).as_bytes()).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let delivered = f64::from(ROUNDS) * count as f64;
    let cpu = (server.cpu()? - cpu_before).as_secs_f64() * 1e6 / delivered;
    let all = begun.elapsed();

    clients.truncate(1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut delays = Vec::new();
    for client in &mut clients {
        for _ in 0..500 {
            server.publish()?;
            seen += 1;
            delays.push(receive(client).await?.delay);
            if transport == Transport::LongPoll {
                client.write_all(transport.request(seen).as_bytes()).await?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
    println!(
        "{transport:?}: {grown} bytes of memory a waiting client; for a message of {PAYLOAD_LEN} bytes: {:.0} \
         bytes received, {cpu:.1} us of the server, {} us until it arrives (median); {all:?} in all",
        received as f64 / delivered,
        median.as_micros(),
    );
    server.process.kill()
}

struct Received {
    len: usize,
    delay: Duration,
}

/// Reads one message, whatever is around it.
async fn receive(client: &mut TcpStream) -> Result<Received> {
    let mut bytes = Vec::new();
    loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(Error::other("the server has closed"));
        }
        if let Some(end) = bytes.iter().position(|byte| *byte == END) {
            let sent = bytes.get(end.saturating_sub(20)..end).unwrap_or_default();
            let sent = std::str::from_utf8(sent).ok().and_then(|sent| sent.parse().ok());
            let delay = now().saturating_sub(Duration::from_nanos(sent.unwrap_or_default()));
            return Ok(Received { len: bytes.len(), delay });
        }
    }
}

struct Server {
    process: Child,
    input: ChildStdin,
    address: String,
}

impl Server {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or_else(|| Error::other("no stdout"))?;
        let input = process.stdin.take().ok_or_else(|| Error::other("no stdin"))?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { process, input, address: address.trim().to_owned() })
    }

    fn publish(&mut self) -> Result<()> {
        self.input.write_all(b"\n")?;
        self.input.flush()
    }

    fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .ok_or_else(|| Error::other("the system does not tell the memory of a process"))
    }

    /// The time that the processor worked for the server, in steps of 10 ms.
    fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 10))
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[derive(Clone)]
struct Feed {
    /// The number of messages so far, and the last one.
    latest: watch::Sender<(u64, Message)>,
    responder: Responder,
    senders: Arc<Mutex<Vec<EventSender>>>,
}

/// Publishes a message for each line of standard input.
async fn serve() -> Result<()> {
    let feed = Feed {
        latest: watch::Sender::new((0, Message::from(""))),
        responder: Responder::new(),
        senders: Arc::default(),
    };
    let routes = Router::new()
        .route("/ws", any(websocket))
        .route("/events", any(events))
        .route("/poll", any(poll))
        .with_state(feed.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(routes.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let text = format!("{:0>len$}{}", now().as_nanos(), char::from(END), len = PAYLOAD_LEN - 1);
        let event = EncodedEvent::text(&text);
        let mut senders = feed.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|sender| sender.try_send(&event).is_ok());
        drop(senders);
        feed.latest.send_modify(|(number, message)| {
            *number += 1;
            *message = Message::from(text);
        });
    }
    Ok(())
}

async fn websocket(State(feed): State<Feed>, mut request: Request) -> Response {
    match upgrade(&mut request, Config::server(), accept_same_origin) {
        Ok((response, upgrade)) => {
            let mut latest = feed.latest.subscribe();
            tokio::spawn(async move {
                let Ok(mut socket) = upgrade.socket().await else { return };
                loop {
                    tokio::select! {
                        received = socket.recv() => match received {
                            Ok(Some(_)) => {}
                            _ => return,
                        },
                        _ = latest.changed() => {
                            let (_, message) = latest.borrow_and_update().clone();
                            if socket.send(message).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
            response.map(|()| Body::empty())
        }
        Err(rejection) => rejection.map(Body::from),
    }
}

async fn events(State(feed): State<Feed>) -> Response {
    let (sender, response) = feed.responder.open();
    feed.senders.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    response.into_response()
}

async fn poll(State(feed): State<Feed>, request: Request) -> String {
    let seen: u64 = request.uri().query().and_then(|seen| seen.parse().ok()).unwrap_or_default();
    let mut latest = feed.latest.subscribe();
    match latest.wait_for(|(number, _)| *number > seen).await {
        Ok(latest) => latest.1.as_text().unwrap_or_default().to_owned(),
        Err(_closed) => String::new(),
    }
}
