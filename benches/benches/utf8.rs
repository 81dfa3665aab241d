//! The group `utf8`, timed with criterion. `tidings_bench::utf8` describes it.

fn main() {
    tidings_bench::run(("utf8", tidings_bench::utf8::cases));
}
