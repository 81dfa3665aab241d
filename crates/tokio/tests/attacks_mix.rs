//! One attacker of each kind beside good clients, on one server over loopback TCP; and many
//! connections that come and go.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod attack_scene;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use attack_scene::{OFFER, frame, header, read_head, request};
use tidings_testkit::{Unit, Wire, deflate_bomb};
use tidings_tokio::{CloseCode, Config, Error, accept, compression::Compression, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One test at a time, for all have the same file descriptors.
static ALONE: Mutex<()> = Mutex::new(());

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}

/// Returns the number of open files of this process, where the system reports it.
fn descriptors() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

/// Waits until no more are open than before.
async fn until_closed(before: Option<usize>) {
    while descriptors() > before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The ends of a server's connections.
#[derive(Default)]
struct Ended {
    cleanly: AtomicUsize,
    by_error: AtomicUsize,
}

/// Waits until this many connections have ended by an error.
async fn until_ended(ended: &Ended, by_error: usize) {
    while ended.by_error.load(Ordering::Relaxed) < by_error {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An echo server with everything switched on that an attacker could use.
async fn start() -> (SocketAddr, Arc<Ended>) {
    let mut config = Config::server();
    config.compression = Some(Compression::default());
    // Long enough for clients that are only delayed by this machine.
    config.handshake_timeout = Duration::from_secs(3);
    config.timeouts.message = Duration::from_secs(3);
    config.timeouts.closing = Duration::from_secs(3);
    config.write_timeout = Duration::from_secs(3);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(Ended::default());
    let counted = Arc::clone(&ended);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let served = async {
                    let mut socket = accept(stream, config).await?;
                    while let Some(message) = socket.recv().await? {
                        socket.send(message).await?;
                    }
                    Ok::<_, Error>(())
                };
                match served.await {
                    Ok(()) => counted.cleanly.fetch_add(1, Ordering::Relaxed),
                    Err(_) => counted.by_error.fetch_add(1, Ordering::Relaxed),
                }
            });
        }
    });
    (address, ended)
}

/// Writes these bytes after a handshake, and reads until the end: returns the code of the Close
/// frame.
async fn attack(server: SocketAddr, bytes: Vec<u8>) -> Option<u16> {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(&request(OFFER)).await.unwrap();
    read_head(&mut stream).await;
    let (mut reading, mut writing) = stream.split();
    let mut received = Vec::new();
    // The server may have enough before all of it is written.
    let (read, _) = tokio::join!(reading.read_to_end(&mut received), writing.write_all(&bytes));
    read.unwrap();
    match Wire::read(false, &received).unwrap().units().last() {
        Some(Unit::Close(Some((code, _)))) => Some(*code),
        _ => None,
    }
}

/// The attacks that end with a code.
fn attacks() -> Vec<(&'static str, Vec<u8>, u16)> {
    let fragments = [frame(0x01, b""), frame(0, b"").repeat(20_000)].concat();
    vec![
        ("a bomb", frame(0xC2, &deflate_bomb(16)), 1009),
        ("tiny fragments", fragments, 1008),
        ("a flood of Pings", frame(0x89, &[7; 100]).repeat(5000), 1008),
        ("a flood of Pongs", frame(0x8A, b"").repeat(5000), 1008),
        ("a huge length", header(0x82, (1 << 63) - 1), 1009),
        ("a reserved opcode", header(0x83, 1 << 62), 1002),
        ("a reserved bit", frame(0xA1, b"x"), 1002),
        ("invalid text", frame(0x81, b"\xFF"), 1007),
        ("corrupt compression", frame(0xC1, b"\xFF\xFF"), 1007),
        ("no mask", vec![0x81, 1, b'x'], 1002),
        ("an illegal code", frame(0x88, &1006u16.to_be_bytes()), 1002),
        ("a message inside a message", [frame(1, b"x"), frame(1, b"y")].concat(), 1002),
    ]
}

/// Each attacker is cut with its code, while fifty clients lose nothing.
#[test]
fn attackers_are_cut_and_good_clients_lose_nothing() {
    const CLIENTS: usize = 50;
    const ECHOES: usize = 40;
    run(async {
        let before = descriptors();
        let (server, ended) = start().await;
        let mut good = Vec::new();
        for number in 0..CLIENTS {
            good.push(tokio::spawn(async move {
                let mut socket = connect(&format!("ws://{server}/")).await.unwrap();
                for echo in 0..ECHOES {
                    let text = format!("{number}:{echo} ").repeat(1 + echo * 5);
                    socket.send(text.clone()).await.unwrap();
                    assert_eq!(socket.recv().await.unwrap(), Some(text.into()));
                }
                socket.close(CloseCode::NORMAL, "").await.unwrap();
                assert!(socket.close_info().is_clean());
            }));
        }
        let mut bad = Vec::new();
        let bad_count = attacks().len() + 3 + 3 + 2;
        for (name, bytes, code) in attacks() {
            bad.push(tokio::spawn(async move {
                assert_eq!(attack(server, bytes).await, Some(code), "{name}");
            }));
        }
        // Those that are answered in HTTP.
        for head in [
            format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)),
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1000)),
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".repeat(100),
        ] {
            bad.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(server).await.unwrap();
                let _ = stream.write_all(head.as_bytes()).await;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
            }));
        }
        // Those that hold on: slow in the request, slow in a frame, taking nothing, half-closed,
        // vanished. All are let go.
        for (first, slow) in [
            (vec![], vec![b'G'; 100]),
            ([request(""), header(0x82, 1000)].concat(), vec![7; 100]),
            ([request(""), frame(0x82, &[7; 100_000]).repeat(100)].concat(), vec![]),
        ] {
            let ended = Arc::clone(&ended);
            bad.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(server).await.unwrap();
                // Neither the echoes nor the answer are read: it may block forever.
                let writing = async {
                    stream.write_all(&first).await?;
                    for byte in slow {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        stream.write_all(&[byte]).await?;
                    }
                    std::future::pending::<std::io::Result<()>>().await
                };
                // It is the server that has to let go.
                tokio::select! {
                    _ = writing => {}
                    () = until_ended(&ended, bad_count) => {}
                }
            }));
        }
        bad.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.write_all(&[&request("")[..], &frame(0x81, b"last")].concat()).await.unwrap();
            stream.shutdown().await.unwrap();
            read_head(&mut stream).await;
            let mut echo = Vec::new();
            stream.read_to_end(&mut echo).await.unwrap();
            assert!(echo.starts_with(b"\x81\x04last"), "{echo:?}");
        }));
        bad.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.write_all(&[&request("")[..], &[0x82, 0xFF]].concat()).await.unwrap();
            read_head(&mut stream).await;
            stream.set_zero_linger().unwrap();
        }));
        assert_eq!(bad.len(), bad_count);
        for client in good.into_iter().chain(bad) {
            client.await.unwrap();
        }
        // Every attacker was an error of its own connection only.
        until_ended(&ended, bad_count).await;
        assert_eq!(ended.cleanly.load(Ordering::Relaxed), CLIENTS);
        // The listener of the server, and the files of tokio.
        until_closed(before.map(|count| count + 1)).await;
    });
}

/// A client of ours on an event stream without end does not delay its neighbours
/// on the same thread.
#[cfg(feature = "sse")]
#[test]
fn an_endless_event_starves_nobody() {
    use tidings_tokio::sse::EventStream;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let chunk = Ok::<_, std::convert::Infallible>(vec![b'x'; 1 << 16]);
        let endless = futures_util::stream::iter(std::iter::repeat_n(chunk, 200));
        let mut stream = EventStream::new(endless);
        let reading =
            tokio::spawn(async move { stream.next().await.is_some_and(|next| next.is_err()) });
        let (near, far) = tokio::io::duplex(1 << 10);
        let options = tidings_tokio::ConnectOptions::new();
        let (server, client) = tokio::join!(
            accept(near, Config::server()),
            tidings_tokio::client::client_handshake(far, "ws://a/", &options)
        );
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        for _ in 0..10 {
            client.send("still there").await.unwrap();
            assert_eq!(server.recv().await.unwrap(), Some("still there".into()));
        }
        assert!(reading.await.unwrap(), "the endless line was not an error");
    });
}

/// A short soak: hundreds at once, and hundreds that come and go in every way. Nothing of
/// them stays open.
#[test]
fn connections_that_come_and_go_leave_nothing_open() {
    const AT_ONCE: usize = 200;
    const CHURN: usize = 300;
    run(async {
        let (server, ended) = start().await;
        let uri = format!("ws://{server}/");
        let before = descriptors();
        let mut open = Vec::new();
        for _ in 0..AT_ONCE {
            open.push(connect(&uri).await.unwrap());
        }
        for socket in &mut open {
            socket.send("here").await.unwrap();
        }
        for socket in &mut open {
            assert_eq!(socket.recv().await.unwrap(), Some("here".into()));
        }
        drop(open);
        for number in 0..CHURN {
            match number % 4 {
                0 => connect(&uri).await.unwrap().close(CloseCode::NORMAL, "").await.unwrap(),
                1 => drop(connect(&uri).await.unwrap()),
                2 => {
                    let stream = TcpStream::connect(server).await.unwrap();
                    stream.set_zero_linger().unwrap();
                }
                _ => {
                    let mut stream = TcpStream::connect(server).await.unwrap();
                    stream.write_all(b"GET /").await.unwrap();
                }
            }
        }
        while ended.cleanly.load(Ordering::Relaxed) + ended.by_error.load(Ordering::Relaxed)
            < AT_ONCE + CHURN
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(ended.cleanly.load(Ordering::Relaxed), CHURN / 4);
        until_closed(before).await;
    });
}

/// A runtime that is dropped in the middle of transfers leaves nothing open and panics
/// nowhere.
#[test]
fn a_runtime_that_is_dropped_leaves_nothing_open() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    // With the first one come descriptors that the process keeps: those of tokio's signals.
    drop(runtime().unwrap());
    let before = descriptors();
    let runtime = runtime().unwrap();
    let echoed = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let (server, _) = start().await;
        for _ in 0..5 {
            let echoed = Arc::clone(&echoed);
            tokio::spawn(async move {
                let socket = connect(&format!("ws://{server}/")).await.unwrap();
                let (mut receiver, mut sender) = socket.into_split();
                tokio::spawn(async move { while sender.send(vec![7; 20_000]).await.is_ok() {} });
                while let Ok(Some(_)) = receiver.recv().await {
                    echoed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while echoed.load(Ordering::Relaxed) < 25 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    drop(runtime);
    assert!(descriptors() <= before, "{:?} are open, {before:?} were", descriptors());
}
