//! The group `frame_decode`, timed with criterion. `tidings_bench::frame_decode` describes it.

fn main() {
    tidings_bench::run(("frame_decode", tidings_bench::frame_decode::cases));
}
