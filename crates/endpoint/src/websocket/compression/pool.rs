//! The memory to compress in, which belongs to the thread: as much as messages in flight need, not
//! as connections are open.

use std::cell::RefCell;
use std::thread::LocalKey;

use tidings_deflate::{DeflateState, InflateState};

/// The number of states of a kind that a thread keeps.
const MAX_POOLED: usize = 4;

thread_local! {
    static INFLATE_POOL: RefCell<Vec<InflateState>> = const { RefCell::new(Vec::new()) };
    static DEFLATE_POOL: RefCell<Vec<DeflateState>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn take_inflate_state() -> Option<InflateState> {
    take(&INFLATE_POOL, |_| true)
}

pub(super) fn give_back_inflate_state(state: InflateState) {
    give_back(&INFLATE_POOL, state);
}

/// One that `fits`.
pub(super) fn take_deflate_state(fits: impl Fn(&DeflateState) -> bool) -> Option<DeflateState> {
    take(&DEFLATE_POOL, fits)
}

pub(super) fn give_back_deflate_state(state: DeflateState) {
    give_back(&DEFLATE_POOL, state);
}

fn take<T>(pool: &'static LocalKey<RefCell<Vec<T>>>, fits: impl Fn(&T) -> bool) -> Option<T> {
    // A thread that ends has no pool any more.
    let taken = pool.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let at = pool.iter().rposition(fits)?;
        Some(pool.swap_remove(at))
    });
    taken.ok().flatten()
}

fn give_back<T>(pool: &'static LocalKey<RefCell<Vec<T>>>, state: T) {
    let _ = pool.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < MAX_POOLED {
            pool.push(state);
        }
    });
}
