//! Parts of a buffer by ranges that this crate keeps, and that are always inside. A range outside
//! would be a bug here: tests stop at it, and firmware continues with an empty slice.

use core::ops::Range;

pub(crate) fn slice(bytes: &[u8], range: Range<usize>) -> &[u8] {
    debug_assert!(is_inside(&range, bytes.len()), "{range:?} of {} bytes", bytes.len());
    bytes.get(range).unwrap_or_default()
}

#[cfg(feature = "async")]
pub(crate) fn slice_mut(bytes: &mut [u8], range: Range<usize>) -> &mut [u8] {
    debug_assert!(is_inside(&range, bytes.len()), "{range:?} of {} bytes", bytes.len());
    bytes.get_mut(range).unwrap_or_default()
}

const fn is_inside(range: &Range<usize>, len: usize) -> bool {
    range.start <= range.end && range.end <= len
}
