//! The machines against a transport in memory, with reads and writes split at every position.

use std::format;
use std::string::{String, ToString as _};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::client::request::ClientRequest;
use crate::client::response::Response;
use crate::client::response_error::ResponseError;
use crate::headers::HeaderSlots;
use crate::key::Key;
use crate::limits::Limits;
use crate::server::rejection::Rejection;
use crate::server::request::{Decision, ServerRequest};
use crate::server::request_error::RequestError;
use crate::uri::WebSocketUri;

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";

/// The number of bytes that the transport moves in one call.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// All that there is.
    Whole,
    /// One.
    Bytes,
    /// All up to this place of the whole, then all.
    At(usize),
}

impl Cut {
    fn len(self, done: usize, available: usize) -> usize {
        match self {
            Self::Whole => available,
            Self::Bytes => available.min(1),
            Self::At(place) if done < place => available.min(place - done),
            Self::At(_) => available,
        }
    }
}

/// A transport, with a record of its calls.
#[derive(Debug)]
struct Memory {
    to_read: Vec<u8>,
    read_len: usize,
    written: Vec<u8>,
    flushed_len: usize,
    is_shut_down: bool,
    cut: Cut,
    /// The peer keeps its side open: a read of nothing takes for ever.
    stays_open: bool,
    now: Timestamp,
    fails: Option<&'static str>,
}

impl Memory {
    fn new(to_read: &[u8], cut: Cut) -> Self {
        Self {
            to_read: to_read.to_vec(),
            read_len: 0,
            written: Vec::new(),
            flushed_len: 0,
            is_shut_down: false,
            cut,
            stays_open: false,
            now: Timestamp::default(),
            fails: None,
        }
    }

    /// `None`: the operation was not complete when the time was over.
    fn perform(&mut self, io: Io<'_>, until: Timestamp) -> Option<Result<usize, &'static str>> {
        let name = match io {
            Io::Write(_) => "write",
            Io::Flush => "flush",
            Io::Read(_) => "read",
            Io::ShutDown => "shut down",
        };
        if self.fails == Some(name) {
            return Some(Err(name));
        }
        Some(Ok(match io {
            Io::Write(bytes) => {
                assert!(!bytes.is_empty() && !self.is_shut_down);
                let len = self.cut.len(self.written.len(), bytes.len());
                self.written.extend_from_slice(&bytes[..len]);
                len
            }
            Io::Flush => {
                self.flushed_len = self.written.len();
                0
            }
            Io::Read(room) => {
                assert!(!room.is_empty());
                assert_eq!(self.flushed_len, self.written.len(), "reads before it has flushed");
                let left = &self.to_read[self.read_len..];
                if left.is_empty() && self.stays_open {
                    self.now = until;
                    return None;
                }
                let len = self.cut.len(self.read_len, left.len()).min(room.len());
                room[..len].copy_from_slice(&left[..len]);
                self.read_len += len;
                len
            }
            Io::ShutDown => {
                self.is_shut_down = true;
                0
            }
        }))
    }

    /// Drives the machine to its end. `on_head` answers or checks.
    fn drive<R>(
        &mut self,
        opening: &mut Opening<R>,
        buffer: &mut [u8],
        mut on_head: impl FnMut(&mut Opening<R>, &mut [u8]),
    ) -> Result<(), String> {
        loop {
            match opening.next(buffer, self.now).map_err(|error| error.to_string())? {
                Step::Io(io) => {
                    assert!(format!("{io:?}").len() < 20, "{io:?}");
                    let until = opening.poll_timeout().unwrap();
                    match self.perform(io, until) {
                        Some(result) => opening.completed(result)?,
                        None => continue,
                    }
                }
                Step::Head => {
                    assert_eq!(opening.poll_timeout(), None);
                    on_head(opening, buffer);
                }
                Step::Done => return Ok(()),
            }
        }
    }
}

/// Whole, byte by byte, and cut at each place.
fn cuts(len: usize) -> impl Iterator<Item = Cut> {
    [Cut::Whole, Cut::Bytes].into_iter().chain((1..len).map(Cut::At))
}

const TIMEOUT: Duration = Duration::from_secs(10);

fn deadline() -> Timestamp {
    Timestamp::default().after(TIMEOUT)
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
}

mod server {
    use super::*;
    use crate::head::HeadError;

    struct Served {
        transport: Memory,
        outcome: Result<Result<Vec<u8>, Refusal>, String>,
    }

    fn serve_in(
        buffer: &mut [u8],
        mut transport: Memory,
        decide: impl Fn(&ServerRequest<'_>) -> Option<u16>,
    ) -> Served {
        let mut opening = Opening::server(Limits::server(), deadline());
        let mut answered = None;
        let driven = transport.drive(&mut opening, buffer, |opening, buffer| {
            let decide = |request: &ServerRequest<'_>| match decide(request) {
                None => Ok(()),
                Some(status) => Err(Rejection::new(status, "no\n").unwrap()),
            };
            assert!(answered.is_none(), "a request has one answer");
            answered = Some(opening.answer::<_, 16>(buffer, accept_or(decide)));
        });
        let outcome =
            driven.map(|()| answered.unwrap().map(|()| buffer[opening.first_bytes()].to_vec()));
        Served { transport, outcome }
    }

    /// Closures that return a borrow of their argument need a bound that says so.
    fn accept_or<F>(decide: F) -> impl for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>
    where
        F: FnOnce(&ServerRequest<'_>) -> Result<(), Rejection<'static>>,
    {
        |request| decide(request).map(|()| request.accept())
    }

    fn serve(transport: Memory) -> Served {
        serve_in(&mut [0; 1024], transport, |_| None)
    }

    #[test]
    fn a_request_is_accepted_and_first_frames_are_kept_at_every_cut() {
        for first in ["", "\x01\x02", "GET / HTTP/1.1\r\n\r\n"] {
            let received = [REQUEST, first].concat();
            for cut in cuts(received.len().max(SWITCHING.len())) {
                let served = serve(Memory::new(received.as_bytes(), cut));
                let transport = served.transport;
                assert_eq!(text(&transport.written), SWITCHING, "{cut:?}");
                assert_eq!(transport.flushed_len, SWITCHING.len());
                assert!(!transport.is_shut_down);
                // Bytes that the machine has not read are for the frames' reader.
                let first_bytes = served.outcome.unwrap().unwrap();
                let unread = &transport.to_read[transport.read_len..];
                assert_eq!([&first_bytes, unread].concat(), first.as_bytes(), "{cut:?}");
            }
        }
    }

    #[test]
    fn a_refusal_is_sent_whole_and_what_follows_is_drained_at_every_cut() {
        let not_websocket = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
        let cases = [
            (not_websocket, Refusal::Request(RequestError::Method), "HTTP/1.1 405 "),
            (REQUEST, Refusal::Application { status: 503 }, "HTTP/1.1 503 "),
            (
                "\x16\x03\x01",
                Refusal::Request(HeadError::Method { offset: 0 }.into()),
                "HTTP/1.1 400 ",
            ),
        ];
        for (received, refusal, status) in cases {
            let received = [received, "more of it"].concat();
            for cut in cuts(received.len()) {
                let transport = Memory::new(received.as_bytes(), cut);
                let Served { transport, outcome } =
                    serve_in(&mut [0; 1024], transport, |_| Some(503));
                assert_eq!(outcome, Ok(Err(refusal)), "{cut:?}");
                assert!(text(&transport.written).starts_with(status), "{cut:?}");
                assert_eq!(transport.flushed_len, transport.written.len());
                assert!(transport.is_shut_down);
                assert_eq!(transport.read_len, transport.to_read.len(), "{cut:?}");
            }
        }
    }

    /// Neither for ever nor without bound.
    #[test]
    fn the_drain_has_a_limit_in_bytes_and_in_time() {
        let bad = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
        let endless = [&bad[..], &vec![b'x'; 1 << 20]].concat();
        let served = serve(Memory::new(&endless, Cut::Whole));
        assert!(served.outcome.unwrap().is_err());
        let drained = served.transport.read_len;
        assert!(drained.abs_diff(MAX_REFUSED_DRAIN_LEN) <= 1024, "{drained}");

        let mut silent = Memory::new(bad, Cut::Whole);
        silent.stays_open = true;
        let served = serve(silent);
        assert!(served.outcome.unwrap().is_err());
        assert_eq!(served.transport.now, Timestamp::default().after(REFUSED_DRAIN_TIME));

        // Late in the handshake there is less time for it; and if we did not end our side, there is
        // no end of the client's to wait for.
        let mut late = Memory::new(bad, Cut::Whole);
        late.stays_open = true;
        late.now = Timestamp::default().after(TIMEOUT - Duration::from_millis(1));
        let served = serve(late);
        assert!(served.outcome.unwrap().is_err());
        assert_eq!(served.transport.now, deadline());
        let mut one_sided = Memory::new(&endless, Cut::Whole);
        one_sided.fails = Some("shut down");
        let served = serve(one_sided);
        assert!(served.outcome.unwrap().is_err());
        assert!(served.transport.read_len <= 1024);
    }

    #[test]
    fn a_transport_that_ends_fails_or_lies_is_an_error() {
        for len in 0..REQUEST.len() {
            let served = serve(Memory::new(&REQUEST.as_bytes()[..len], Cut::Whole));
            assert_eq!(served.outcome, Err(OpeningError::Eof.to_string()), "{len}");
            assert_eq!(served.transport.written, b"", "{len}");
        }
        for operation in ["read", "write", "flush"] {
            let mut transport = Memory::new(REQUEST.as_bytes(), Cut::Whole);
            transport.fails = Some(operation);
            assert_eq!(serve(transport).outcome, Err(operation.to_string()));
        }
        let now = Timestamp::default();
        for (read, write) in [(Some(2000), 1), (None, 0), (None, usize::MAX)] {
            let mut opening = Opening::server(Limits::server(), deadline());
            let mut buffer = [0; 1024];
            loop {
                match opening.next(&mut buffer, now) {
                    Ok(Step::Io(io)) => {
                        let len = match io {
                            Io::Read(room) => {
                                room[..REQUEST.len()].copy_from_slice(REQUEST.as_bytes());
                                read.unwrap_or(REQUEST.len())
                            }
                            _ => write,
                        };
                        opening.completed::<()>(Ok(len)).unwrap();
                    }
                    Ok(Step::Head) => {
                        let accept = accept_or(|_| Ok(()));
                        opening.answer::<_, 16>(&mut buffer, accept).unwrap();
                    }
                    Ok(Step::Done) => panic!("{read:?} {write}"),
                    Err(error) => {
                        assert_eq!(error, OpeningError::BrokenTransport);
                        break;
                    }
                }
            }
            assert!(matches!(opening.next(&mut buffer, now), Ok(Step::Done)), "told once");
        }
    }

    /// W-112: a client that does not send its request, or does not take the answer, is given up.
    #[test]
    fn the_deadline_holds_in_every_state() {
        for len in 0..REQUEST.len() {
            let mut transport = Memory::new(&REQUEST.as_bytes()[..len], Cut::Bytes);
            transport.stays_open = true;
            let served = serve(transport);
            assert_eq!(served.outcome, Err(OpeningError::TimedOut.to_string()), "{len}");
            assert_eq!(served.transport.written, b"", "{len}");
        }
        for accepts in [true, false] {
            let mut opening = Opening::server(Limits::server(), deadline());
            let mut buffer = [0; 1024];
            let mut transport = Memory::new(REQUEST.as_bytes(), Cut::Whole);
            let stops_at = if accepts { "flush" } else { "write" };
            transport.fails = Some(stops_at);
            let driven = transport.drive(&mut opening, &mut buffer, |opening, buffer| {
                let decide = accept_or(|_| match accepts {
                    true => Ok(()),
                    false => Err(Rejection::forbidden("")),
                });
                let _ = opening.answer::<_, 16>(buffer, decide);
                let late = opening.clone().next(buffer, deadline()).map(|_| ());
                assert_eq!(late, Err(OpeningError::TimedOut));
            });
            assert_eq!(driven, Err(stops_at.to_string()));
        }
    }

    /// A head that does not fit is refused, and the refusal overwrites the request.
    #[test]
    fn a_buffer_that_is_too_small_is_a_refusal() {
        for len in 0..REQUEST.len() + SWITCHING.len() {
            let mut buffer = vec![0; len];
            let transport = Memory::new(REQUEST.as_bytes(), Cut::Whole);
            let Served { transport, outcome } = serve_in(&mut buffer, transport, |_| None);
            let refusal = outcome.unwrap().unwrap_err();
            if len < REQUEST.len() && !transport.written.is_empty() {
                let error = HeadError::HeadTooLong { limit: len };
                assert_eq!(refusal, Refusal::Request(error.into()), "{len}");
            } else {
                assert!(matches!(refusal, Refusal::BufferTooSmall(_)), "{len}: {refusal}");
            }
            assert!(refusal.to_string().len() > 20);
            let answer = text(&transport.written);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{len}: {answer}");
            assert!(!answer.is_empty() || len < 200, "{len}");
            assert!(transport.is_shut_down, "{len}");
        }
        let mut enough = vec![0; REQUEST.len() + SWITCHING.len()];
        let transport = Memory::new(REQUEST.as_bytes(), Cut::Whole);
        assert!(serve_in(&mut enough, transport, |_| None).outcome.unwrap().is_ok());
    }

    /// The buffer may grow on the way.
    #[test]
    fn a_longer_buffer_with_the_same_contents_may_take_over() {
        let mut opening = Opening::server(Limits::server(), deadline());
        let mut buffer = vec![0; 1];
        let mut transport = Memory::new(REQUEST.as_bytes(), Cut::Whole);
        loop {
            if opening.received_len() == buffer.len() {
                buffer.push(0);
            }
            match opening.next(&mut buffer, transport.now).unwrap() {
                Step::Io(io) => {
                    let result = transport.perform(io, deadline()).unwrap();
                    opening.completed(result).unwrap();
                }
                Step::Head => {
                    let head = opening.head(&buffer).unwrap();
                    assert_eq!(head.as_bytes(), REQUEST.as_bytes());
                    let head_len = head.len();
                    buffer.truncate(opening.received_len());
                    buffer.extend_from_slice(SWITCHING.as_bytes());
                    opening.accept(head_len, REQUEST.len()..buffer.len());
                }
                Step::Done => break,
            }
        }
        assert_eq!(text(&transport.written), SWITCHING);
    }
}

mod client {
    use super::*;
    use crate::head::HeadError;

    fn request() -> ClientRequest<'static> {
        let uri = WebSocketUri::parse("ws://a/chat").unwrap();
        ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"))
    }

    struct Asked {
        transport: Memory,
        /// The statuses of all responses.
        statuses: Vec<u16>,
        outcome: Result<Result<Vec<u8>, ResponseError>, String>,
    }

    fn ask_with(mut transport: Memory, last_words: &[u8]) -> Asked {
        let mut buffer = [0; 1024];
        let request_len = request().encode(&mut buffer).unwrap();
        let mut opening = Opening::client(request_len, Limits::client(), deadline());
        let (mut statuses, mut failure) = (Vec::new(), None);
        let driven = transport.drive(&mut opening, &mut buffer, |opening, buffer| {
            let mut slots = HeaderSlots::<8>::new();
            match opening.check(buffer, &request(), &mut slots) {
                Ok(Response::Opened(_)) => {
                    statuses.push(101);
                    if !last_words.is_empty() {
                        buffer[..last_words.len()].copy_from_slice(last_words);
                        opening.say_last(0..last_words.len());
                    }
                }
                Ok(Response::Interim(interim)) => statuses.push(interim.status()),
                Ok(Response::Declined(declined)) => statuses.push(declined.status()),
                Err(error) => failure = Some(error),
            }
        });
        let outcome = driven.map(|()| match failure {
            Some(error) => Err(error),
            None => Ok(buffer[opening.first_bytes()].to_vec()),
        });
        Asked { transport, statuses, outcome }
    }

    fn ask(transport: Memory) -> Asked {
        ask_with(transport, b"")
    }

    #[test]
    fn a_response_is_found_past_interim_ones_at_every_cut() {
        let declined = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n";
        for (last, status, after) in
            [(SWITCHING, 101, "first frames"), (SWITCHING, 101, ""), (declined, 403, "no")]
        {
            for interim in 0..=MAX_INTERIM_RESPONSES {
                let received = [&INTERIM.repeat(interim), last, after].concat();
                // All cuts of many interim responses would take minutes in a debug build.
                for cut in cuts(if interim < 3 { received.len() } else { 1 }) {
                    let asked = ask(Memory::new(received.as_bytes(), cut));
                    let transport = asked.transport;
                    assert_eq!(text(&transport.written), text(&request_bytes()), "{cut:?}");
                    let (last, others) = asked.statuses.split_last().unwrap();
                    assert_eq!((*last, others), (status, &*vec![103; interim]), "{cut:?}");
                    let first_bytes = asked.outcome.unwrap().unwrap();
                    let unread = &transport.to_read[transport.read_len..];
                    assert_eq!([&first_bytes, unread].concat(), after.as_bytes(), "{cut:?}");
                    assert!(!transport.is_shut_down);
                }
            }
        }
    }

    fn request_bytes() -> Vec<u8> {
        let mut bytes = vec![0; request().encoded_len()];
        request().encode(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn interim_responses_have_a_limit() {
        let received = [&INTERIM.repeat(MAX_INTERIM_RESPONSES + 1), SWITCHING].concat();
        for cut in [Cut::Whole, Cut::Bytes] {
            let asked = ask(Memory::new(received.as_bytes(), cut));
            let limit = MAX_INTERIM_RESPONSES;
            let error = ResponseError::TooManyInterimResponses { limit };
            assert_eq!(asked.outcome, Ok(Err(error)));
            assert_eq!(asked.statuses, [103; MAX_INTERIM_RESPONSES]);
        }
    }

    #[test]
    fn nothing_is_sent_after_a_response_that_breaks_a_rule() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2000));
        let cases: [(&str, ResponseError); 4] = [
            ("SSH-2.0-OpenSSH\r\n", HeadError::Version { offset: 0 }.into()),
            (&SWITCHING.replace("s3p", "x3p"), ResponseError::Accept),
            (
                &SWITCHING.replace("\r\n\r\n", &format!("{}\r\n\r\n", "\r\nA: b".repeat(6))),
                HeadError::TooManyHeaders { limit: 8 }.into(),
            ),
            (&long, HeadError::HeadTooLong { limit: 1024 }.into()),
        ];
        for (received, error) in cases {
            for cut in [Cut::Whole, Cut::Bytes] {
                let asked = ask(Memory::new(received.as_bytes(), cut));
                assert_eq!(asked.outcome, Ok(Err(error)), "{received}");
                assert_eq!(asked.transport.written, request_bytes());
            }
        }
    }

    #[test]
    fn an_end_or_a_silence_before_the_response_is_an_error() {
        let received = [INTERIM, SWITCHING].concat();
        for len in 0..received.len() {
            for stays_open in [false, true] {
                let mut transport = Memory::new(&received.as_bytes()[..len], Cut::Whole);
                transport.stays_open = stays_open;
                let error = if stays_open { OpeningError::TimedOut } else { OpeningError::Eof };
                let asked = ask(transport);
                assert_eq!(asked.outcome, Err(error.to_string()), "{len}");
                assert_eq!(asked.transport.written, request_bytes(), "{len}");
            }
        }
        for operation in ["read", "write", "flush"] {
            let mut transport = Memory::new(SWITCHING.as_bytes(), Cut::Whole);
            transport.fails = Some(operation);
            assert_eq!(ask(transport).outcome, Err(operation.to_string()));
        }
    }

    /// A client that cannot continue says so, if it can; it does not wait for an answer.
    #[test]
    fn last_words_are_written_or_not() {
        for cut in cuts(SWITCHING.len()) {
            let asked = ask_with(Memory::new(SWITCHING.as_bytes(), cut), b"last words");
            assert_eq!(asked.transport.written, [&request_bytes()[..], b"last words"].concat());
            assert_eq!(asked.transport.flushed_len, asked.transport.written.len());
            assert!(asked.outcome.is_ok());
        }
        // Neither an error nor the end of the time is worth a word.
        let mut buffer = [0; 1024];
        let request_len = request().encode(&mut buffer).unwrap();
        let mut opening = Opening::client(request_len, Limits::client(), deadline());
        let mut transport = Memory::new(SWITCHING.as_bytes(), Cut::Whole);
        transport
            .drive(&mut opening, &mut buffer, |opening, buffer| {
                let mut slots = HeaderSlots::<8>::new();
                assert!(opening.check(buffer, &request(), &mut slots).is_ok());
                opening.say_last(0..4);
            })
            .unwrap();
        opening.say_last(0..4);
        assert!(matches!(opening.clone().next(&mut buffer, deadline()), Ok(Step::Done)));
        assert!(matches!(opening.next(&mut buffer, transport.now), Ok(Step::Io(Io::Write(_)))));
        assert_eq!(opening.completed(Err("broken")), Ok(()));
        assert!(matches!(opening.next(&mut buffer, transport.now), Ok(Step::Done)));
    }
}

#[cfg(feature = "alloc")]
mod tunnel {
    use super::*;
    use crate::head::HeadError;
    use crate::proxy::Proxy;
    use crate::proxy::tunnel::TunnelResponse;

    /// The last status, 200 for an open tunnel, and the bytes left in the transport.
    fn ask(mut transport: Memory) -> (Result<Result<u16, ResponseError>, String>, Memory) {
        let proxy = Proxy::parse("http://u:p@proxy.example").unwrap();
        let uri = WebSocketUri::parse("ws://a/chat").unwrap();
        let request = proxy.tunnel_to(uri);
        let mut buffer = request.to_vec();
        let request_len = buffer.len();
        buffer.resize(512, 0);
        let mut opening = Opening::tunnel(request_len, Limits::client(), deadline());
        let mut outcome = None;
        let driven = transport.drive(&mut opening, &mut buffer, |opening, buffer| {
            let mut slots = HeaderSlots::<8>::new();
            outcome = Some(match opening.check(buffer, &request, &mut slots) {
                Ok(TunnelResponse::Open { .. }) => Ok(200),
                Ok(TunnelResponse::Interim(interim)) => Ok(interim.status()),
                Ok(TunnelResponse::Declined(declined)) => Ok(declined.status()),
                Err(error) => Err(error),
            });
        });
        assert!(text(&transport.written).starts_with("CONNECT a:80 HTTP/1.1\r\n"));
        (driven.map(|()| outcome.unwrap()), transport)
    }

    #[test]
    fn not_one_byte_is_taken_that_follows_the_head() {
        let heads = [
            ("HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n", 200),
            ("HTTP/1.1 200\n\n", 200),
            ("HTTP/1.0 200 \r\n\n", 200),
            ("\r\nHTTP/1.1 299 OK\n\r\n", 200),
            ("HTTP/1.1 407 Who?\r\nContent-Length: 4\r\n\r\n", 407),
            ("HTTP/1.1 502\r\nA:\nB:\r\n\n", 502),
        ];
        for (head, status) in heads {
            for interim in 0..3 {
                let head = [&INTERIM.repeat(interim), head].concat();
                for after in ["", "\n", "\x16\x03\x01 from the server\r\n\r\n"] {
                    let received = [&head, after].concat();
                    for cut in cuts(received.len()) {
                        let (outcome, transport) = ask(Memory::new(received.as_bytes(), cut));
                        assert_eq!(outcome, Ok(Ok(status)), "{head:?} {cut:?}");
                        assert_eq!(transport.read_len, head.len(), "{head:?} {cut:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_invalid_proxy_is_an_error() {
        for (received, error) in [
            ("SOCKS\r\n", HeadError::Version { offset: 0 }.into()),
            ("HTTP/1.1 101 Switching\r\n\r\n", ResponseError::Status { status: 101 }),
            (
                &INTERIM.repeat(MAX_INTERIM_RESPONSES + 1),
                ResponseError::TooManyInterimResponses { limit: MAX_INTERIM_RESPONSES },
            ),
        ] {
            let (outcome, transport) = ask(Memory::new(received.as_bytes(), Cut::Whole));
            assert_eq!(outcome, Ok(Err(error)), "{received:?}");
            assert!(!transport.is_shut_down);
        }
        let received = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
        for len in 0..received.len() {
            let (outcome, _) = ask(Memory::new(&received.as_bytes()[..len], Cut::Bytes));
            assert_eq!(outcome, Err(OpeningError::Eof.to_string()), "{len}");
        }
    }
}

#[test]
fn errors_say_what_happened() {
    for error in [OpeningError::Eof, OpeningError::TimedOut, OpeningError::BrokenTransport] {
        assert!(error.to_string().len() > 20, "{error}");
    }
}
