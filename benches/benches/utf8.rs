//! The group `utf8`, timed with criterion. What it measures stands in `tidings_bench::utf8`.

fn main() {
    tidings_bench::run(("utf8", tidings_bench::utf8::cases));
}
