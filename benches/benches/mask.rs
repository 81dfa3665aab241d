//! The group `mask`, timed with criterion. What it measures stands in `tidings_bench::mask`.

fn main() {
    tidings_bench::run(("mask", tidings_bench::mask::cases));
}
