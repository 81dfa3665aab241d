//! The group `frame_decode`, timed with criterion. What it measures stands in `tidings_bench::frame_decode`.

fn main() {
    tidings_bench::run(("frame_decode", tidings_bench::frame_decode::cases));
}
