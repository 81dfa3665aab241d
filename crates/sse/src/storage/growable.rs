//! Storage on the heap.

use alloc::vec::Vec;

use super::{Area, Areas, IntoAreas, Storage, TooLong};
use crate::utf8;

/// Storage on the heap. It grows with the bytes that arrive, up to the decoder's
/// [`Limits`](crate::Limits), and frees memory after a large event.
#[derive(Debug, Default)]
pub struct GrowableStorage(());

impl GrowableStorage {
    /// Empty storage. Nothing is allocated before something must be kept.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Storage for GrowableStorage {}

impl IntoAreas for GrowableStorage {
    type Area = GrowableArea;

    fn into_areas(self) -> Areas<GrowableArea> {
        Areas {
            data: GrowableArea::default(),
            event_type: GrowableArea::default(),
            comment: GrowableArea::default(),
            id_string: GrowableArea::default(),
            id_buffer: GrowableArea::default(),
            id_field: GrowableArea::default(),
        }
    }
}

/// Bytes, and the text that they were made into.
#[derive(Debug, Default)]
pub(crate) struct GrowableArea {
    bytes: Vec<u8>,
}

/// A cleared area keeps no more than this, so that idle connections cost little.
const MAX_KEPT_LEN: usize = 16 * 1024;

impl Area for GrowableArea {
    fn max_len(&self) -> usize {
        usize::MAX
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        crate::work::count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn make_text(&mut self, max_len: usize) -> Result<(), TooLong> {
        if utf8::validate(&self.bytes).is_ok() {
            return Ok(());
        }
        let replaced_len = utf8::replaced_len(&self.bytes);
        if replaced_len > max_len {
            return Err(TooLong);
        }
        let mut text = Vec::with_capacity(replaced_len);
        for chunk in self.bytes.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                text.extend_from_slice(utf8::REPLACEMENT.as_bytes());
            }
        }
        self.bytes = text;
        Ok(())
    }

    fn text(&self) -> &str {
        let text = utf8::validate(&self.bytes);
        debug_assert!(text.is_ok(), "it was made text before");
        text.unwrap_or_default()
    }

    fn clear(&mut self) {
        if self.bytes.capacity() > MAX_KEPT_LEN {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_large_event_is_given_back() {
        let mut area = GrowableArea::default();
        area.push(&[b'x'; MAX_KEPT_LEN + 1]);
        area.make_text(usize::MAX).unwrap();
        assert_eq!(area.text().len(), MAX_KEPT_LEN + 1);
        area.clear();
        assert_eq!(area.bytes.capacity(), 0);
        area.push(&[b'x'; 16 * 1024]);
        area.clear();
        assert_eq!(area.bytes.capacity(), 16 * 1024, "that of an ordinary one is used again");
        assert_eq!(MAX_KEPT_LEN, 16 * 1024);
    }
}
