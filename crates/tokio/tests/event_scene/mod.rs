//! A server that a test controls byte by byte, for an event source over loopback TCP.

#[cfg(feature = "rustls")]
pub(crate) mod tls;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings_sse::RetryClamp;
use tidings_tokio::sse::{
    ClientEvent, Config, DisconnectCause, DisconnectReason, EventSource, EventSourceRequest,
    GiveUp, OwnedMessageEvent,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The head of a stream that ends with its connection.
pub(crate) const OPEN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// The head of a stream in chunked coding.
pub(crate) const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                           Transfer-Encoding: chunked\r\n\r\n";

/// An action of a server once it has read a request.
#[derive(Clone)]
pub(crate) enum Step {
    /// Writes these bytes, in one segment if they are few.
    Write(Vec<u8>),
    Sleep(Duration),
    /// Waits for the test.
    Wait(Arc<Notify>),
    /// Waits until the client hangs up.
    Hold,
    /// Ends the connection by RST.
    Reset,
}

/// The actions of a server on one connection. It ends by FIN, if by nothing else.
#[derive(Clone, Default)]
pub(crate) struct Answer(pub(crate) Vec<Step>);

impl Answer {
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self(vec![Step::Write(bytes.as_ref().to_vec())])
    }

    /// A stream that is this, and ends with its connection. It comes with its head.
    pub(crate) fn stream(body: impl AsRef<[u8]>) -> Self {
        Self::raw([OPEN.as_bytes(), body.as_ref()].concat())
    }

    /// An answer with this status and these lines of headers, each with its CRLF.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let len = body.len();
        Self::raw(format!("HTTP/1.1 {status} \r\n{headers}Content-Length: {len}\r\n\r\n{body}"))
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::status(status, &format!("Location: {location}\r\n"), "")
    }

    pub(crate) fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    pub(crate) fn write(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Write(bytes.as_ref().to_vec()))
    }

    /// Does it on any stream; whether it shall be reset.
    pub(crate) async fn play(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
        for step in &self.0 {
            match step {
                Step::Write(bytes) => {
                    if stream.write_all(bytes).await.is_err() || stream.flush().await.is_err() {
                        return false; // The client has enough.
                    }
                }
                Step::Sleep(time) => tokio::time::sleep(*time).await,
                Step::Wait(notify) => notify.notified().await,
                Step::Hold => {
                    let _ = stream.read(&mut [0; 1024]).await;
                }
                Step::Reset => return true,
            }
        }
        false
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The lines, without their ends.
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads one, with a body if it has a length.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Self {
        let mut bytes = Vec::new();
        let head_len = loop {
            if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                break at;
            }
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "{bytes:?}");
        };
        let mut body = bytes.split_off(head_len + 4);
        bytes.truncate(head_len);
        let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
        let mut request = Self { lines: lines.collect(), body: Vec::new() };
        let length = request.header("content-length");
        let length = length.map_or(0, |value| std::str::from_utf8(value).unwrap().parse().unwrap());
        while body.len() < length {
            assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0);
        }
        request.body = body;
        request
    }

    pub(crate) fn first_line(&self) -> &str {
        std::str::from_utf8(&self.lines[0]).unwrap()
    }

    /// The value of the one header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.lines.iter().skip(1).filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let is_it = line[..colon].eq_ignore_ascii_case(name.as_bytes());
            is_it.then(|| line[colon + 1..].trim_ascii())
        });
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice");
        value
    }
}

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Gives these answers to its connections in turn, and the last one to all others.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<Answer> = answers.into_iter().collect();
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let answer = answers.get(number).or(answers.last()).unwrap().clone();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { serve(&mut stream, &answer, &seen).await });
            }
        });
        Self { port, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/events?a=b", self.port)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A quick client of this server.
    pub(crate) fn client(&self) -> EventSource {
        self.client_with(quick())
    }

    pub(crate) fn client_with(&self, config: Config) -> EventSource {
        EventSource::open(EventSourceRequest::get(self.url()).config(config)).unwrap()
    }
}

async fn serve(stream: &mut TcpStream, answer: &Answer, seen: &Mutex<Vec<Request>>) {
    let request = Request::read(stream).await;
    seen.lock().unwrap().push(request);
    if answer.play(stream).await {
        stream.set_zero_linger().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The behaviour of the standard, with waits of a millisecond, whatever the server wants.
pub(crate) fn quick() -> Config {
    let mut config = Config::event_source();
    config.policy.base = MS;
    config.policy.minimum = MS;
    config.policy.cap = MS;
    config.policy.busy_minimum = MS;
    config.policy.busy_spread = MS;
    config.retry_clamp = RetryClamp::IGNORE;
    config
}

/// Like [`quick`], and the first end is the end.
pub(crate) fn once() -> Config {
    let mut config = quick();
    config.reconnect = false;
    config
}

pub(crate) const MS: Duration = Duration::from_millis(1);

/// Returns all updates until the source is closed, or the first ones up to this number.
pub(crate) async fn updates(source: &mut EventSource, max: usize) -> Vec<ClientEvent> {
    let mut updates = Vec::new();
    while updates.len() < max {
        match source.next().await {
            Some(update) => updates.push(update),
            None => break,
        }
    }
    updates
}

/// Returns the events of one stream, and its end. The source must be one of [`once`].
pub(crate) async fn one_stream(
    source: &mut EventSource,
) -> (Vec<OwnedMessageEvent>, DisconnectCause) {
    let mut events = Vec::new();
    loop {
        match source.next().await {
            Some(ClientEvent::Open(_) | ClientEvent::Retry(_)) => {}
            Some(ClientEvent::Event(event)) => events.push(event),
            Some(ClientEvent::Closed { cause, .. }) => {
                assert!(source.next().await.is_none(), "closed is final");
                return (events, cause);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The data of the next event, whatever else happens before it.
pub(crate) async fn data(source: &mut EventSource) -> String {
    source.event().await.unwrap().unwrap().data
}

/// The data of events.
pub(crate) fn datas(events: &[OwnedMessageEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.data).collect()
}

/// Returns the reason why the source gave up, which is its last item.
pub(crate) async fn closed(source: &mut EventSource) -> (DisconnectReason, GiveUp) {
    match source.next().await {
        Some(ClientEvent::Closed { cause, reason }) => {
            assert!(source.next().await.is_none(), "closed is final");
            (cause.reason, reason)
        }
        other => panic!("{other:?}"),
    }
}

/// A body in chunked coding, in chunks of this size, with its end.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<Vec<u8>> {
    let chunks = body.chunks(size).map(chunk);
    chunks.chain([b"0\r\n\r\n".to_vec()]).collect()
}

/// One chunk of it.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
