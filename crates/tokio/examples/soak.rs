//! Thousands of honest clients beside attackers of every kind, on one server: nothing may be lost,
//! nobody honest may wait much longer, every attacker gets its close code, memory stays flat.
//!
//! Run it with `cargo run --release -p tidings-tokio --example soak -- MINUTES CONNECTIONS`, or by
//! `cargo xtask soak`. Half of the time is quiet, the other half under attack.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tidings_tokio::{
    CloseCode, Config, ConnectOptions, WebSocket, accept,
    client::{ClientRole, ClientStream},
    compression::Compression,
    connect_with,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, interval, sleep, timeout};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Every honest client says something so often.
const PACE: Duration = Duration::from_secs(1);
/// The number of concurrent attackers of a kind, and their pauses. They take processor time from
/// the clients' machine too.
const ATTACKERS: usize = 4;
const REST: Duration = Duration::from_millis(250);
/// The allowed slowdown of the slowest hundredth under attack. A millisecond more is allowed for
/// the machine.
const MAX_SLOWDOWN: f64 = 1.5;
const GRACE: Duration = Duration::from_millis(1);
/// The allowed growth of memory under attack.
const GROWTH_MAX_KIB: u64 = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = arguments.next().as_deref().unwrap_or("1").parse()?;
    let connections: usize = arguments.next().as_deref().unwrap_or("1000").parse()?;
    let phase = Duration::try_from_secs_f64(minutes * 30.0)?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));
    let uri: Arc<str> = format!("ws://{address}/").into();

    let honest = Arc::new(Honest::default());
    let mut clients = Vec::new();
    for number in 0..connections {
        let socket = connect_with(&uri, &ConnectOptions::new()).await?;
        clients.push(tokio::spawn(Arc::clone(&honest).talk(socket, number)));
    }
    println!("{connections} clients are connected");
    // The first words of all come together.
    sleep(PACE * 3).await;
    honest.latencies.take();
    let quiet = honest.watch("quiet", phase).await;

    let under_attack = Arc::new(AtomicBool::new(true));
    let mut attackers = Vec::new();
    for attack in ATTACKS {
        for _ in 0..ATTACKERS {
            let under_attack = Arc::clone(&under_attack);
            attackers.push(tokio::spawn(async move {
                let mut times = 0u64;
                while under_attack.load(Ordering::Relaxed) {
                    attack
                        .run(address)
                        .await
                        .map_err(|error| format!("{}: {error}", attack.name))?;
                    times += 1;
                    sleep(REST).await;
                }
                Ok::<_, Error>((attack.name, times))
            }));
        }
    }
    sleep(PACE).await;
    honest.latencies.take();
    let attacked = honest.watch("under attack", phase).await;

    under_attack.store(false, Ordering::Relaxed);
    let mut times = BTreeMap::new();
    for attacker in attackers {
        let (name, attacks) = attacker.await??;
        *times.entry(name).or_insert(0) += attacks;
    }
    for (name, times) in times {
        println!("{name}: {times} times, each ended as it should");
    }
    honest.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    println!("all {connections} clients got every answer, in order, and closed cleanly");
    compare(&quiet, &attacked)
}

fn compare(quiet: &Report, attacked: &Report) -> Result<(), Error> {
    let allowed = quiet.p99.mul_f64(MAX_SLOWDOWN) + GRACE;
    if attacked.p99 > allowed {
        return Err(
            format!("p99 is {:?} under attack, {:?} is allowed", attacked.p99, allowed).into()
        );
    }
    let growth = attacked.memory_kib.saturating_sub(quiet.memory_kib);
    if growth > GROWTH_MAX_KIB {
        return Err(format!("memory grew by {growth} KiB under attack").into());
    }
    Ok(())
}

async fn serve(listener: TcpListener) {
    let mut config = Config::server();
    config.compression = Some(Compression::default());
    config.handshake_timeout = Duration::from_secs(3);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(mut socket) = accept(stream, config).await else { return };
            while let Ok(Some(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

// ---- honest clients ----

#[derive(Default)]
struct Honest {
    latencies: Latencies,
    stop: AtomicBool,
}

struct Report {
    p99: Duration,
    memory_kib: u64,
}

impl Honest {
    /// Says its next number, and waits for the echo of it.
    async fn talk(
        self: Arc<Self>,
        mut socket: WebSocket<ClientStream, ClientRole>,
        number: usize,
    ) -> Result<(), Error> {
        // Spread over the pace, so that they do not all speak at once.
        sleep(PACE.mul_f64(f64::from(u16::try_from(number % 1000)?) / 1000.0)).await;
        let mut ticks = interval(PACE);
        let mut said = 0u64;
        while !self.stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let text = format!("{number}: {said}");
            let begun = Instant::now();
            socket.send(&text).await?;
            let echo = socket.recv().await?.ok_or("the server closed")?;
            self.latencies.add(begun.elapsed());
            if echo.as_text() != Some(&text) {
                return Err(format!("{echo:?} is not an echo of {text:?}").into());
            }
            said += 1;
        }
        socket.close(CloseCode::NORMAL, "").await?;
        if socket.close_info().is_clean() {
            Ok(())
        } else {
            Err("it was not closed cleanly".into())
        }
    }

    async fn watch(&self, name: &str, duration: Duration) -> Report {
        sleep(duration).await;
        let (count, p50, p99, worst) = self.latencies.take();
        let memory_kib = resident_kib();
        println!(
            "{name}: {count} echoes, p50 {p50:?}, p99 {p99:?}, worst {worst:?}, {memory_kib} KiB resident"
        );
        Report { p99, memory_kib }
    }
}

/// The number that took this many steps of 100 us; the last also counts those that took longer.
struct Latencies([AtomicU64; 20_000]);

const STEP: Duration = Duration::from_micros(100);

impl Default for Latencies {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; 20_000])
    }
}

impl Latencies {
    fn add(&self, latency: Duration) {
        let step = usize::try_from(latency.as_micros() / STEP.as_micros()).unwrap_or(usize::MAX);
        if let Some(count) = self.0.get(step.min(self.0.len() - 1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns count, p50, p99 and the worst, all rounded up; and starts over.
    fn take(&self) -> (u64, Duration, Duration, Duration) {
        let counts: Vec<u64> =
            self.0.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let at = |share: u64| {
            let mut seen = 0;
            let step = counts.iter().position(|count| {
                seen += count;
                seen * 100 >= all * share
            });
            STEP * u32::try_from(step.unwrap_or_default() + 1).unwrap_or(u32::MAX)
        };
        (all, at(50), at(99), at(100))
    }
}

/// Of this process, which is server and clients.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

// ---- attackers ----

/// The bytes sent after the opening handshake, and the expected close code.
struct Attack {
    name: &'static str,
    send: fn() -> Vec<u8>,
    /// `None`: the connection ends, with or without a word.
    code: Option<u16>,
}

const ATTACKS: [&Attack; 9] = [
    &Attack {
        name: "a length of 2^62",
        send: || vec![0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        code: Some(1009),
    },
    &Attack { name: "no mask", send: || b"\x81\x02hi".to_vec(), code: Some(1002) },
    &Attack { name: "a reserved bit", send: || masked(0xA1, b"hi"), code: Some(1002) },
    &Attack { name: "text that is not UTF-8", send: || masked(0x81, b"\xFF"), code: Some(1007) },
    &Attack { name: "a continuation of nothing", send: || masked(0x80, b"hi"), code: Some(1002) },
    &Attack { name: "empty fragments", send: fragments, code: Some(1008) },
    &Attack {
        name: "a flood of Pings",
        send: || masked(0x89, b"?").repeat(10_000),
        code: Some(1008),
    },
    &Attack {
        name: "corrupt compression",
        send: || masked(0xC1, b"\x07\xFF\xFF"),
        code: Some(1007),
    },
    &Attack { name: "half a request", send: Vec::new, code: None },
];

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap_or(0x7D);
    [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat() // the key is zero
}

fn fragments() -> Vec<u8> {
    [masked(0x01, b""), masked(0x00, b"").repeat(20_000)].concat()
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

impl Attack {
    async fn run(&self, address: std::net::SocketAddr) -> Result<(), Error> {
        let mut stream = TcpStream::connect(address).await?;
        let Some(code) = self.code else {
            // Byte by byte, until the server has enough of it.
            for byte in REQUEST.iter().cycle() {
                if stream.write_all(&[*byte]).await.is_err() {
                    break;
                }
                let mut answer = [0; 512];
                let read = timeout(Duration::from_millis(300), stream.read(&mut answer)).await;
                if matches!(read, Ok(Ok(0) | Err(_))) {
                    break;
                }
            }
            return Ok(());
        };
        stream.write_all(REQUEST).await?;
        let mut received = Vec::new();
        while !received.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut received).await? == 0 {
                return Err("the server refused the request".into());
            }
        }
        // The server may have enough before all of it is sent.
        let _ = stream.write_all(&(self.send)()).await;
        let ended = timeout(Duration::from_secs(60), read_to_end(&mut stream, &mut received)).await;
        ended.map_err(|_| "the server goes on")?;
        let told = received.windows(4).any(|frame| {
            matches!(frame, [0x88, 2..=125, high, low] if u16::from_be_bytes([*high, *low]) == code)
        });
        if told { Ok(()) } else { Err(format!("the server did not close with {code}").into()) }
    }
}

/// Until the server has ended it, in whatever way.
async fn read_to_end(stream: &mut TcpStream, received: &mut Vec<u8>) {
    while let Ok(1..) = stream.read_buf(received).await {}
}
