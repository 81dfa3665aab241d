//! The parts that a program without an operating system must supply: an allocator, and an exit.

/// The module's heap.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// JavaScript gets a `WebAssembly.RuntimeError`. No input leads here; a lack of memory can.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
