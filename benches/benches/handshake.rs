//! The group `handshake`, timed with criterion. What it measures stands in `tidings_bench::handshake`.

fn main() {
    tidings_bench::run(("handshake", tidings_bench::handshake::cases));
}
