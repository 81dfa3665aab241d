//! A long talk on one connection: ten thousand echoes and their Pings, while large messages go the
//! other way in pieces.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::sync::Arc;
use std::time::Duration;

use tidings_testkit::Random;
use tidings_tokio::websocket::frame::ControlPayload;
use tidings_tokio::websocket::{Client, ControlFrameRate};
use tidings_tokio::{
    CloseCode, Config, Error, Message, WebSocket,
    client::{ClientRole, RandomMasks},
    message::MessageKind,
    server::ServerRole,
    socket::{OwnedReceiver, OwnedSender},
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

#[allow(dead_code, reason = "of the scene only the tap is needed")]
#[path = "scene/tap.rs"]
mod tap;

use tap::Tap;

type Stream = Tap<TcpStream>;

/// A `send` returns with less than this queued, and its own message.
const HIGH_WATER: usize = 64 * 1024;
const PIECE_LEN: usize = 20_000;
/// A large message is sent before each batch of this many echoes.
const BATCH: usize = 500;
/// Requests under way at once.
const WINDOW: usize = 700;
const PING_EVERY: usize = 10;

async fn pair() -> (WebSocket<Stream>, WebSocket<Stream, ClientRole>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let mut config = Config::server();
    config.limits.max_message_len = 1 << 30;
    config.deliver_control_frames = true;
    // The Pings of the connections themselves are not among those that are counted.
    config.timeouts.ping_interval = Duration::from_secs(3600);
    // Far more Pings than from an honest peer.
    config.limits.control_frames = ControlFrameRate { burst: 1_000_000, per_second: 1_000_000 };
    let client = Client::new(RandomMasks);
    (
        WebSocket::from_handshaken(Tap::new(far), ServerRole, config, &[]),
        WebSocket::from_handshaken(Tap::new(near), client, config, &[]),
    )
}

/// The request with this number: texts and binaries of up to 300 bytes that contain it.
fn request(number: usize) -> Message {
    let len = Random::new(u64::try_from(number).unwrap()).below(300);
    match number % 3 {
        0 => Message::binary(format!("{number}:{}", "b".repeat(len)).into_bytes()),
        _ => Message::text(format!("{number}:{}", "é".repeat(len / 2))),
    }
}

/// A piece of a large message, which contains its position.
fn piece(batch: usize, place: usize) -> Vec<u8> {
    let byte = u8::try_from((batch * 31 + place) % 251).unwrap();
    vec![byte; PIECE_LEN]
}

fn ping(number: usize) -> ControlPayload {
    ControlPayload::new(format!("ping {number}").as_bytes()).unwrap()
}

/// The bytes that were passed and that the transport has not taken yet.
struct Books {
    written: Arc<std::sync::Mutex<Vec<u8>>>,
    written_before: usize,
    handed: usize,
}

impl Books {
    fn new(written: Arc<std::sync::Mutex<Vec<u8>>>) -> Self {
        Self { written, written_before: 0, handed: 0 }
    }

    /// After a send of `len` bytes returned: the queue is bounded.
    fn check(&mut self, len: usize) {
        self.handed += len;
        let mut written = self.written.lock().unwrap();
        self.written_before += written.len();
        written.clear(); // counted, and not kept
        let queued = self.handed.saturating_sub(self.written_before);
        assert!(queued <= HIGH_WATER + len, "{queued} bytes are queued after one of {len}");
    }
}

/// Sends a large message in pieces, then echoes a batch, and so on; the requests of a batch come
/// while the large message goes out.
async fn serve(
    mut socket: WebSocket<Stream>,
    requests: usize,
    pieces: usize,
) -> Result<usize, Error> {
    let mut books = Books::new(socket.get_ref().written());
    let mut pings = 0;
    for batch in 0..requests / BATCH {
        let mut writer = socket.writer(MessageKind::Binary)?;
        for place in 0..pieces {
            writer.write(&piece(batch, place)).await?;
            books.check(PIECE_LEN);
        }
        writer.finish().await?;
        let mut echoes = 0;
        while echoes < BATCH {
            match socket.recv().await?.unwrap() {
                Message::Ping(_) => pings += 1,
                Message::Pong(_) => {}
                message => {
                    assert_eq!(message, request(batch * BATCH + echoes), "echo out of order");
                    echoes += 1;
                    let len = message.as_text().map_or(0, str::len)
                        + message.as_binary().map_or(0, <[u8]>::len);
                    socket.send(message).await?;
                    books.check(len);
                }
            }
        }
        socket.send(Message::ping(ping(batch))).await?;
    }
    while let Some(message) = socket.recv().await? {
        assert!(!matches!(message, Message::Text(_) | Message::Binary(_)), "one too many");
        pings += usize::from(matches!(message, Message::Ping(_)));
    }
    Ok(pings)
}

async fn ask(
    mut sender: OwnedSender<Stream, ClientRole>,
    requests: usize,
    window: Arc<Semaphore>,
) -> OwnedSender<Stream, ClientRole> {
    for number in 0..requests {
        window.acquire().await.unwrap().forget();
        if number % PING_EVERY == 0 {
            sender.send(Message::ping(ping(number))).await.unwrap();
        }
        sender.send(request(number)).await.unwrap();
    }
    sender
}

/// Everything comes in order: the large message of a batch, its echoes, and between them Pongs,
/// each of a Ping, in their order. Returns how many Pongs and Pings there were.
async fn listen(
    receiver: &mut OwnedReceiver<Stream, ClientRole>,
    requests: usize,
    pieces: usize,
    window: Arc<Semaphore>,
) -> (usize, usize) {
    let (mut echoes, mut larges) = (0, 0);
    let (mut pongs, mut pings) = (0, 0);
    let mut answered = None;
    while echoes < requests {
        match receiver.recv().await.unwrap().unwrap() {
            Message::Pong(payload) => {
                let text = std::str::from_utf8(payload.as_bytes()).unwrap();
                let number: usize = text.strip_prefix("ping ").unwrap().parse().unwrap();
                assert!(Some(number) > answered, "{number} after {answered:?}");
                answered = Some(number);
                pongs += 1;
            }
            Message::Ping(payload) => {
                assert_eq!(*payload, ping(pings));
                pings += 1;
            }
            message if larges * BATCH == echoes => {
                let bytes = message.as_binary().unwrap();
                let parts = bytes.chunks(PIECE_LEN).enumerate();
                let is_whole = parts.map(|(place, part)| part == piece(larges, place));
                assert_eq!(is_whole.filter(|is_whole| *is_whole).count(), pieces);
                assert_eq!(bytes.len(), pieces * PIECE_LEN);
                larges += 1;
            }
            message => {
                assert_eq!(message, request(echoes));
                echoes += 1;
                window.add_permits(1);
            }
        }
    }
    (pongs, pings)
}

async fn soak(requests: usize, pieces: usize) {
    let (server, client) = pair().await;
    let serving = tokio::spawn(serve(server, requests, pieces));
    let (mut receiver, sender) = client.into_split();
    let window = Arc::new(Semaphore::new(WINDOW));
    let asking = tokio::spawn(ask(sender, requests, Arc::clone(&window)));
    let (pongs, _) = listen(&mut receiver, requests, pieces, window).await;
    let mut sender = asking.await.unwrap();
    sender.close(CloseCode::NORMAL, "done").await.unwrap();
    while let Some(message) = receiver.recv().await.unwrap() {
        let is_control = matches!(message, Message::Ping(_) | Message::Pong(_) | Message::Close(_));
        assert!(is_control, "{message:?}");
    }
    assert!(receiver.close_info().is_clean());
    assert_eq!(serving.await.unwrap().unwrap(), requests / PING_EVERY, "every Ping came");
    // 5.5.3: of several that wait, the last may be answered alone.
    assert!(pongs > 0 && pongs <= requests / PING_EVERY, "{pongs} Pongs");
}

/// W-100
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_echoes_pass_while_large_messages_go_out_in_pieces() {
    timeout(Duration::from_secs(60), soak(10_000, 20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "exhaustive: run in release by CI"]
async fn exhaustive_a_million_echoes() {
    timeout(Duration::from_secs(600), soak(1_000_000, 200)).await.unwrap();
}
