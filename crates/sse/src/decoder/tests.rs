use std::{vec, vec::Vec};

use super::*;
use crate::{FixedStorage, work};

/// Streams that are easy to read in quadratic time.
fn treacherous_streams(len: usize) -> [(&'static str, Vec<u8>); 8] {
    let repeat = |start: &[u8], piece: &[u8], end: &[u8]| {
        [start, &piece.repeat(len / piece.len()), end].concat()
    };
    [
        ("one long line", repeat(b"data: ", b"x", b"\n\n")),
        ("many lines", repeat(b"", b"data: x\n", b"\n")),
        ("many empty lines", repeat(b"", b"data\n", b"\n")),
        ("a long comment", repeat(b": ", b"x", b"\n\n")),
        ("malformed bytes", repeat(b"data: ", b"\xFF", b"\n\n")),
        ("a malformed byte in every two", repeat(b"data: ", b"x\xFF", b"\n\n")),
        ("cut characters", repeat(b"data: ", b"\xF0\x9F\x98x", b"\n\n")),
        ("malformed lines", repeat(b"", b"data: \xE2\x82\n", b"\n")),
    ]
}

fn fixed_storage(len: usize) -> FixedStorage<'static> {
    let area = || vec![0; len].leak();
    FixedStorage { data: area(), event_type: area(), last_event_id: area(), comment: area() }
}

fn decode_all<S: Storage>(mut decoder: Decoder<S>, stream: &[u8], slice_len: usize) {
    for mut slice in stream.chunks(slice_len) {
        while decoder.decode(&mut slice).is_some() {}
    }
}

/// Each byte is searched once, copied at most once, and checked at most a few times (where it is
/// malformed), whatever the length of the event and of the slices.
#[test]
fn work_is_linear_in_the_stream() {
    const FACTOR: usize = 12; // malformed text gets three times as long
    for len in [1 << 11, 1 << 14] {
        for (name, stream) in treacherous_streams(len) {
            for slice_len in [1, 7, 64, 1400, usize::MAX] {
                let fixed = work::measure(|| {
                    let decoder = Decoder::with_storage(fixed_storage(4 * len), Limits::UNBOUNDED);
                    decode_all(decoder.report_comments(), &stream, slice_len);
                });
                let parts = work::measure(|| {
                    let decoder = Decoder::with_storage(fixed_storage(0), Limits::UNBOUNDED);
                    decode_all(decoder.report_data_chunks(), &stream, slice_len);
                });
                // A part with a malformed end looks up to its window ahead.
                let (max, max_parts) = (FACTOR * stream.len(), 8 * FACTOR * stream.len());
                assert!(fixed <= max, "{name} by {slice_len}: {fixed} of {max}");
                assert!(parts <= max_parts, "{name} by {slice_len}: {parts} of {max_parts}");
                #[cfg(feature = "alloc")]
                {
                    let growable = work::measure(|| {
                        let decoder = Decoder::with_limits(Limits::UNBOUNDED);
                        decode_all(decoder.report_comments(), &stream, slice_len);
                    });
                    assert!(growable <= max, "{name} by {slice_len}: {growable} of {max}");
                }
            }
        }
    }
}

/// A long line that comes byte by byte.
#[test]
fn a_byte_more_costs_a_byte_more() {
    let work = |len: usize| {
        let stream = [b"data: ", &vec![b'x'; len][..], b"\n\n"].concat();
        work::measure(|| {
            decode_all(Decoder::with_storage(fixed_storage(len), Limits::UNBOUNDED), &stream, 1);
        })
    };
    assert_eq!(work(1 << 17) - work(1 << 16), (work(1 << 16) - work(1 << 15)) * 2);
}

/// The data is checked and searched, which is two looks at each byte, and borrowed from the input.
#[test]
fn an_event_that_lies_whole_in_the_input_is_not_copied() {
    let mut decoder = Decoder::with_storage(fixed_storage(32), Limits::DEFAULT);
    for stream in [
        &b"data: 0123456789\n\n"[..],
        b"data:0123456789\r\n\r\n",
        b"data: 0123456789\r\r",
        b"event: x\ndata: 0123456789\n\n",
        b": hi\ndata: 0123456789\nx: y\n\n",
    ] {
        decoder.finish();
        let mut input = stream;
        let Some(Item::Event(event)) = decoder.decode(&mut input) else { panic!() };
        assert_eq!(event.data, "0123456789");
        assert!(stream.as_ptr_range().contains(&event.data.as_ptr()));
    }
}

/// A line that lies whole in the input is searched once and checked once, and its text is borrowed
/// from there. But an ID outlives the input: it is copied once, and checked again where it is returned.
#[test]
fn a_line_that_lies_whole_in_the_input_costs_two_looks_at_each_byte() {
    let text = "x".repeat(100);
    for (name, end, in_parts, looks) in [
        ("data: ", "\n\n", false, 2),
        ("data: ", "\nx\n\n", false, 2),
        ("data: ", "\n\n", true, 2),
        ("event: ", "\ndata\n\n", false, 2),
        (": ", "\n\n", false, 2),
        ("id: ", "\ndata\n\n", false, 4),
    ] {
        // Each area is as long as the text: exactly the limit is read like less.
        let mut decoder = Decoder::with_storage(
            FixedStorage { last_event_id: vec![0; 300].leak(), ..fixed_storage(100) },
            Limits::DEFAULT,
        );
        decoder.report_comments = true;
        decoder.report_data_chunks = in_parts;
        assert_eq!(decoder.decode(&mut &b"\n"[..]), None, "the start of the stream is past");
        let stream = [name, &text, end].concat();
        let work = work::measure(|| {
            let item = decoder.decode(&mut stream.as_bytes()).unwrap();
            let said = match item {
                Item::Event(said) => [said.data, said.event_type, said.last_event_id],
                Item::DataChunk(part) => [part; 3],
                Item::Comment(comment) => [comment; 3],
                other => panic!("{other:?}"),
            };
            let said = said.into_iter().find(|said| **said == text).unwrap();
            let is_borrowed = stream.as_bytes().as_ptr_range().contains(&said.as_ptr());
            assert_eq!(is_borrowed, looks == 2, "{name}");
        });
        assert!(work <= looks * stream.len(), "{name}: {work} of {}", stream.len());
    }
}

/// The memory of a returned event is released at the next call, however the event was assembled.
#[test]
fn nothing_is_kept_of_an_event_that_was_delivered() {
    for stream in [&b"event: e\ndata: 1\n\n"[..], b"event: e\ndata: 1\ndata: 2\n\n"] {
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::with_storage(fixed_storage(32), Limits::DEFAULT);
            let (mut head, mut tail) = stream.split_at(cut);
            let items = [decoder.decode(&mut head).is_some(), decoder.decode(&mut tail).is_some()];
            assert!(items.contains(&true));
            assert_eq!(decoder.decode(&mut &b":"[..]), None);
            let kept = (decoder.areas.data.len(), decoder.areas.event_type.len());
            assert_eq!(kept, (0, 0), "cut at {cut}");
        }
    }
}

/// Memory does not grow with the length of an open event.
#[test]
#[cfg(feature = "alloc")]
fn an_event_over_its_limit_keeps_nothing() {
    let mut decoder = Decoder::with_limits(Limits::DEFAULT.max_data_len(1000));
    for (start, line) in [(&b"data: "[..], &b"xxxxxxxx"[..]), (b"", b"data: xx\n"), (b"id:", b"xx")]
    {
        decoder.finish();
        let mut start = start;
        assert_eq!(decoder.decode(&mut start), None);
        let mut overflows = 0;
        for _ in 0..10_000 {
            let mut input = line;
            while let Some(item) = decoder.decode(&mut input) {
                assert!(matches!(item, Item::Overflow(_)), "{item:?}");
                overflows += 1;
            }
            assert!(decoder.areas.data.len() <= 1000);
            assert!(decoder.areas.id_field.len() <= 1024);
        }
        assert_eq!(overflows, 1);
        assert_eq!(decoder.areas.data.len(), 0);
    }
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder<FixedStorage<'_>>>() <= 400);
    #[cfg(feature = "alloc")]
    assert!(size_of::<Decoder<GrowableStorage>>() <= 600);
}
