//! Masking alone. It is its own inverse, so one buffer can be masked for ever.
//!
//! Payloads begin 6 bytes after a cache line, as they do after a short header.

use std::hint::black_box;

use fastwebsockets::{Frame, OpCode, Payload};
use tidings_frame::{Masker, MaskingKey};

use crate::check::{Round, Sink, contender};
use crate::corpus::{Content, size_name};
use crate::{Case, Contender};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const OFFSET: usize = 6;

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    [16, 125, 1024, 16 * 1024, 1 << 20].into_iter().map(case).collect()
}

fn case(len: usize) -> Case {
    // An even number, so that each round begins with the same bytes.
    let calls = (1024 / len * 32).max(2);
    let key = KEY.into_iter().cycle();
    let payload = Content::Binary.bytes(len);
    let masked: Vec<u8> = payload.iter().zip(key).map(|(byte, key)| byte ^ key).collect();
    let in_place: Vec<&[u8]> = [&masked[..], &payload[..]].repeat(calls / 2);
    let copied: Vec<&[u8]> = vec![&masked; calls];
    let plain: Vec<&[u8]> = vec![&payload; calls];

    let buffer = || Buffer::holding(&payload);
    let contenders: Vec<Contender> = vec![
        contender("tidings, in place", &in_place, InPlace(buffer(), calls, ours)),
        contender("tidings, copying", &copied, Copying(buffer(), buffer(), calls, ours_copying)),
        contender("fastwebsockets, in place", &in_place, InPlace(buffer(), calls, fastwebsockets)),
        contender("byte loop, in place", &in_place, InPlace(buffer(), calls, byte_loop)),
        contender("memcpy", &plain, Copying(buffer(), buffer(), calls, memcpy)),
    ];
    let (items, bytes) = (calls as u64, (calls * len) as u64);
    Case { name: size_name(len), items, bytes, contenders }
}

fn ours(payload: &mut [u8]) {
    Masker::new(MaskingKey::new(black_box(KEY))).apply(payload);
}

fn ours_copying(payload: &[u8], out: &mut [u8]) {
    let masked = Masker::new(MaskingKey::new(black_box(KEY))).apply_to(payload, out);
    assert_eq!(masked, payload.len());
}

fn fastwebsockets(payload: &mut [u8]) {
    Frame::new(true, OpCode::Binary, Some(black_box(KEY)), Payload::BorrowedMut(payload)).unmask();
}

fn byte_loop(payload: &mut [u8]) {
    let key = black_box(KEY);
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[i & 3];
    }
}

fn memcpy(payload: &[u8], out: &mut [u8]) {
    out.copy_from_slice(payload);
}

struct InPlace<F>(Buffer, usize, F);

impl<F: FnMut(&mut [u8])> Round for InPlace<F> {
    fn round(&mut self, sink: &mut impl Sink) {
        let payload = self.0.payload();
        for _ in 0..self.1 {
            self.2(black_box(payload));
            sink.bytes(payload);
            sink.end();
        }
    }
}

struct Copying<F>(Buffer, Buffer, usize, F);

impl<F: FnMut(&[u8], &mut [u8])> Round for Copying<F> {
    fn round(&mut self, sink: &mut impl Sink) {
        let (from, to) = (self.0.payload(), self.1.payload());
        for _ in 0..self.2 {
            self.3(black_box(from), black_box(to));
            sink.bytes(to);
            sink.end();
        }
    }
}

/// A payload at a known place of a cache line.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn holding(payload: &[u8]) -> Self {
        let mut bytes = vec![0; payload.len() + 128];
        let start = bytes.as_ptr().align_offset(64) + OFFSET;
        bytes[start..start + payload.len()].copy_from_slice(payload);
        bytes.truncate(start + payload.len());
        Self { bytes, start }
    }

    fn payload(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}
