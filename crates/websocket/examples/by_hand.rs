//! Drives two connections by hand, a client's and a server's, over a `Vec<u8>` each way: no socket,
//! no clock, no runtime. It does the work of an adapter, in the steps that `Connection` numbers.
//!
//! Run it with `cargo run -p tidings-websocket --all-features --example by_hand`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::{Duration, Instant};

use tidings_websocket::frame::{CloseCode, CloseFrame};
use tidings_websocket::{
    Assembled, Assembler, Client, Connection, Data, Event, Limits, MessageRef, Role, SendError,
    Server, Timeouts, Timestamp, Transmit,
};

/// One end: the machine, and its output.
struct End<R> {
    name: &'static str,
    connection: Connection<R>,
    assembler: Assembler,
    out: Vec<u8>,
}

impl<R: Role> End<R> {
    fn new(name: &'static str, role: R, limits: Limits, timeouts: Timeouts) -> Self {
        let connection = Connection::new(role, limits, timeouts, Timestamp::default());
        Self { name, connection, assembler: Assembler::new(), out: Vec::new() }
    }

    /// Steps 1 to 3, for bytes that have arrived.
    fn receive(&mut self, now: Timestamp, mut bytes: Vec<u8>) -> Result<(), SendError> {
        // 1. Bytes in: any slice will do; it is unmasked in place.
        let mut input = &mut bytes[..];
        // 2. Events out. An event borrows the slice, not the connection: so we can send.
        while let Some(event) = self.connection.receive(now, &mut input) {
            match self.assembler.push(event, self.connection.announced_rest_len()) {
                Assembled::Message(MessageRef::Text(text)) => {
                    println!("{} got {text:?}", self.name);
                    if self.name == "server" {
                        let echo = Data::text(&text);
                        self.connection.send(echo)?.append_to(&mut self.out);
                    }
                }
                Assembled::Other(Event::Close(close)) => println!("{} got {close:?}", self.name),
                Assembled::Other(event) => println!("{} got {event:?}", self.name),
                Assembled::Message(MessageRef::Binary(_)) | Assembled::Incomplete => {}
            }
        }
        self.transmit();
        Ok(())
    }

    /// 3. Pending output out.
    fn transmit(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Frame(frame) => self.out.extend_from_slice(frame.as_bytes()),
                Transmit::Shutdown => println!("{} ends its side", self.name),
            }
        }
    }
}

fn main() -> Result<(), SendError> {
    let epoch = Instant::now();
    let now = || Timestamp::from_epoch(epoch.elapsed());

    // A real client draws its keys from a cryptographic generator. These are for looking at.
    let mut key = 0u32;
    let masks = move || {
        key = key.wrapping_add(0x9E37_79B9);
        key.to_be_bytes()
    };
    let mut client = End::new("client", Client::new(masks), Limits::client(), Timeouts::client());
    let mut server = End::new("server", Server, Limits::server(), Timeouts::server());

    // A message in two pieces, with a Ping between them.
    client.connection.send(Data::text("Hello, ").more())?.append_to(&mut client.out);
    let ping = client.connection.ping(Default::default())?;
    client.out.extend_from_slice(ping.as_bytes());
    client.connection.send(Data::text("world"))?.append_to(&mut client.out);

    server.receive(now(), std::mem::take(&mut client.out))?;
    client.receive(now(), std::mem::take(&mut server.out))?;

    // 4. Sleep until bytes, the deadline or a command. Here: half a minute passes at once.
    let later = now().after(Duration::from_secs(30));
    assert!(server.connection.poll_timeout().is_some_and(|deadline| deadline <= later));
    assert_eq!(server.connection.handle_timeout(later), None);
    server.transmit();
    println!("server's Ping: {:02x?}", server.out);
    client.receive(later, std::mem::take(&mut server.out))?;
    server.receive(later, std::mem::take(&mut client.out))?;

    client.connection.close(later, Some(CloseFrame::new(CloseCode::NORMAL, "that was all")));
    client.transmit();
    server.receive(later, std::mem::take(&mut client.out))?;
    client.receive(later, std::mem::take(&mut server.out))?;
    client.connection.receive_eof();
    client.transmit();
    assert!(client.connection.is_finished() && server.connection.is_finished());
    println!("both closed: {:?}", client.connection.close_info().is_clean());
    Ok(())
}
