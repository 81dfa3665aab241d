//! The output of a firmware: lines over semihosting, and an exit status for the emulation. A panic
//! prints its message and ends with failure.
//!
//! No firmware has a `#[global_allocator]`: one that used `alloc` would not link.

#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use core::panic::PanicInfo;

use semihosting::process;
pub use semihosting::{print, println};

/// States how many vectors of a kind have passed. `cargo xtask targets` reads this line.
pub fn passed(kind: &str, vectors: usize) {
    println!("{kind}: {vectors} vectors passed");
}

/// States how many bytes of RAM a type takes. `cargo xtask targets` reads this line.
pub fn state<T>(name: &str) {
    println!("{name}: {} bytes of state", size_of::<T>());
}

/// Ends the emulation: all went well.
pub fn end() -> ! {
    process::exit(0)
}

/// Ends the emulation: something did not hold.
pub fn fail(reason: fmt::Arguments<'_>) -> ! {
    println!("FAILED: {reason}");
    process::exit(1)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("{info}"))
}
