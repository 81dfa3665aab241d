//! The split of a stream into slices: [`Cuts`]. The first bytes of an input decide it: the number
//! of cuts (modulo 16), then their lengths.

use std::iter;

/// The lengths of the slices, used in turn and then again from the first. A length may be 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts<'a> {
    lens: &'a [u8],
}

impl<'a> Cuts<'a> {
    /// Takes the cuts off the front of the input.
    pub(crate) fn take(data: &mut &'a [u8]) -> Self {
        let Some((count, rest)) = data.split_first() else { return Self { lens: &[] } };
        let (lens, rest) = rest.split_at(usize::from(count % 16).min(rest.len()));
        *data = rest;
        Self { lens }
    }

    /// The slices of `stream`; one slice if there are no cuts.
    pub(crate) fn slices(self, stream: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
        let mut rest = stream;
        let never = self.lens.iter().all(|len| *len == 0);
        let mut lens = self.lens.iter().cycle();
        iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let len = match lens.next() {
                Some(len) if !never => usize::from(*len).min(rest.len()),
                _ => rest.len(),
            };
            let (slice, after) = rest.split_at(len);
            rest = after;
            Some(slice)
        })
    }

    /// The stream in the three ways that must not differ: whole, as cut here, and byte by byte.
    pub(crate) fn ways(self, stream: &'a [u8]) -> [(&'static str, Vec<&'a [u8]>); 3] {
        [
            ("whole", vec![stream]),
            ("as cut", self.slices(stream).collect()),
            ("byte by byte", stream.chunks(1).collect()),
        ]
    }
}
