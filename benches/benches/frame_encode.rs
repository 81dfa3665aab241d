//! The group `frame_encode`, timed with criterion. `tidings_bench::frame_encode` describes it.

fn main() {
    tidings_bench::run(("frame_encode", tidings_bench::frame_encode::cases));
}
