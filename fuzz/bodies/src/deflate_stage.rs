//! The compression stage. A compressed message, of any bytes, inflates to the same output or fails
//! the same way however it is split, whoever used the memory before, and as another inflater does.
//! Data that is compressed, in any parts, inflates to itself.
//!
//! Input: a byte for the parameters, a byte for the length of the cuts, then the messages, with FF 00
//! FF between them. They are first received and then sent.

use std::collections::VecDeque;

use tidings_deflate::{
    Backend, DeflateConfig, Deflater, Direction, InflateError, InflateState, Inflater, WindowBits,
};
use tidings_testkit::ForeignDeflate;

const LIMIT: u64 = 1 << 16;

/// Runs one conversation.
pub fn run(data: &[u8]) {
    let [parameters, cuts, rest @ ..] = data else { return };
    let window_bits = WindowBits::new(8 + (parameters & 7)).unwrap();
    let direction = Direction::new(window_bits, parameters & 8 != 0);
    let fragment_len = usize::from(*cuts) + 1;
    // A state that was released remembers only the agreed window. A message that reaches further
    // back is then refused, and otherwise perhaps not, so the results would differ.
    let is_exact = window_bits == WindowBits::MAX || !direction.context_takeover();
    received(direction, fragment_len, is_exact && parameters & 16 != 0, rest);
    sent(direction, fragment_len, rest);
}

fn received(direction: Direction, fragment_len: usize, swaps_states: bool, data: &[u8]) {
    let mut whole = Inflater::new(Backend::ZlibRs, direction, LIMIT);
    let mut cut = Inflater::new(Backend::ZlibRs, direction, LIMIT);
    let mut foreign = Some(ForeignDeflate::new());
    let mut states: VecDeque<InflateState> =
        if swaps_states { [used_state(b'A'), used_state(b'B')].into() } else { VecDeque::new() };
    for payload in messages(data) {
        if let Some(state) = states.pop_front() {
            cut.supply(state);
        }
        let expected = inflate(&mut whole, [payload]);
        let actual = inflate(&mut cut, payload.chunks(fragment_len));
        match (&actual, &expected) {
            // Where it was noticed depends on the cuts.
            (Err(InflateError::Corrupt { .. }), Err(InflateError::Corrupt { .. })) => {}
            _ => assert_eq!(actual, expected),
        }
        if let (Some(inflater), Ok(message)) = (&mut foreign, &expected) {
            match inflater.decompress(payload) {
                // A block marked as the last: this one cannot continue.
                None => foreign = None,
                Some(theirs) => {
                    assert_eq!(&theirs, message);
                    if !direction.context_takeover() {
                        inflater.forget_received();
                    }
                }
            }
        }
        if expected.is_err() {
            assert!(cut.needs_state() && whole.needs_state());
            assert!(inflate(&mut cut, [&[0][..]]).is_err(), "an error stays");
            return;
        }
        if swaps_states {
            states.extend(cut.release());
        }
    }
}

/// The memory of another connection, full of its data.
fn used_state(byte: u8) -> InflateState {
    let mut inflater = Inflater::new(Backend::ZlibRs, Direction::UNLIMITED, LIMIT);
    let len = u16::MAX.to_le_bytes();
    let stored_block = [&[0x00], &len[..], &[0, 0], &[byte; 0xFFFF], &[0x00]].concat();
    inflate(&mut inflater, [&stored_block[..]]).unwrap();
    inflater.release().unwrap()
}

fn sent(direction: Direction, part_len: usize, data: &[u8]) {
    let config = DeflateConfig { threshold: 0, ..DeflateConfig::DEFAULT };
    let Ok(mut deflater) = Deflater::new(direction, config) else { return };
    let mut inflater = Inflater::new(Backend::ZlibRs, direction, u64::MAX);
    for message in messages(data) {
        let mut payload = Vec::new();
        for part in message.chunks(part_len) {
            deflater.deflate(part, &mut payload).unwrap();
        }
        deflater.finish(&mut payload).unwrap();
        assert_eq!(inflate(&mut inflater, payload.chunks(part_len)).as_deref(), Ok(message));
        if message.len() % 3 == 0 {
            inflater.release();
            deflater.release();
        }
        payload.clear();
        if deflater.message(message, &mut payload) {
            assert!(payload.len() < message.len());
            assert_eq!(inflate(&mut inflater, [&payload[..]]).as_deref(), Ok(message));
        } else {
            assert!(payload.is_empty());
        }
    }
}

fn messages(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    core::iter::from_fn(move || {
        let data = rest?;
        match data.windows(3).position(|three| three == [0xFF, 0x00, 0xFF]) {
            Some(end) => {
                rest = Some(&data[end + 3..]);
                Some(&data[..end])
            }
            None => rest.take(),
        }
    })
}

fn inflate<'a>(
    inflater: &mut Inflater,
    fragments: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, InflateError> {
    let mut message = Vec::new();
    for mut payload in fragments {
        while let Some(piece) = inflater.inflate(&mut payload)? {
            message.extend_from_slice(piece);
        }
    }
    inflater.finish()?;
    Ok(message)
}
