//! The header lines of a head, from any parser: [`Headers`].

use core::fmt;

/// Room for the header lines of one head, which the parser borrows.
///
/// `N` lines take `4 * N` machine words: 32 lines are 512 bytes on a 32-bit microcontroller. Heads
/// with more lines are refused, unless there is a heap: see `with_room_for`.
#[derive(Clone)]
pub struct HeaderSlots<'a, const N: usize> {
    slots: [httparse::Header<'a>; N],
    /// In place of them, if it is not empty.
    #[cfg(feature = "alloc")]
    more: alloc::vec::Vec<httparse::Header<'a>>,
}

impl<const N: usize> HeaderSlots<'_, N> {
    /// Empty slots.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [httparse::EMPTY_HEADER; N],
            #[cfg(feature = "alloc")]
            more: alloc::vec::Vec::new(),
        }
    }
}

impl<'a, const N: usize> HeaderSlots<'a, N> {
    /// Empty slots for this many header lines: those over `N` make them stand on the heap.
    ///
    /// Take the number of lines that have arrived, such as
    /// [`Opening::headers`](crate::opening::Opening::headers), not a number that the peer sent.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn with_room_for(lines: usize) -> Self {
        let mut slots = Self::new();
        if lines > N {
            slots.more = alloc::vec![httparse::EMPTY_HEADER; lines];
        }
        slots
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [httparse::Header<'a>] {
        #[cfg(feature = "alloc")]
        if !self.more.is_empty() {
            return &mut self.more;
        }
        &mut self.slots
    }
}

impl<const N: usize> Default for HeaderSlots<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for HeaderSlots<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderSlots").field("len", &N).finish_non_exhaustive()
    }
}

/// Header lines in their order. Names are compared without case; values are bytes.
///
/// They come from a parsed head, from pairs ([`Headers::from_pairs`]) or, with the `http`
/// feature, from an `http::HeaderMap` (`Headers::from`). Its `Debug` shows names only, since
/// values hold credentials.
#[derive(Clone, Copy)]
pub struct Headers<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Parsed(&'a [httparse::Header<'a>]),
    Pairs(&'a [(&'a str, &'a [u8])]),
    #[cfg(feature = "http")]
    Map(&'a http::HeaderMap),
}

impl<'a> Headers<'a> {
    pub(crate) const fn from_parsed(headers: &'a [httparse::Header<'a>]) -> Self {
        Self(Source::Parsed(headers))
    }

    /// Headers that another parser found.
    #[must_use]
    pub const fn from_pairs(pairs: &'a [(&'a str, &'a [u8])]) -> Self {
        Self(Source::Pairs(pairs))
    }

    /// Every line as (name, value).
    #[must_use]
    pub fn iter(&self) -> HeadersIter<'a> {
        HeadersIter(match self.0 {
            Source::Parsed(headers) => Lines::Parsed(headers.iter()),
            Source::Pairs(pairs) => Lines::Pairs(pairs.iter()),
            #[cfg(feature = "http")]
            Source::Map(map) => Lines::Map(map.iter()),
        })
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of every line of this name.
    #[must_use]
    pub fn get_all<'n>(&self, name: &'n str) -> HeaderValues<'a, 'n> {
        HeaderValues { lines: self.iter(), name }
    }
}

#[cfg(feature = "http")]
impl<'a> From<&'a http::HeaderMap> for Headers<'a> {
    fn from(map: &'a http::HeaderMap) -> Self {
        Self(Source::Map(map))
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// The lines of [`Headers`].
pub struct HeadersIter<'a>(Lines<'a>);

enum Lines<'a> {
    Parsed(core::slice::Iter<'a, httparse::Header<'a>>),
    Pairs(core::slice::Iter<'a, (&'a str, &'a [u8])>),
    #[cfg(feature = "http")]
    Map(http::header::Iter<'a, http::HeaderValue>),
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Lines::Parsed(headers) => headers.next().map(|header| (header.name, header.value)),
            Lines::Pairs(pairs) => pairs.next().copied(),
            #[cfg(feature = "http")]
            Lines::Map(map) => map.next().map(|(name, value)| (name.as_str(), value.as_bytes())),
        }
    }
}

impl fmt::Debug for HeadersIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadersIter").finish_non_exhaustive()
    }
}

/// The values of the lines of one name, from [`Headers::get_all`].
#[derive(Debug)]
pub struct HeaderValues<'a, 'n> {
    lines: HeadersIter<'a>,
    name: &'n str,
}

impl<'a> Iterator for HeaderValues<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.name;
        self.lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_every_line_is_seen() {
        let pairs: &[(&str, &[u8])] = &[("Host", b"a"), ("VIA", b"1"), ("Via", b"2")];
        let headers = Headers::from_pairs(pairs);
        assert_eq!(headers.get("hOST"), Some(&b"a"[..]));
        assert_eq!(headers.get("Hos"), None);
        assert!(headers.get_all("via").eq([b"1", b"2"]));
        assert!(headers.iter().eq(pairs.iter().copied()));
        assert!(headers.into_iter().eq(pairs.iter().copied()));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn slots_have_room_for_as_many_lines_as_there_are() {
        for (lines, room) in [(0, 3), (3, 3), (4, 4), (500, 500)] {
            assert_eq!(HeaderSlots::<3>::with_room_for(lines).as_mut_slice().len(), room);
        }
    }

    #[test]
    fn debug_output_shows_no_value() {
        let headers = Headers::from_pairs(&[("Cookie", b"secret")]);
        assert_eq!(std::format!("{headers:?}"), "[\"Cookie\"]");
        assert_eq!(std::format!("{:?}", headers.iter()), "HeadersIter { .. }");
        let slots = HeaderSlots::<3>::default();
        assert_eq!(std::format!("{slots:?}"), "HeaderSlots { len: 3, .. }");
    }
}
