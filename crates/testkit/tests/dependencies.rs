//! The dependencies of the crates without I/O, by name: a new dependency is a decision, not an
//! accident. `cargo tree` lists them without the network: everything was fetched to build this.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::collections::BTreeSet;
use std::process::Command;

/// A crate, its features, and all that comes with them, direct or not, in the order of the alphabet.
const BUDGETS: [(&str, &str, &str); 20] = [
    ("tidings-frame", "", ""),
    ("tidings-frame", "alloc,std", ""),
    ("tidings-frame", "simdutf8", "ascii simdutf8"),
    ("tidings-handshake", "", HANDSHAKE),
    ("tidings-handshake", "alloc,std", HANDSHAKE),
    ("tidings-reconnect", "", "tidings-time"),
    ("tidings-time", "", ""),
    ("tidings-sse", "", "memchr tidings-reconnect tidings-time"),
    ("tidings-sse", "alloc,std", "memchr tidings-reconnect tidings-time"),
    ("tidings-sse", "simdutf8", "memchr simdutf8 tidings-reconnect tidings-time"),
    ("tidings-sse", "futures", "futures-core memchr tidings-reconnect tidings-time"),
    (
        "tidings-sse",
        "http-body",
        "bytes futures-core http http-body itoa memchr tidings-reconnect tidings-time",
    ),
    ("tidings-websocket", "", "tidings-frame tidings-time"),
    ("tidings-websocket", "alloc,std", "tidings-frame tidings-time"),
    ("tidings-websocket", "simdutf8", "ascii simdutf8 tidings-frame tidings-time"),
    ("tidings-deflate", "", ""),
    ("tidings-deflate", "zlib-rs", "zlib-rs"),
    ("tidings-deflate", "miniz_oxide", "adler2 miniz_oxide"),
    (
        "tidings-handshake",
        "http",
        "base64 block-buffer bytes cfg-if cpufeatures crypto-common digest http httparse \
         hybrid-array itoa sha1 tidings-time typenum",
    ),
    (
        "tidings-embedded",
        "blocking,async",
        "base64 block-buffer cfg-if cpufeatures crypto-common digest embedded-io embedded-io-async \
         httparse hybrid-array memchr sha1 tidings-frame tidings-handshake tidings-reconnect \
         tidings-sse tidings-time tidings-websocket typenum",
    ),
];

/// SHA-1 and Base64 for the key (RFC 6455, 4.2.2 item 5.4), the parser of the head, and the clock of
/// the machines.
const HANDSHAKE: &str = "base64 block-buffer cfg-if cpufeatures crypto-common digest httparse \
                         hybrid-array sha1 tidings-time typenum";

#[test]
fn no_crate_has_a_dependency_that_is_not_named_here() {
    let faults: Vec<String> = BUDGETS
        .iter()
        .filter_map(|(name, features, budget)| {
            let found = dependencies(name, features);
            let budget: BTreeSet<String> = budget.split_whitespace().map(str::to_owned).collect();
            let new: Vec<_> = found.difference(&budget).collect();
            let gone: Vec<_> = budget.difference(&found).collect();
            (found != budget).then(|| {
                format!("{name} with the features [{features}]: new: {new:?}, gone: {gone:?}")
            })
        })
        .collect();
    assert!(faults.is_empty(), "dependencies:\n  {}", faults.join("\n  "));
}

/// `cargo tree` shows optional dependencies too, so a budget that is kept is not one that nobody
/// measures.
#[test]
fn a_dependency_of_a_dependency_is_seen() {
    assert!(dependencies("tidings-websocket", "simdutf8").contains("simdutf8"));
}

/// A program chooses its own cryptography: two providers in one program, and no default, make
/// rustls panic in code that knows nothing of this project.
#[test]
fn tls_brings_no_cryptography_unless_asked() {
    for (name, module) in [
        ("tidings-endpoint", ""),
        ("tidings-std", ""),
        ("tidings-tokio", ""),
        ("tidings", "tokio,std,"),
    ] {
        for (features, expected) in
            [("rustls", ""), ("webpki-roots", ""), ("ring", "ring"), ("aws-lc-rs", "aws-lc-rs")]
        {
            let found = dependencies(name, &format!("{module}{features}"));
            let providers = ["aws-lc-rs", "ring"].into_iter().filter(|name| found.contains(*name));
            assert_eq!(providers.collect::<String>(), expected, "{name} with {features}");
        }
    }
}

/// The names in the tree of a crate without its default features, except its own. The target is
/// named, as some dependencies are for some processors alone.
fn dependencies(name: &str, features: &str) -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "--target", "x86_64-unknown-linux-gnu"])
        .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", name, "--no-default-features", "--features", features]);
    let output = tree.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {complaint}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let mut names: BTreeSet<String> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    // A format of lines that this does not know would else be an empty tree.
    assert!(names.remove(name), "cargo tree does not name {name} itself:\n{tree}");
    names
}
