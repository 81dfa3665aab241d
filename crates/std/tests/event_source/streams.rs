//! The events of a stream, in each framing and coding, and the reports when it is cut or falls
//! silent.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventSource, EventSourceRequest, Limits,
    ReconnectionTime, StreamError,
};

use crate::source::{next_lost, once, open, quick, told};
use crate::sse_support::{
    Answer, OPEN, SOON, Server, Vector, read_request, say, say_and_stay, vectors, wait_for_end,
};

/// The framing of a response.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Chunked,
    Counted,
    UntilEnd,
}

fn send_stream(mut stream: &TcpStream, vector: &Vector, size: usize, framing: Framing) {
    let head = |field: &str| OPEN.replace("\r\n\r\n", &format!("{field}\r\n\r\n"));
    let (head, end) = match framing {
        Framing::Chunked => (head("\r\ntransfer-encoding: chunked"), "0\r\n\r\n"),
        Framing::Counted => (head(&format!("\r\ncontent-length: {}", vector.input.len())), ""),
        Framing::UntilEnd => (head(""), ""),
    };
    let mut pieces = vec![head.into_bytes()];
    for data in vector.input.chunks(size) {
        pieces.push(match framing {
            Framing::Chunked => {
                [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
            }
            _ => data.to_vec(),
        });
    }
    pieces.push(end.into());
    // The one long vector need not be sent byte by byte.
    if vector.input.len() > 4096 {
        pieces = vec![pieces.concat()];
    }
    for piece in pieces {
        stream.write_all(&piece).unwrap();
    }
}

/// E-001 to E-019, through HTTP.
#[test]
fn every_vector_comes_through_every_framing_at_every_size() {
    let framings = [Framing::Chunked, Framing::Counted, Framing::UntilEnd];
    let vectors = Arc::new(vectors());
    let cases: Vec<(usize, usize, Framing)> = [1, 2, 3, 7, 1400]
        .into_iter()
        .enumerate()
        .flat_map(|(at, size)| {
            (0..vectors.len()).map(move |index| (index, size, framings[(at + index) % 3]))
        })
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn({
        let (vectors, cases) = (Arc::clone(&vectors), cases.clone());
        move || {
            for (index, size, framing) in cases {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                read_request(&stream);
                send_stream(&stream, &vectors[index], size, framing);
            }
        }
    });
    for (index, size, framing) in cases {
        let vector = &vectors[index];
        let mut source = EventSource::open(EventSourceRequest::get(&url).config(once())).unwrap();
        let (mut events, mut retry_ms, mut end) = (Vec::new(), None, None);
        for update in &mut source {
            match update {
                ClientEvent::Event(event) => events.push(event),
                ClientEvent::Retry(time) => retry_ms = Some(ReconnectionTime::as_ms(time)),
                ClientEvent::Closed { cause, .. } => end = Some(cause.reason),
                _ => {}
            }
        }
        let name = format!("{}, {framing:?} {size}", vector.name);
        assert_eq!(events, vector.events, "{name}");
        assert_eq!(retry_ms, vector.retry_ms, "{name}");
        assert_eq!(source.last_event_id(), vector.last_event_id, "{name}");
        assert!(matches!(end, Some(DisconnectReason::Ended(_))), "{name}: {end:?}");
    }
    serving.join().unwrap();
}

#[test]
fn a_framing_that_tells_no_end_is_refused() {
    for field in ["content-length: 5\r\ncontent-length: 6", "transfer-encoding: gzip, chunked"] {
        let answer = OPEN.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
        let server = Server::start(vec![say(answer)]);
        assert_eq!(told(open(&server, once())), ["closed Unreachable Once"], "{field}");
    }
}

/// E-025: a cut is not an end.
#[test]
fn a_body_that_is_cut_is_broken() {
    let chunked = OPEN.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let counted = OPEN.replace("\r\n\r\n", "\r\ncontent-length: 99\r\n\r\n");
    let event = "data: x\n\n";
    for (answer, reason) in [
        (
            format!("{chunked}9\r\n{event}\r\n"),
            DisconnectReason::Broken(EndOfStream::BetweenEvents),
        ),
        (
            format!("{chunked}9\r\n{event}\r\n0\r\n"),
            DisconnectReason::Broken(EndOfStream::BetweenEvents),
        ),
        (
            format!("{chunked}ff\r\n{event}id"),
            DisconnectReason::Broken(EndOfStream::InsideEvent { dropped_len: 2 }),
        ),
        (
            format!("{chunked}9\r\n{event}9\r\n"),
            DisconnectReason::Broken(EndOfStream::BetweenEvents),
        ),
        (format!("{counted}{event}"), DisconnectReason::Broken(EndOfStream::BetweenEvents)),
    ] {
        let server = Server::start(vec![say(answer.clone()), say(format!("{OPEN}{event}"))]);
        let mut source = open(&server, quick());
        assert_eq!(source.event().unwrap().unwrap().data, "x");
        let lost = next_lost(&mut source);
        assert_eq!(lost.reason, reason, "{answer}");
        assert!(matches!(lost.error, Some(StreamError::Http(_))), "{lost:?}");
        // And it came back.
        assert_eq!(source.event().unwrap().unwrap().data, "x");
    }
}

#[test]
fn an_event_before_the_break_is_not_lost() {
    let chunked = OPEN.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let server = Server::start(vec![say(format!("{chunked}9\r\ndata: x\n\n\r\nnonsense\r\n"))]);
    let updates = told(open(&server, once()));
    assert_eq!(updates, ["open", "event x", "closed Broken(BetweenEvents) Once"]);
}

#[test]
fn an_event_over_a_limit_is_skipped_and_comments_come_if_asked_for() {
    let server = Server::start(vec![say(format!(
        "{OPEN}: hi\n\ndata: one\n\ndata: three\n\ndata: two\n\n"
    ))]);
    let request = EventSourceRequest::get(server.url("/"))
        .limits(Limits::DEFAULT.max_data_len(3))
        .report_comments()
        .config(once());
    assert_eq!(
        told(EventSource::open(request).unwrap()),
        [
            "open",
            "comment hi",
            "event one",
            "overflow 3",
            "event two",
            "closed Ended(BetweenEvents) Once"
        ]
    );
}

#[cfg(feature = "gzip")]
#[test]
fn a_compressed_stream_is_read_as_it_is_flushed() {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    let zipped = OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    let begin = zipped.clone();
    let answer: Answer = Box::new(move |mut stream| {
        stream.write_all(begin.as_bytes()).unwrap();
        let mut encoder = GzEncoder::new(&stream, Compression::default());
        encoder.write_all(b"data: one\n\n").unwrap();
        encoder.flush().unwrap();
        // The client has it before there is more.
        wait_for_end(stream.try_clone().unwrap());
    });
    let whole: Answer = Box::new({
        let zipped = zipped.clone();
        move |mut stream| {
            stream.write_all(zipped.as_bytes()).unwrap();
            let mut encoder = GzEncoder::new(&stream, Compression::default());
            encoder.write_all(b"data: one\n\ndata: two\n\n").unwrap();
            encoder.finish().unwrap();
        }
    });
    let server = Server::start(vec![whole]);
    let updates = told(open(&server, once()));
    assert_eq!(updates, ["open", "event one", "event two", "closed Ended(BetweenEvents) Once"]);

    let server = Server::start(vec![answer]);
    let mut source = open(&server, once());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    source.close();
    server.requests();

    // A cut within the coding is broken, even where HTTP sees an end.
    let server = Server::start(vec![say(format!("{zipped}\x1f"))]);
    assert_eq!(told(open(&server, once())), ["open", "closed Broken(BetweenEvents) Once"]);
}

#[test]
fn a_silent_stream_is_idle_and_comments_keep_it_alive() {
    let answer: Answer = Box::new(|mut stream| {
        let mut send = |bytes: &[u8]| stream.write_all(bytes).unwrap();
        send(OPEN.as_bytes());
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(50));
            send(b":\n");
        }
        send(b"data: x\n\nda");
        wait_for_end(stream);
    });
    let server = Server::start(vec![answer]);
    let mut config = once();
    config.idle_timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let updates = told(open(&server, config));
    let idle = EndOfStream::InsideEvent { dropped_len: 2 };
    assert_eq!(updates, ["open", "event x", &format!("closed Idle({idle:?}) Once")]);
    assert!((Duration::from_millis(700)..SOON).contains(&begun.elapsed()));
    server.requests();
}

/// A client that is late to a stream reads the bytes that have arrived before it calls the stream
/// idle.
#[test]
fn what_has_come_counts_although_nobody_read_it() {
    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: x\n\n"))]);
    let mut config = once();
    config.idle_timeout = Duration::from_millis(20);
    let mut source = open(&server, config);
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    thread::sleep(Duration::from_millis(60));
    assert!(matches!(source.next(), Some(ClientEvent::Event(_))));
    assert!(matches!(next_lost(&mut source).reason, DisconnectReason::Idle(_)));
}
