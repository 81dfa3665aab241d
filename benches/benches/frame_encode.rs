//! The group `frame_encode`, timed with criterion. What it measures stands in `tidings_bench::frame_encode`.

fn main() {
    tidings_bench::run(("frame_encode", tidings_bench::frame_encode::cases));
}
