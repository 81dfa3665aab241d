//! The group `handshake`, timed with criterion. `tidings_bench::handshake` describes it.

fn main() {
    tidings_bench::run(("handshake", tidings_bench::handshake::cases));
}
