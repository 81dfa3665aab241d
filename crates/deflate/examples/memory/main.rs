//! The cost of a connection: resident memory per `Inflater` and `Deflater`, and time per message.
//!
//! `cargo run --release -p tidings-deflate --example memory`

#[cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]
mod measure;

fn main() {
    #[cfg(feature = "zlib-rs")]
    measure::run(tidings_deflate::Backend::ZlibRs);
    #[cfg(feature = "miniz_oxide")]
    measure::run(tidings_deflate::Backend::MinizOxide);
}
