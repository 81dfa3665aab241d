//! The group `sse_encode`, timed with criterion. `tidings_bench::sse_encode` describes it.

fn main() {
    tidings_bench::run(("sse_encode", tidings_bench::sse_encode::cases));
}
