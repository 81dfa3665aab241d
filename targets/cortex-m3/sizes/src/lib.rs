//! The common end of every measured firmware, without a message. Nothing here formats text, so that
//! a crate that does pays for it in its own row.

#![no_std]
#![forbid(unsafe_code)]

use core::panic::PanicInfo;

use semihosting::process;

/// Ends the emulation; successfully if the firmware worked.
pub fn end(is_done: bool) -> ! {
    process::exit(if is_done { 0 } else { 1 })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    process::exit(2)
}
