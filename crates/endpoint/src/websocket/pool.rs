//! Buffers that belong to the thread, so that an idle connection holds none: taken when bytes
//! come or are framed, given back when none are left.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Holds most reads and most batches of replies whole, and stays in the second-level cache.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;
/// The number of buffers of a kind that a thread keeps for its connections.
const MAX_POOLED: usize = 8;

type Pool = LocalKey<RefCell<Vec<Vec<u8>>>>;

thread_local! {
    /// Initialised, so that no read has to zero its buffer first.
    static READ_POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// Empty, with room.
    static WRITE_POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`BUFFER_LEN`] initialised bytes.
pub(crate) fn take_for_reading() -> Vec<u8> {
    take(&READ_POOL).unwrap_or_else(|| vec![0; BUFFER_LEN])
}

/// Takes back a buffer from [`take_for_reading`]; drops any other.
pub(crate) fn give_back_from_reading(buffer: Vec<u8>) {
    if buffer.len() == BUFFER_LEN {
        give_back(&READ_POOL, buffer);
    }
}

/// An empty buffer with room for [`BUFFER_LEN`] bytes.
pub(crate) fn take_for_writing() -> Vec<u8> {
    take(&WRITE_POOL).unwrap_or_else(|| Vec::with_capacity(BUFFER_LEN))
}

/// Takes back a buffer from [`take_for_writing`]; drops one that has grown.
pub(crate) fn give_back_from_writing(mut buffer: Vec<u8>) {
    if buffer.capacity() == BUFFER_LEN {
        buffer.clear();
        give_back(&WRITE_POOL, buffer);
    }
}

fn take(pool: &'static Pool) -> Option<Vec<u8>> {
    // A thread that ends has no pool any more.
    pool.try_with(|pool| pool.borrow_mut().pop()).ok().flatten()
}

fn give_back(pool: &'static Pool, buffer: Vec<u8>) {
    let _ = pool.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < MAX_POOLED {
            pool.push(buffer);
        }
    });
}
