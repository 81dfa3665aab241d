//! A client and a server of this crate, joined in memory, async and blocking.

#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use embedded_io::ErrorKind;
use tidings_embedded::handshake::{ClientRequest, Key, WebSocketUri};
use tidings_embedded::websocket::frame::{CloseCode, CloseFrame};
use tidings_embedded::websocket::{Data, Event, Timestamp};
use tidings_embedded::{Config, Gathered, Message, MessageBuffer, asynchronous, blocking};
use tidings_testkit::{FaultTransport, Faults, Keys, for_seeds, run_when_woken};

/// A blocking transport of the testkit as one of `embedded-io`.
struct Blocking(FaultTransport);

impl embedded_io::ErrorType for Blocking {
    type Error = ErrorKind;
}

impl embedded_io::Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(buffer).map_err(|_| ErrorKind::Other)
    }
}

impl embedded_io::Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush().map_err(|_| ErrorKind::Other)
    }
}

/// One direction of an async pipe.
#[derive(Default)]
struct Direction {
    bytes: VecDeque<u8>,
    is_ended: bool,
    waker: Option<Waker>,
}

/// One end of an async pipe that holds few bytes.
struct Pipe {
    from: Rc<RefCell<Direction>>,
    to: Rc<RefCell<Direction>>,
    capacity: usize,
}

impl Pipe {
    fn pair(capacity: usize) -> (Self, Self) {
        let (a, b) = <(Rc<RefCell<Direction>>, Rc<RefCell<Direction>>)>::default();
        let first = Self { from: Rc::clone(&a), to: Rc::clone(&b), capacity };
        (first, Self { from: b, to: a, capacity })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut to = self.to.borrow_mut();
        to.is_ended = true;
        to.waker.take().inspect(Waker::wake_by_ref);
    }
}

impl embedded_io_async::ErrorType for Pipe {
    type Error = ErrorKind;
}

impl embedded_io_async::Read for Pipe {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| {
            let mut from = self.from.borrow_mut();
            if from.bytes.is_empty() && !from.is_ended {
                from.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            let len = from.bytes.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(from.bytes.drain(..len)) {
                *to = from;
            }
            from.waker.take().inspect(Waker::wake_by_ref);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl embedded_io_async::Write for Pipe {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| {
            let mut to = self.to.borrow_mut();
            let room = self.capacity - to.bytes.len();
            if room == 0 {
                to.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            let len = bytes.len().min(room);
            to.bytes.extend(&bytes[..len]);
            to.waker.take().inspect(Waker::wake_by_ref);
            Poll::Ready(Ok(len))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn clock() -> Timestamp {
    Timestamp::default()
}

fn request() -> ClientRequest<'static> {
    let uri = WebSocketUri::parse("ws://device.local/").unwrap();
    ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"))
}

const LENGTHS: [usize; 7] = [0, 1, 125, 126, 300, 1000, 70_000];

fn message(len: usize) -> String {
    "grün, blau und gelb; ".chars().cycle().take(len).collect()
}

fn goodbye() -> Option<CloseFrame> {
    Some(CloseFrame::new(CloseCode::NORMAL, "done"))
}

fn serve_blocking(stream: Blocking) {
    let mut buffer = [0; 512];
    let config = Config::server();
    let mut socket =
        blocking::accept(stream, &mut buffer, clock, &config, |request| Ok(request.accept()))
            .unwrap();
    while let Some((event, sender)) = socket.recv().unwrap() {
        let (data, is_last) = match &event {
            Event::Text { text, is_last, .. } => (Data::text(text.rest), *is_last),
            Event::Binary { bytes, is_last, .. } => (Data::binary(bytes), *is_last),
            _ => continue,
        };
        sender.send(if is_last { data } else { data.more() }).unwrap();
    }
}

/// A client and a server on two threads; the echo comes while the message goes.
#[test]
fn blocking_client_and_server_talk() {
    for_seeds(0..4, |random| {
        let (near, far) = FaultTransport::pair(1 << 20);
        let near = near.blocking();
        let far = far.blocking().with(Faults::none().reads_of(20 + random.below(100)));
        let server = thread::spawn(move || serve_blocking(Blocking(far)));
        let mut buffer = [0; 300];
        let (config, keys) = (Config::client(), Keys::new(1));
        let near = Blocking(near);
        let mut socket =
            blocking::connect(near, &mut buffer, clock, &config, keys, &request(), |_| {}).unwrap();
        let mut memory = vec![0; 200_000];
        let mut messages = MessageBuffer::new(&mut memory);
        for len in LENGTHS {
            let sent = message(len);
            let binary = (Data::binary(sent.as_bytes()), Message::Binary(sent.as_bytes()));
            for (data, message) in [binary, (Data::text(&sent), Message::Text(&sent))] {
                socket.sender().send(data).unwrap();
                loop {
                    let (event, _) = socket.recv().unwrap().unwrap();
                    if let Gathered::Message(received) = messages.push(event) {
                        assert_eq!(received, message);
                        break;
                    }
                }
            }
        }
        socket.sender().close(goodbye()).unwrap();
        let (Event::Close(close), _) = socket.recv().unwrap().unwrap() else { panic!() };
        assert_eq!(close.map(|close| close.code), Some(CloseCode::NORMAL));
        server.join().unwrap(); // hangs up, as a server does first
        assert!(socket.recv().unwrap().is_none());
        assert!(socket.sender().connection().close_info().is_clean());
    });
}

/// The same as two tasks, polled only when woken.
#[test]
fn async_client_and_server_talk() {
    for capacity in [1, 7, 100, 4096] {
        let (near, far) = Pipe::pair(capacity);
        let server = async move {
            let mut buffer = [0; 512];
            let config = Config::server();
            let mut socket = asynchronous::accept(far, &mut buffer, clock, &config, |request| {
                Ok(request.accept())
            })
            .await
            .unwrap();
            let mut count = 0;
            while let Some((event, sender)) = socket.recv().await.unwrap() {
                // An answer for each message, not an echo: neither waits for the other to read.
                if let Event::Text { is_last: true, .. } = event {
                    count += 1;
                    sender.send(Data::text(&message(count * 100))).await.unwrap();
                }
            }
            count
        };
        let client = async {
            let mut buffer = [0; 300];
            let (config, keys) = (Config::client(), Keys::new(1));
            let request = request();
            let mut socket =
                asynchronous::connect(near, &mut buffer, clock, &config, keys, &request, |_| {})
                    .await
                    .unwrap();
            let mut memory = vec![0; 2_000];
            let mut messages = MessageBuffer::new(&mut memory);
            for (i, len) in LENGTHS.into_iter().enumerate() {
                let sent = message(len.min(5_000));
                socket.sender().send(Data::text(&sent)).await.unwrap();
                loop {
                    let (event, _) = socket.recv().await.unwrap().unwrap();
                    if let Gathered::Message(received) = messages.push(event) {
                        assert_eq!(received, Message::Text(&message((i + 1) * 100)));
                        break;
                    }
                }
            }
            socket.sender().close(goodbye()).await.unwrap();
            while socket.recv().await.unwrap().is_some() {}
            socket.sender().connection().close_info().is_clean()
        };
        let woken = run_when_woken(1_000_000, server, client);
        assert_eq!(woken.values, (LENGTHS.len(), true));
    }
}
