//! UTF-8 validation alone, of a whole text.

use std::hint::black_box;

use tidings_frame::Utf8Validator;

use crate::Case;
use crate::check::{Round, Sink, contender};
use crate::corpus::{Content, size_name};

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let contents = [Content::Ascii, Content::MultiByte];
    let lens = [16, 125, 1024, 16 * 1024];
    contents.into_iter().flat_map(|content| lens.map(|len| case(content, len))).collect()
}

fn case(content: Content, len: usize) -> Case {
    let calls = (1024 / len * 16).max(2);
    let text = content.bytes(len);
    let expected: Vec<&[u8]> = vec![&text; calls];
    let contenders = vec![
        contender("tidings", &expected, Validation(text.clone(), calls, ours)),
        contender("std", &expected, Validation(text.clone(), calls, std)),
        contender("simdutf8", &expected, Validation(text.clone(), calls, simdutf8)),
    ];
    let name = format!("{} {}", content.name(), size_name(len));
    Case { name, items: calls as u64, bytes: (calls * len) as u64, contenders }
}

fn ours(bytes: &[u8]) -> &str {
    let mut validator = Utf8Validator::new();
    let text = validator.push(bytes).unwrap();
    validator.finish().unwrap();
    text.rest
}

fn std(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn simdutf8(bytes: &[u8]) -> &str {
    simdutf8::basic::from_utf8(bytes).unwrap()
}

struct Validation<F>(Vec<u8>, usize, F);

impl<F: Fn(&[u8]) -> &str> Round for Validation<F> {
    fn round(&mut self, sink: &mut impl Sink) {
        for _ in 0..self.1 {
            sink.bytes((self.2)(black_box(&self.0)).as_bytes());
            sink.end();
        }
    }
}
