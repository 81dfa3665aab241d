//! Counts the bytes that are searched, checked or copied, so that tests can tell linear work from
//! quadratic without a clock.

use core::cell::Cell;
use std::thread_local;

thread_local! {
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// This many bytes were looked at or moved.
pub(crate) fn count(bytes: usize) {
    WORK.set(WORK.get() + bytes);
}

/// The bytes that `run` looks at or moves.
pub(crate) fn measure(run: impl FnOnce()) -> usize {
    WORK.set(0);
    run();
    WORK.get()
}
