//! The demo under attack, as a separate process with few resources. Linux only.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The demo, with at most this many open files, until it is dropped.
struct Demo {
    process: Child,
    address: String,
}

impl Demo {
    fn start(max_descriptors: u32) -> Self {
        let script = format!("ulimit -n {max_descriptors}; exec \"$0\" demo --listen 127.0.0.1:0");
        let mut process = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_tidings")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("open http://").unwrap().trim_end_matches('/');
        Self { process, address: address.to_owned() }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Returns a number that the system reports about it: `name` in `/proc/*/status`.
    fn status(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The processor time that it has used, in hundredths of a second.
    fn ticks(&self) -> u64 {
        let stat = format!("/proc/{}/stat", self.process.id());
        let stat = std::fs::read_to_string(stat).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields.iter().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Opens the chat.
fn chat(demo: &Demo) -> TcpStream {
    let mut stream = demo.connect();
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// Says something, masked with zeros, and hears it.
fn talk(chat: &mut TcpStream) {
    chat.write_all(b"\x81\x85\0\0\0\0Hello").unwrap();
    let mut heard = [0; 7];
    chat.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"\x81\x05Hello");
}

/// A client that takes all file descriptors keeps others out, only as long as it holds them.
/// Open connections continue, and the accept loop does not spin.
#[test]
fn a_server_without_file_descriptors_goes_on() {
    let demo = Demo::start(40);
    let mut inside = chat(&demo);
    talk(&mut inside);

    let held: Vec<TcpStream> = (0..60).map(|_| demo.connect()).collect();
    thread::sleep(Duration::from_millis(200));
    let (before, pause) = (demo.ticks(), Duration::from_secs(1));
    thread::sleep(pause);
    let ticks = demo.ticks() - before;
    assert!(ticks < 30, "{ticks} of 100 ticks were used to accept nothing");
    talk(&mut inside);

    drop(held);
    // The connections that waited are gone through, then ours is.
    let mut late = chat(&demo);
    late.write_all(b"\x81\x81\0\0\0\0!").unwrap();
    let mut heard = [0; 3];
    late.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"\x81\x01!");
}

/// Floods, huge lengths and huge heads at once cost little memory: the most
/// that the process ever had is measured, by the system.
#[test]
fn a_server_that_is_flooded_stays_small() {
    let demo = Demo::start(1000);
    drop(chat(&demo));
    let before = demo.status("VmHWM");
    let mut held = Vec::new();
    for number in 0..200 {
        let mut stream;
        match number % 4 {
            0 => {
                stream = chat(&demo);
                stream.write_all(b"\x82\xFF\x40\0\0\0\0\0\0\0\0\0\0\0").unwrap();
            }
            1 => {
                stream = chat(&demo);
                stream.write_all(b"\x82\xFE\x40\x00\0\0\0\0half a message").unwrap();
            }
            2 => {
                stream = demo.connect();
                let _ = stream.write_all(&vec![b'a'; 1 << 18]);
            }
            _ => {
                stream = chat(&demo);
                let _ = stream.write_all(&b"\x89\x80\0\0\0\0".repeat(5000));
            }
        }
        held.push(stream);
    }
    let grown_kib = demo.status("VmHWM").saturating_sub(before);
    assert!(grown_kib < 50 * 1024, "{grown_kib} KiB for 200 attackers");
    let mut inside = chat(&demo);
    talk(&mut inside);
}
