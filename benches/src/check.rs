//! The way in which a contender shows its output: everything once, before it is timed, and a count
//! in each timed round, so that none can win by doing less.

use std::hint::black_box;

use crate::Contender;

/// Something that does the work of a case.
pub trait Round {
    /// Does it once and shows all output to `sink`.
    fn round(&mut self, sink: &mut impl Sink);
}

/// The destination of the output.
pub trait Sink {
    /// The next bytes of a message.
    fn bytes(&mut self, bytes: &[u8]);
    /// The end of a message.
    fn end(&mut self);
}

/// Makes a contender, after its output of two rounds was found to be `expected`.
///
/// # Panics
/// If the output differs, here or by its count in a timed round.
pub fn contender(
    name: &'static str,
    expected: &[impl AsRef<[u8]>],
    mut work: impl Round + 'static,
) -> Contender {
    for _ in 0..2 {
        assert_same(name, &record(&mut work), expected);
    }
    timed(name, work)
}

/// Like [`contender`], for output that may differ in form, such as by masking keys: `read` converts
/// everything that one round has written to the value that must equal `expected`.
///
/// # Panics
/// If it is not, or its length changes in a timed round.
pub fn writer<T: AsRef<[u8]>>(
    name: &'static str,
    expected: &[impl AsRef<[u8]>],
    read: impl Fn(&[u8]) -> Vec<T>,
    mut work: impl Round + 'static,
) -> Contender {
    for _ in 0..2 {
        assert_same(name, &read(&record(&mut work).concat()), expected);
    }
    timed(name, work)
}

fn assert_same(name: &str, shown: &[impl AsRef<[u8]>], expected: &[impl AsRef<[u8]>]) {
    assert_eq!(shown.len(), expected.len(), "{name}: number of messages");
    for (i, (shown, expected)) in shown.iter().zip(expected).enumerate() {
        assert!(shown.as_ref() == expected.as_ref(), "{name}: message {i} differs");
    }
}

fn timed(name: &'static str, mut work: impl Round + 'static) -> Contender {
    let messages = record(&mut work);
    let bytes = messages.iter().map(Vec::len).sum();
    let expected = Tally { messages: messages.len(), bytes };
    let round = move || {
        let mut tally = Tally::default();
        work.round(&mut tally);
        assert!(tally == expected, "{name} has lost something");
    };
    Contender { name, round: Box::new(round) }
}

fn record(work: &mut impl Round) -> Vec<Vec<u8>> {
    let mut record = Record::default();
    work.round(&mut record);
    assert!(record.open.is_empty(), "a message was left open");
    record.messages
}

/// Keeps everything.
#[derive(Default)]
struct Record {
    messages: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Sink for Record {
    fn bytes(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        self.messages.push(std::mem::take(&mut self.open));
    }
}

/// Counts, and keeps the optimizer from dropping unread output.
#[derive(Default, PartialEq)]
struct Tally {
    messages: usize,
    bytes: usize,
}

impl Sink for Tally {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes += black_box(bytes).len();
    }

    #[inline]
    fn end(&mut self) {
        self.messages += 1;
    }
}
