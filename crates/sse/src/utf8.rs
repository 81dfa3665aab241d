//! UTF-8, where the standard wants "UTF-8 decode": malformed sequences become U+FFFD.

use core::str::Utf8Error;

/// Checks text as [`core::str::from_utf8`] does, faster for long text with the feature `simdutf8`.
#[inline]
pub(crate) fn validate(bytes: &[u8]) -> Result<&str, Utf8Error> {
    if bytes.is_empty() {
        return Ok("");
    }
    // simdutf8 pays from its block size on, and says nothing of where the error is.
    #[cfg(feature = "simdutf8")]
    if bytes.len() >= 64 {
        #[cfg(test)]
        crate::work::count(bytes.len());
        if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
            return Ok(text);
        }
    }
    let text = core::str::from_utf8(bytes);
    #[cfg(test)]
    crate::work::count(text.map_or_else(|error| error.valid_up_to() + 1, str::len));
    text
}

/// Returns the length of the text once its malformed sequences are replaced.
pub(crate) fn replaced_len(bytes: &[u8]) -> usize {
    #[cfg(test)]
    crate::work::count(bytes.len());
    bytes.utf8_chunks().fold(0, |len: usize, chunk| {
        let replacement = if chunk.invalid().is_empty() { "" } else { REPLACEMENT };
        len.saturating_add(chunk.valid().len()).saturating_add(replacement.len())
    })
}

/// The replacement for a malformed sequence.
pub(crate) const REPLACEMENT: &str = "\u{FFFD}";

/// Decodes text that comes in pieces, piece by piece. A character that is cut by the end of a
/// piece is carried into the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carry {
    bytes: [u8; 4],
    len: usize,
}

/// A piece of decoded text.
pub(crate) enum Decoded<'i> {
    /// A piece of the input.
    Input(&'i str),
    /// The character that was cut; [`Carry::character`] returns it.
    Character,
    /// A malformed sequence.
    Replacement,
}

impl Carry {
    /// Decodes the next text in `input`, and moves it past that. `None` if all of it is consumed.
    pub(crate) fn decode<'i>(&mut self, input: &mut &'i [u8]) -> Option<Decoded<'i>> {
        if self.len > 0 {
            return self.complete(input);
        }
        let error = match validate(input) {
            Ok("") => return None,
            Ok(text) => {
                *input = &[];
                return Some(Decoded::Input(text));
            }
            Err(error) => error,
        };
        let (valid, rest) = input.split_at_checked(error.valid_up_to()).unwrap_or_default();
        if let (false, Ok(text)) = (valid.is_empty(), validate(valid)) {
            *input = rest;
            return Some(Decoded::Input(text));
        }
        if let Some(error_len) = error.error_len() {
            debug_assert!(error_len <= rest.len(), "the malformed sequence is there");
            *input = rest.get(error_len..).unwrap_or_default();
            return Some(Decoded::Replacement);
        }
        *input = &[];
        for (to, from) in self.bytes.iter_mut().zip(rest) {
            *to = *from;
            self.len += 1; // at most 4
        }
        None
    }

    /// Adds bytes to a cut character until it is whole or known to be malformed.
    fn complete<'i>(&mut self, input: &mut &'i [u8]) -> Option<Decoded<'i>> {
        while let Some((&first, rest)) = input.split_first() {
            let (Some(place), len) = (self.bytes.get_mut(self.len), self.len + 1) else { break };
            *place = first;
            debug_assert!(len <= self.bytes.len(), "a character has four bytes at most");
            match core::str::from_utf8(self.bytes.get(..len).unwrap_or_default()) {
                Ok(_) => {
                    *input = rest;
                    self.len = 0;
                    return Some(Decoded::Character);
                }
                Err(error) if error.error_len().is_none() => {
                    *input = rest;
                    self.len = len;
                }
                // Encoding, "UTF-8 decode": the byte that breaks a sequence is looked at again.
                Err(_) => {
                    self.len = 0;
                    return Some(Decoded::Replacement);
                }
            }
        }
        None
    }

    /// At the end of the text: whether a cut character is left over, which is then malformed.
    pub(crate) fn end(&mut self) -> bool {
        core::mem::take(&mut self.len) > 0
    }

    /// The character of [`Decoded::Character`].
    pub(crate) fn character(&self) -> &str {
        self.bytes.utf8_chunks().next().map_or("", |chunk| {
            let text = chunk.valid();
            let len = text.chars().next().map_or(0, char::len_utf8);
            text.get(..len).unwrap_or_default()
        })
    }
}
