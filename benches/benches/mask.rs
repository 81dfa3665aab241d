//! The group `mask`, timed with criterion. `tidings_bench::mask` describes it.

fn main() {
    tidings_bench::run(("mask", tidings_bench::mask::cases));
}
