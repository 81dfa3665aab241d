//! The common parts of every firmware: the runtime, the end, and the functions that copy, fill and
//! compare memory. Their size is subtracted from the figures of all others.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;

#[cortex_m_rt::entry]
fn main() -> ! {
    let (from, mut to) = (black_box([1_u8; 16]), black_box([2_u8; 16]));
    let len = black_box(8);
    if let (Some(from), Some(to)) = (from.get(..len), to.get_mut(..len)) {
        to.copy_from_slice(from);
    }
    if let Some(rest) = to.get_mut(len..) {
        rest.fill(black_box(1));
    }
    end(black_box(&from[..]) == black_box(&to[..]))
}
