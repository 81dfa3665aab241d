//! Both ends, at random.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The way in which a message of a random conversation is sent.
#[derive(Clone, Debug)]
enum Way {
    Whole,
    Parts,
    Plain,
    Shared,
    Empty,
}

fn payload_strategy() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<u32>(), 0..6000_usize).prop_map(|(seed, len)| text(seed, len)),
        (any::<u64>(), 0..3000_usize).prop_map(|(seed, len)| noise(seed, len)),
        (any::<u8>(), 0..70_000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn way_strategy() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Whole),
        3 => Just(Way::Parts),
        1 => Just(Way::Plain),
        1 => Just(Way::Shared),
        1 => Just(Way::Empty),
    ]
}

fn backend_strategy() -> impl Strategy<Value = Backend> {
    prop::sample::select(BACKENDS)
}

fn conversation_strategy() -> impl Strategy<Value = Conversation> {
    let message = (payload_strategy(), way_strategy(), any::<u32>(), any::<bool>(), any::<bool>());
    (backend_strategy(), 8..=15_u8, any::<bool>(), 1..=9_u8, prop::collection::vec(message, 1..8))
        .prop_map(|(backend, bits, context_takeover, level, messages)| {
            let window_bits = WindowBits::new(bits).unwrap().max(backend.min_window_bits());
            Conversation {
                direction: Direction::new(window_bits, context_takeover),
                config: DeflateConfig { backend, level: Level::new(level).unwrap(), threshold: 10 },
                messages,
            }
        })
}

/// Messages, each with its way, a number to cut by, and whether either side then gives up its state.
#[derive(Clone, Debug)]
struct Conversation {
    direction: Direction,
    config: DeflateConfig,
    messages: Vec<(Vec<u8>, Way, u32, bool, bool)>,
}

fn converse(conversation: Conversation) -> Result<(), TestCaseError> {
    let Conversation { direction, config, messages } = conversation;
    let backend = config.backend;
    let mut deflater = Deflater::new(direction, config).unwrap();
    let mut inflater = Inflater::new(backend, direction, LIMIT);
    let mut pool = DeflateState::new(backend, direction.window_bits(), Level::DEFAULT).unwrap();
    for (mut message, way, cut, release_deflater, release_inflater) in messages {
        let (mut payload, mut compressed) = (vec![], true);
        match way {
            Way::Whole => compressed = deflater.message(&message, &mut payload),
            Way::Plain => compressed = false,
            Way::Parts => {
                for part in message.chunks(cut as usize % 4000 + 1) {
                    deflater.deflate(part, &mut payload).unwrap();
                }
                deflater.finish(&mut payload).unwrap();
            }
            Way::Shared => match SharedMessage::compress(&mut pool, &message) {
                Some(shared) => payload = deflater.admit(&shared).unwrap().to_vec(),
                None => compressed = false,
            },
            Way::Empty => {
                message.clear();
                deflater.finish(&mut payload).unwrap();
            }
        }
        if compressed {
            let fragments = payload.chunks((cut >> 16) as usize % 700 + 1);
            prop_assert_eq!(inflate(&mut inflater, fragments).unwrap(), message);
        }
        if release_deflater {
            let _ = deflater.release();
        }
        if release_inflater {
            let _ = inflater.release();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    #[ignore = "exhaustive: run in release by CI"]
    fn exhaustive_any_conversation_arrives(conversation in conversation_strategy()) {
        converse(conversation)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// D-008, D-011, D-012, D-032: a conversation of compressed and plain messages, split anywhere,
    /// with states taken and released on both sides, arrives as it was sent.
    #[test]
    fn any_conversation_arrives(conversation in conversation_strategy()) {
        converse(conversation)?;
    }

    /// Any bytes end in a message or an error, the same in any fragments.
    #[test]
    fn any_bytes_are_taken_or_refused_alike(
        backend in backend_strategy(),
        payload in prop::collection::vec(any::<u8>(), 0..60),
        chunk_len in 1..20_usize,
    ) {
        check_against_strict(backend, &payload);
        let limited = || Inflater::new(backend, Direction::UNLIMITED, 500);
        let whole = inflate(&mut limited(), [&payload[..]]);
        same(&inflate(&mut limited(), payload.chunks(chunk_len)), &whole);
    }
}
