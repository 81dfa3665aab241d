//! The group `sse_encode`, timed with criterion. What it measures stands in `tidings_bench::sse_encode`.

fn main() {
    tidings_bench::run(("sse_encode", tidings_bench::sse_encode::cases));
}
