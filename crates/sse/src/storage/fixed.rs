//! Storage in the caller's arrays.

use super::{Area, Areas, IntoAreas, Storage, TooLong};
use crate::utf8;

/// Storage in the caller's arrays: no heap. Data that does not fit into its area is an
/// [`Item::Overflow`](crate::Item::Overflow).
///
/// ```
/// use tidings_sse::{Decoder, FixedStorage, Item, Limits};
///
/// let (mut data, mut event_type, mut ids) = ([0; 1024], [0; 32], [0; 3 * 64]);
/// let storage = FixedStorage {
///     data: &mut data,
///     event_type: &mut event_type,
///     last_event_id: &mut ids,
///     comment: &mut [],
/// };
/// let mut decoder = Decoder::with_storage(storage, Limits::DEFAULT);
/// let mut input: &[u8] = b"event: tick\ndata: 1\n\n";
/// let Some(Item::Event(event)) = decoder.decode(&mut input) else { panic!() };
/// assert_eq!((event.event_type, event.data), ("tick", "1"));
/// ```
#[derive(Debug)]
pub struct FixedStorage<'s> {
    /// For the data of one event. Not used when data is reported in parts.
    pub data: &'s mut [u8],
    /// For one event type.
    pub event_type: &'s mut [u8],
    /// Three times the longest event ID: the last event ID, the one of the open event, and the one
    /// that is being read live side by side.
    pub last_event_id: &'s mut [u8],
    /// For one comment; empty if comments are not reported.
    pub comment: &'s mut [u8],
}

impl Storage for FixedStorage<'_> {}

impl<'s> IntoAreas for FixedStorage<'s> {
    type Area = FixedArea<'s>;

    fn into_areas(self) -> Areas<FixedArea<'s>> {
        let max_id_len = self.last_event_id.len() / 3;
        let mut ids = self.last_event_id.chunks_exact_mut(max_id_len.max(1));
        let mut id_area = || FixedArea::new(ids.next().unwrap_or_default());
        Areas {
            id_string: id_area(),
            id_buffer: id_area(),
            id_field: id_area(),
            data: FixedArea::new(self.data),
            event_type: FixedArea::new(self.event_type),
            comment: FixedArea::new(self.comment),
        }
    }
}

/// The first `len` bytes are in use.
#[derive(Debug)]
pub(crate) struct FixedArea<'s> {
    bytes: &'s mut [u8],
    len: usize,
}

impl<'s> FixedArea<'s> {
    fn new(bytes: &'s mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    fn used(&self) -> &[u8] {
        debug_assert!(self.len <= self.bytes.len(), "no more was pushed than fits");
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Area for FixedArea<'_> {
    fn max_len(&self) -> usize {
        self.bytes.len()
    }

    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let place = self.bytes.get_mut(self.len..).and_then(|free| free.get_mut(..bytes.len()));
        debug_assert!(place.is_some(), "the caller checks the length first");
        #[cfg(test)]
        crate::work::count(bytes.len());
        if let Some(place) = place {
            place.copy_from_slice(bytes);
            self.len += bytes.len(); // within the slice
        }
    }

    fn make_text(&mut self, max_len: usize) -> Result<(), TooLong> {
        if utf8::validate(self.used()).is_ok() {
            return Ok(());
        }
        let replaced_len = utf8::replaced_len(self.used());
        if replaced_len > max_len.min(self.bytes.len()) {
            return Err(TooLong);
        }
        self.replace_malformed(replaced_len);
        Ok(())
    }

    fn text(&self) -> &str {
        let text = utf8::validate(self.used());
        debug_assert!(text.is_ok(), "it was made text before");
        text.unwrap_or_default()
    }

    fn clear(&mut self) {
        self.len = 0;
    }
}

impl FixedArea<'_> {
    /// Replaces malformed sequences in place. The bytes move to the end of the text's place; from
    /// there they are read and written to its start. A replacement is never shorter than what it
    /// replaces, so the writer does not overtake the reader.
    fn replace_malformed(&mut self, replaced_len: usize) {
        debug_assert!(self.len <= replaced_len && replaced_len <= self.bytes.len());
        let Some(text) = self.bytes.get_mut(..replaced_len) else { return };
        let (mut written, mut read) = (0, replaced_len.saturating_sub(self.len));
        text.copy_within(..self.len, read);
        while let Some(rest) = text.get(read..).filter(|rest| !rest.is_empty()) {
            let (valid_len, malformed_len) = match core::str::from_utf8(rest) {
                Ok(valid) => (valid.len(), 0),
                Err(error) => {
                    let valid_len = error.valid_up_to();
                    (valid_len, error.error_len().unwrap_or(rest.len() - valid_len))
                }
            };
            #[cfg(test)]
            crate::work::count(valid_len + malformed_len);
            text.copy_within(read..read + valid_len, written);
            written += valid_len;
            read += valid_len + malformed_len;
            if malformed_len > 0 {
                for (to, from) in text.iter_mut().skip(written).zip(utf8::REPLACEMENT.bytes()) {
                    *to = from;
                }
                written += utf8::REPLACEMENT.len();
            }
        }
        self.len = replaced_len;
    }
}
