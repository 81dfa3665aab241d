//! A server with a thread for each client, and a client that speaks HTTP by hand.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tidings_std::sse::server::{
    Capacity, EncodedEvent, EventRequest, EventSender, History, Responder, ServeError,
};
use tidings_std::sse::{Decoder, Event, EventId, Item};

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Events for all clients, in one order.
pub(crate) struct Feed {
    pub(crate) port: u16,
    pub(crate) history: Arc<History>,
    senders: Arc<Mutex<Vec<EventSender>>>,
    served: Mutex<Receiver<Result<(), ServeError>>>,
}

/// An event whose ID and data are `id`.
pub(crate) fn event(id: u64) -> EncodedEvent {
    let id = id.to_string();
    Event::new().id(EventId::new(&id).unwrap()).data(&id).into()
}

impl Feed {
    pub(crate) fn start(responder: Responder) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let history = Arc::new(History::with_lasting_ids(Capacity::DEFAULT));
        let senders: Arc<Mutex<Vec<EventSender>>> = Arc::default();
        let (ended, served) = mpsc::channel();
        let feed = Self {
            port,
            history: Arc::clone(&history),
            senders: Arc::clone(&senders),
            served: Mutex::new(served),
        };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, responder) = (stream.unwrap(), responder.clone());
                let (history, senders) = (Arc::clone(&history), Arc::clone(&senders));
                let ended = ended.clone();
                thread::spawn(move || {
                    let _ = ended.send(serve(stream, &responder, history, &senders));
                });
            }
        });
        feed
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// First into the history, then out, under one lock.
    pub(crate) fn publish(&self, event: &EncodedEvent) {
        let mut senders = self.senders.lock().unwrap();
        self.history.push(event.clone()).unwrap();
        senders.retain(|sender| sender.try_send(event).is_ok());
    }

    /// The sender of the only client, once it is there.
    pub(crate) fn sender(&self) -> EventSender {
        loop {
            if let [sender] = &self.senders.lock().unwrap()[..] {
                return sender.clone();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets the feed go of all clients, and returns their senders.
    pub(crate) fn forget(&self) -> Vec<EventSender> {
        std::mem::take(&mut *self.senders.lock().unwrap())
    }

    /// Returns how the next connection ended.
    pub(crate) fn served(&self) -> Result<(), ServeError> {
        self.served.lock().unwrap().recv_timeout(SOON).unwrap()
    }

    /// A connection on which this was sent.
    pub(crate) fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

fn serve(
    stream: TcpStream,
    responder: &Responder,
    history: Arc<History>,
    senders: &Mutex<Vec<EventSender>>,
) -> Result<(), ServeError> {
    let request = EventRequest::read(stream)?;
    match request.last_event_id() {
        Ok(last_event_id) => {
            let (sender, response) = responder.replay(history, last_event_id);
            senders.lock().unwrap().push(sender);
            request.respond(response)
        }
        Err(error) => request.respond_with(error.response()),
    }
}

/// Reads until `end` has come.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

/// Reads to the end of the connection.
pub(crate) fn read_all(mut stream: TcpStream) -> String {
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    all
}

/// Returns a client's view: data, with the type before it if that is not `message`.
pub(crate) fn seen(mut stream: &[u8]) -> Vec<String> {
    let (mut decoder, mut seen) = (Decoder::new(), Vec::new());
    while let Some(item) = decoder.decode(&mut stream) {
        match item {
            Item::Event(event) if event.event_type == "message" => seen.push(event.data.to_owned()),
            Item::Event(event) => seen.push(format!("{} {}", event.event_type, event.data)),
            _ => {}
        }
    }
    seen
}
