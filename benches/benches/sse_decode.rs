//! The group `sse_decode`, timed with criterion. `tidings_bench::sse_decode` describes it.

fn main() {
    tidings_bench::run(("sse_decode", tidings_bench::sse_decode::cases));
}
