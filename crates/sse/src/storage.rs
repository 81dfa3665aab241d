//! The storage for data that the decoder cannot borrow from the input: an event that is split by
//! the input, data of several lines, and the last event ID. It is in the caller's arrays
//! ([`FixedStorage`]) or on the heap (`GrowableStorage`).

mod fixed;
#[cfg(feature = "alloc")]
mod growable;

pub use fixed::FixedStorage;
#[cfg(feature = "alloc")]
pub use growable::GrowableStorage;

/// Memory for a [`Decoder`](crate::Decoder): [`FixedStorage`] or, with the feature `alloc`,
/// `GrowableStorage`.
#[allow(private_bounds)] // sealed
pub trait Storage: IntoAreas {}

/// Seals [`Storage`].
pub(crate) trait IntoAreas {
    type Area: Area;

    fn into_areas(self) -> Areas<Self::Area>;
}

/// One area for each thing that is kept.
#[derive(Debug)]
pub(crate) struct Areas<A> {
    /// The data buffer of the standard.
    pub(crate) data: A,
    /// The event type buffer of the standard.
    pub(crate) event_type: A,
    /// A comment that the input cuts.
    pub(crate) comment: A,
    /// The last event ID string of the standard, as of the last blank line.
    pub(crate) id_string: A,
    /// The last event ID buffer of the standard, once the open event has set it.
    pub(crate) id_buffer: A,
    /// The value of an `id` field whose line is not yet over: it counts only without a NUL.
    pub(crate) id_field: A,
}

/// Bytes that are collected, then made text, then cleared.
pub(crate) trait Area: core::fmt::Debug {
    /// The most bytes that it can ever hold.
    fn max_len(&self) -> usize;

    /// Returns the number of bytes that it holds.
    fn len(&self) -> usize;

    /// Appends bytes. The caller has made sure that they fit.
    fn push(&mut self, bytes: &[u8]);

    /// Converts the collected bytes to text, with U+FFFD for malformed sequences, unless that gets
    /// longer than `max_len`.
    fn make_text(&mut self, max_len: usize) -> Result<(), TooLong>;

    /// Replaces all by a text. The caller has made sure that it fits.
    fn set_text(&mut self, text: &str) {
        self.clear();
        self.push(text.as_bytes());
    }

    /// Returns the text made by [`make_text`](Self::make_text) or set by
    /// [`set_text`](Self::set_text).
    fn text(&self) -> &str;

    /// Empties the area, and gives memory back after something large.
    fn clear(&mut self);
}

/// The text is longer than the area may hold.
#[derive(Debug)]
pub(crate) struct TooLong;
