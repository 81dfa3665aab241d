//! Messages, fragmentations and scenarios for proptest.

use proptest::prelude::*;

use crate::endpoint::{Side, Step};

/// Texts of up to `max_chars` characters, of one to four bytes each.
pub fn texts(max_chars: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        prop::char::range('a', 'z'),
        prop::sample::select(vec![
            '\0',
            'é',
            'ß',
            '漢',
            '\u{FEFF}',
            '\u{FFFD}',
            '😀',
            '\u{10FFFF}'
        ]),
    ];
    prop::collection::vec(character, 0..=max_chars).prop_map(String::from_iter)
}

/// Bytes, around the lengths where a header changes its form too.
pub fn binaries(max_len: usize) -> impl Strategy<Value = Vec<u8>> {
    let near = [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537];
    let near: Vec<usize> = near.into_iter().filter(|len| *len <= max_len).collect();
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..=max_len.min(64)),
        1 => (prop::sample::select(near), any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

/// Cuts a message into up to `max_pieces` pieces, empty ones too; a text between characters.
pub fn fragments(message: Step, max_pieces: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..max_pieces).prop_map(move |cuts| {
        let mut boundaries: Vec<usize> = match &message {
            Step::Text(_, text, _) => {
                let boundaries: Vec<usize> =
                    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                cuts.iter().map(|cut| *cut.get(&boundaries)).collect()
            }
            Step::Binary(_, bytes, _) => {
                cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect()
            }
            other => panic!("{other:?} is not a message"),
        };
        boundaries.sort_unstable();
        let mut begin = 0;
        let mut pieces = Vec::new();
        for end in boundaries {
            pieces.push(piece(&message, begin, Some(end)));
            begin = end;
        }
        pieces.push(piece(&message, begin, None));
        pieces
    })
}

/// A part of a message; the last one has no end.
fn piece(message: &Step, begin: usize, end: Option<usize>) -> Step {
    let more = end.is_some();
    match message {
        Step::Text(side, text, _) => {
            Step::Text(*side, text.get(begin..end.unwrap_or(text.len())).unwrap().into(), more)
        }
        Step::Binary(side, bytes, _) => {
            Step::Binary(*side, bytes[begin..end.unwrap_or(bytes.len())].into(), more)
        }
        other => panic!("{other:?} is not a message"),
    }
}

/// Steps of both sides: fragmented messages with Pings and Pongs between, partly delivered. Some
/// are refused, because a message of the other type is open or a side has closed.
pub fn steps(max_messages: usize) -> impl Strategy<Value = Vec<Step>> {
    let side = || prop::sample::select(vec![Side::A, Side::B]);
    let message = prop_oneof![
        (side(), texts(20)).prop_map(|(side, text)| Step::Text(side, text, false)),
        (side(), binaries(200)).prop_map(|(side, bytes)| Step::Binary(side, bytes, false)),
    ];
    let payload = || prop::collection::vec(any::<u8>(), 0..=125);
    let between = prop_oneof![
        (side(), payload()).prop_map(|(side, payload)| Step::Ping(side, payload)),
        (side(), payload()).prop_map(|(side, payload)| Step::Pong(side, payload)),
        (side(), 0usize..40).prop_map(|(side, len)| Step::Deliver(side, len)),
        Just(Step::Settle),
    ];
    let part = prop_oneof![
        3 => message.prop_flat_map(|message| fragments(message, 4)),
        2 => between.prop_map(|step| vec![step]),
    ];
    prop::collection::vec(part, 0..=max_messages).prop_map(|parts| parts.concat())
}
