//! The decoder over a source of bytes, without HTTP.
#![cfg(feature = "sse")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed step fails the test"
)]

mod sse_support;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use sse_support::vectors;
use tidings_std::sse::{
    Decoder, EndOfStream, EventId, EventStream, EventStreamError, Item, Limits, ReconnectionTime,
};

/// The result of each read. It must not be read after the end.
struct Script(VecDeque<Result<Vec<u8>, ErrorKind>>);

impl Script {
    fn new<'a>(reads: impl IntoIterator<Item = Result<&'a [u8], ErrorKind>>) -> Self {
        Self(reads.into_iter().map(|read| read.map(<[u8]>::to_vec)).collect())
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.pop_front().expect("read once too often")?;
        buffer[..read.len()].copy_from_slice(&read);
        Ok(read.len())
    }
}

/// E-001 to E-019, at every size of a read, with reads between that come to nothing.
#[test]
fn every_vector_is_read_through_any_source() {
    for vector in vectors() {
        for size in [1, 2, 3, 7, 1400] {
            let mut reads = Vec::new();
            for chunk in vector.input.chunks(size) {
                reads.extend([Err(ErrorKind::Interrupted), Ok(chunk)]);
                reads.push(Err(ErrorKind::WouldBlock));
            }
            reads.push(Ok(&b""[..]));
            let mut stream = EventStream::new(Script::new(reads));
            let mut events = Vec::new();
            let mut blocked = 0;
            for event in &mut stream {
                match event {
                    Ok(event) => events.push(event),
                    Err(EventStreamError::NotNow(_)) => blocked += 1,
                    Err(EventStreamError::InsideEvent { .. }) => {}
                    Err(error) => panic!("{}, {size}: {error}", vector.name),
                }
            }
            assert_eq!(events, vector.events, "{}, {size}", vector.name);
            assert_eq!(blocked, vector.input.len().div_ceil(size), "{}, {size}", vector.name);
            assert_eq!(stream.last_event_id(), vector.last_event_id, "{}, {size}", vector.name);
            let retry_ms = stream.reconnection_time().map(ReconnectionTime::as_ms);
            assert_eq!(retry_ms, vector.retry_ms, "{}, {size}", vector.name);
            assert!(stream.next().is_none());
        }
    }
}

/// E-034: the script has no read after that of the event.
#[test]
fn an_event_is_there_before_more_is_read() {
    for end in ["\n", "\r", "\r\n"] {
        let input = format!("data: one{end}{end}data: two{end}{end}");
        let mut stream = EventStream::new(Script::new([Ok(input.as_bytes())]));
        assert_eq!(stream.next().unwrap().unwrap().data, "one");
        assert_eq!(stream.next().unwrap().unwrap().data, "two");
    }
}

/// E-019
#[test]
fn an_end_inside_an_event_is_told_once() {
    let mut stream = EventStream::new(&b"data: one\n\ndata: cut o"[..]);
    assert_eq!(stream.next().unwrap().unwrap().data, "one");
    let error = stream.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the stream ended 11 bytes into an event");
    assert!(stream.next().is_none() && stream.next().is_none());
    assert!(EventStream::new(&b"data: one\n\n"[..]).all(|event| event.is_ok()));
}

/// The source is not asked again once it has failed, but an error hides nothing.
#[test]
fn a_source_that_fails_is_given_up_after_what_it_brought() {
    for (input, end) in [
        ("data: one\n\n", EndOfStream::BetweenEvents),
        ("data: one\n\ndat", EndOfStream::InsideEvent { dropped_len: 3 }),
    ] {
        let script = Script::new([Ok(input.as_bytes()), Err(ErrorKind::ConnectionReset)]);
        let mut stream = EventStream::new(script);
        assert_eq!(stream.next().unwrap().unwrap().data, "one");
        match stream.next() {
            Some(Err(EventStreamError::Source(error, stood))) => {
                assert_eq!((error.kind(), stood), (ErrorKind::ConnectionReset, end));
            }
            other => panic!("{other:?}"),
        }
        assert!(stream.next().is_none());
    }
}

#[test]
fn an_event_over_a_limit_is_told_in_its_place() {
    let limits = Limits::DEFAULT.max_data_len(3);
    let input = &b"data: one\n\ndata: three\n\ndata: two\n\n"[..];
    let told: Vec<_> = EventStream::with_decoder(input, Decoder::with_limits(limits))
        .map(|event| match event {
            Ok(event) => event.data,
            Err(EventStreamError::Overflow(exceeded)) => exceeded.max_len.to_string(),
            Err(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(told, ["one", "3", "two"]);
}

#[test]
fn whatever_the_stream_says_can_be_had() {
    let decoder = Decoder::new().report_comments().report_data_chunks();
    let mut stream = EventStream::with_decoder(
        Script::new([Ok(&b": hi\nretry: 7\nevent: x\nid: 1\ndata: on"[..]), Ok(b"e\n\n"), Ok(b"")]),
        decoder,
    );
    let mut told = Vec::new();
    while let Some(item) = stream.next_with(|item| match item {
        Item::Comment(text) => format!(":{text}"),
        Item::Retry(time) => time.as_ms().to_string(),
        Item::DataChunk(part) => part.to_owned(),
        Item::EventEnd(end) => format!("{} {}", end.event_type, end.last_event_id),
        other => format!("{other:?}"),
    }) {
        told.push(item.unwrap());
    }
    assert_eq!(told, [":hi", "7", "on", "e", "x 1"]);
}

#[test]
fn the_next_stream_goes_on_after_the_last_event() {
    let stream = {
        let mut stream = EventStream::new(&b"id: 7\ndata: one\n\nid: 8\ndata: cut"[..]);
        stream.next().unwrap().unwrap();
        stream
    };
    let (rest, decoder) = stream.into_parts();
    assert!(rest.is_empty(), "it was read");
    let mut stream = EventStream::with_decoder(&b"data: two\n\n"[..], decoder);
    assert_eq!(stream.last_event_id(), "7");
    let event = stream.next().unwrap().unwrap();
    assert_eq!((&*event.data, &*event.last_event_id), ("two", "7"));

    let mut decoder = Decoder::new();
    decoder.set_last_event_id(EventId::new("5").unwrap()).unwrap();
    assert_eq!(EventStream::with_decoder(io::empty(), decoder).last_event_id(), "5");
}

/// A real socket, with a timeout and nonblocking.
#[test]
fn a_socket_that_has_nothing_now_loses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut stream = EventStream::new(client);
    let not_now = |stream: &mut EventStream<TcpStream>| {
        matches!(stream.next(), Some(Err(EventStreamError::NotNow(_))))
    };
    stream.get_mut().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    server.write_all(b"data: o").unwrap();
    assert!(not_now(&mut stream) && not_now(&mut stream));
    stream.get_mut().set_nonblocking(true).unwrap();
    assert!(not_now(&mut stream));
    server.write_all(b"ne\n\n").unwrap();
    drop(server);
    stream.get_mut().set_nonblocking(false).unwrap();
    stream.get_mut().set_read_timeout(None).unwrap();
    assert_eq!(stream.next().unwrap().unwrap().data, "one");
    assert!(stream.next().is_none());
}

#[test]
fn no_error_of_a_chain_is_shown_twice() {
    for error in [
        EventStreamError::Source(io::Error::other("cut"), EndOfStream::BetweenEvents),
        EventStreamError::Source(
            io::Error::other("cut"),
            EndOfStream::InsideEvent { dropped_len: 7 },
        ),
        EventStreamError::NotNow(ErrorKind::WouldBlock.into()),
        EventStreamError::InsideEvent { dropped_len: 7 },
    ] {
        assert_eq!(chain(&error).len(), 1, "{error}");
    }
}

/// Returns the texts of a chain, as programs print it, unless one has another in it.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        assert!(!shown.iter().any(|shown| shown.contains(&text)), "{text:?} in {shown:?}");
        shown.push(text);
        source = error.source();
    }
    shown
}
