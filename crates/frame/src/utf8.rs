//! UTF-8 that arrives in pieces (RFC 6455, 8.1): a character may be cut anywhere, and an invalid
//! byte fails at once, not at the end of the message.
//!
//! Start at [`Utf8Validator`].

use core::fmt;
use core::str;

/// Validates text that arrives in chunks and returns each chunk as `&str`.
///
/// At most three bytes are kept: those of a character that is split by the end of a chunk. No byte
/// is scanned twice.
///
/// ```
/// use tidings_frame::Utf8Validator;
///
/// let mut validator = Utf8Validator::new();
/// let text = validator.push(b"gr\xC3")?; // half of U+00FC
/// assert_eq!((text.carried, text.rest), (None, "gr"));
/// let text = validator.push(b"\xBCn")?;
/// assert_eq!((text.carried, text.rest), (Some('ü'), "n"));
/// validator.finish()?;
/// # Ok::<(), tidings_frame::InvalidUtf8>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Utf8Validator {
    /// The first bytes of a character that the last chunk cut.
    cut: [u8; 4],
    cut_len: u8,
    /// The number of bytes before those in `cut`.
    offset: u64,
}

/// The text of one chunk: the character that was cut before it, then the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    /// The character that began in an earlier chunk and ended in this one.
    pub carried: Option<char>,
    /// The complete characters that follow it.
    pub rest: &'a str,
}

impl<'a> Text<'a> {
    /// The text as two chunks, to be copied or sent one after the other; either may be empty. The
    /// first is the carried character, encoded in `utf8`.
    ///
    /// ```
    /// use tidings_frame::Text;
    ///
    /// let text = Text { carried: Some('ü'), rest: "n" };
    /// assert_eq!(text.chunks(&mut [0; 4]), ["ü", "n"]);
    /// ```
    pub fn chunks<'t>(self, utf8: &'t mut [u8; 4]) -> [&'t str; 2]
    where
        'a: 't,
    {
        let carried = match self.carried {
            Some(character) => character.encode_utf8(utf8),
            None => "",
        };
        [carried, self.rest]
    }
}

impl Utf8Validator {
    /// Starts at the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { cut: [0; 4], cut_len: 0, offset: 0 }
    }

    /// Takes the next chunk of the text.
    ///
    /// # Errors
    /// [`InvalidUtf8`] at the first byte that no valid text could have here. The validator is
    /// then of no further use.
    #[inline]
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Result<Text<'a>, InvalidUtf8> {
        if self.cut_len == 0 {
            return Ok(Text { carried: None, rest: self.push_whole(chunk)? });
        }
        let mut chunk = chunk;
        while let Some((&byte, rest)) = chunk.split_first() {
            chunk = rest;
            if let Some(carried) = self.push_cut(byte)? {
                return Ok(Text { carried: Some(carried), rest: self.push_whole(chunk)? });
            }
        }
        Ok(Text::default())
    }

    /// Takes a text that is all in one chunk, between texts.
    ///
    /// # Errors
    /// [`InvalidUtf8`] at the first byte that is not UTF-8, or if the text ends inside a character.
    #[inline]
    pub fn whole<'a>(&mut self, text: &'a [u8]) -> Result<Text<'a>, InvalidUtf8> {
        debug_assert!(self.cut_len == 0 && self.offset == 0, "between texts");
        match from_utf8(text) {
            Ok(rest) => Ok(Text { carried: None, rest }),
            Err(_) => self.refuse_whole(text),
        }
    }

    /// The error that a text has when it comes in chunks.
    #[cold]
    fn refuse_whole<'a>(&mut self, text: &'a [u8]) -> Result<Text<'a>, InvalidUtf8> {
        let text = self.push(text)?;
        self.finish()?;
        Ok(text)
    }

    /// Ends the text and makes the validator ready for the next one.
    ///
    /// # Errors
    /// [`InvalidUtf8`] if the text ends inside a character.
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        let Self { cut_len, offset, .. } = core::mem::take(self);
        if cut_len == 0 { Ok(()) } else { Err(InvalidUtf8 { offset }) }
    }

    /// Adds a byte to the cut character; returns the character when it is complete.
    fn push_cut(&mut self, byte: u8) -> Result<Option<char>, InvalidUtf8> {
        let invalid = InvalidUtf8 { offset: self.offset };
        let place = self.cut.get_mut(usize::from(self.cut_len)).ok_or(invalid)?;
        *place = byte;
        self.cut_len += 1; // 4 at most, by the line above
        let so_far = self.cut.get(..usize::from(self.cut_len));
        debug_assert!(so_far.is_some());
        match str::from_utf8(so_far.unwrap_or_default()) {
            Ok(character) => {
                self.offset = self.offset.saturating_add(u64::from(self.cut_len));
                self.cut_len = 0;
                Ok(character.chars().next())
            }
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(invalid),
        }
    }

    /// Takes a chunk that begins with a whole character.
    #[inline]
    fn push_whole<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a str, InvalidUtf8> {
        let (whole, cut) = chunk.split_at(chunk.len() - cut_suffix_len(chunk));
        let Ok(text) = from_utf8(whole) else {
            return Err(self.locate(whole));
        };
        self.offset = self.offset.saturating_add(whole.len() as u64);
        for &byte in cut {
            self.push_cut(byte)?; // yields nothing: `cut` is shorter than its lead byte says
        }
        Ok(text)
    }

    /// Finds the first invalid byte of a chunk that failed: on the slow path only.
    #[cold]
    fn locate(&self, chunk: &[u8]) -> InvalidUtf8 {
        let valid = str::from_utf8(chunk).map_or_else(|error| error.valid_up_to(), str::len);
        InvalidUtf8 { offset: self.offset.saturating_add(valid as u64) }
    }
}

/// Returns how many bytes at the end of `chunk` are the start of a character that needs more.
#[inline]
fn cut_suffix_len(chunk: &[u8]) -> usize {
    if chunk.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    // A cut character shows at most three of its bytes, the first of which is a lead byte.
    for (len, &byte) in (1..=3).zip(chunk.iter().rev()) {
        let character_len = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return 0, // ASCII, or a byte that no text has: `from_utf8` will find it
        };
        return if len < character_len { len } else { 0 };
    }
    0
}

#[cfg(not(feature = "simdutf8"))]
#[inline]
fn from_utf8(bytes: &[u8]) -> Result<&str, ()> {
    str::from_utf8(bytes).map_err(drop)
}

/// Short texts that are ASCII, as most are, are known to be so by whole words; the validators look
/// at their bytes one by one.
#[cfg(feature = "simdutf8")]
#[inline]
fn from_utf8(bytes: &[u8]) -> Result<&str, ()> {
    if bytes.len() < ASCII_BELOW {
        if let Ok(text) = ascii::AsciiStr::from_ascii(bytes) {
            return Ok(text.as_str());
        }
    }
    simdutf8::basic::from_utf8(bytes).map_err(drop)
}

/// From this length on, the validator is as fast on ASCII.
#[cfg(feature = "simdutf8")]
const ASCII_BELOW: usize = 512;

/// The text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8 {
    /// The start of the first ill-formed sequence, in bytes from the start of the text.
    pub offset: u64,
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid UTF-8 at byte {} of the text (RFC 6455, 8.1)", self.offset)
    }
}

impl core::error::Error for InvalidUtf8 {}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    /// The result for the whole text: the text, or the position of the fault.
    pub(crate) fn oracle(bytes: &[u8]) -> Result<String, InvalidUtf8> {
        match str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(InvalidUtf8 { offset: error.valid_up_to() as u64 }),
        }
    }

    /// The result for the text in these chunks.
    pub(crate) fn in_chunks<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<String, InvalidUtf8> {
        let mut validator = Utf8Validator::new();
        let mut all = String::new();
        for chunk in chunks {
            let text = validator.push(chunk)?;
            all.extend(text.carried);
            all.push_str(text.rest);
        }
        validator.finish()?;
        Ok(all)
    }

    const SAMPLES: &[&[u8]] = &[
        b"",
        b"plain",
        "κόσμε".as_bytes(),
        "aé€😀z".as_bytes(),
        b"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", // the limits of the surrogates, and the end
        b"\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80edited",   // a surrogate in the middle
        b"\xC0\xAF",                                 // overlong /
        b"\xE0\x80\xAF",
        b"\xF0\x80\x80\xAF",
        b"\xF4\x90\x80\x80", // above U+10FFFF
        b"\xF5",
        b"\xFF\xFE",
        b"\x80",
        b"ok\xE2\x82", // cut at the end
        b"\xE2\x82(",
        b"\xF0\x9F\x98",
    ];

    /// W-095, W-096: validity and text do not depend on the cuts.
    #[test]
    fn every_sample_gives_the_same_at_every_two_cuts() {
        for sample in SAMPLES {
            let expected = oracle(sample);
            for i in 0..=sample.len() {
                for j in i..=sample.len() {
                    let chunks = [&sample[..i], &sample[i..j], &sample[j..]];
                    assert_eq!(in_chunks(chunks), expected, "{sample:x?} cut at {i} and {j}");
                }
            }
            assert_eq!(in_chunks(sample.chunks(1)), expected, "{sample:x?} byte by byte");
        }
    }

    /// W-096: the byte that makes the text invalid is refused when it comes, not later.
    #[test]
    fn the_first_bad_byte_fails_at_once() {
        let cases: &[(&[u8], usize)] = &[
            (b"\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80edited", 6), // A0 cannot follow ED
            (b"\xF4\x90\x80\x80", 1),                       // 90 cannot follow F4
            (b"\xE0\x80", 1),
            (b"abc\xFF", 3),
            (b"\xC1", 0),
            (b"\xC3\xC3", 1),
        ];
        for &(bytes, bad) in cases {
            let mut validator = Utf8Validator::new();
            for (i, byte) in bytes.iter().enumerate().take(bad + 1) {
                assert_eq!(validator.push(&[*byte]).is_err(), i == bad, "{bytes:x?} at {i}");
            }
            assert!(Utf8Validator::new().push(&bytes[..=bad]).is_err(), "{bytes:x?}");
            assert!(Utf8Validator::new().push(&bytes[..bad]).is_ok(), "{bytes:x?}");
        }
    }

    #[test]
    fn long_text_takes_the_same_way_out() {
        for filler in ["x", "é", "漢", "😀"] {
            let mut text: Vec<u8> = filler.repeat(100).into();
            assert_eq!(in_chunks([&text[..]]), oracle(&text));
            for end in 0..text.len() {
                assert_eq!(in_chunks([&text[..end], &text[end..]]), oracle(&text));
            }
            for bad in [0, 63, 64, 65, 99] {
                let was = std::mem::replace(&mut text[bad], 0xFF);
                assert_eq!(in_chunks([&text[..]]), oracle(&text), "{filler} with {bad} broken");
                text[bad] = was;
            }
        }
    }

    #[test]
    fn finish_starts_anew() {
        let mut validator = Utf8Validator::new();
        validator.push(b"ab\xE2").unwrap();
        let error = validator.finish().unwrap_err();
        assert_eq!(error, InvalidUtf8 { offset: 2 });
        let shown = "invalid UTF-8 at byte 2 of the text (RFC 6455, 8.1)";
        assert_eq!(error.to_string(), shown);
        assert_eq!(validator.push(b"c").unwrap().rest, "c");
        assert_eq!(validator.finish(), Ok(()));
    }
}
