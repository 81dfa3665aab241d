//! The group `sse_decode`, timed with criterion. What it measures stands in `tidings_bench::sse_decode`.

fn main() {
    tidings_bench::run(("sse_decode", tidings_bench::sse_decode::cases));
}
