//! `cargo xtask public-api`: which other crates' types the published crates show. A type of another
//! crate in a signature ties our version numbers to that crate's, so each is on a list, and a list
//! that names one too many is wrong as well.
//!
//! It reads the JSON of rustdoc, with all features on, which contains the API of any set of
//! features.

mod foreign;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::Error;
use crate::published::published;
use foreign::foreign_items;

/// For each published library, the crates whose items its public API names, by their names in Rust:
/// where an item is defined, not where it is exported from. Std's are everyone's. Ours are on the
/// lists too: a break there is one here.
const ALLOWED: &[(&str, &str)] = &[
    ("tidings-deflate", ""),
    (
        "tidings",
        "tidings_deflate tidings_frame tidings_handshake tidings_reconnect tidings_sse tidings_std \
         tidings_tokio tidings_websocket",
    ),
    (
        "tidings-embedded",
        "embedded_io embedded_io_async \
         tidings_frame tidings_handshake tidings_sse tidings_time tidings_websocket",
    ),
    (
        "tidings-endpoint",
        "bytes http rustls rustls_pki_types serde_core serde_json \
         tidings_deflate tidings_frame tidings_handshake tidings_reconnect tidings_sse tidings_time \
         tidings_websocket",
    ),
    ("tidings-frame", ""),
    ("tidings-handshake", "http tidings_time"),
    ("tidings-reconnect", "tidings_time"),
    ("tidings-time", ""),
    ("tidings-sse", "bytes futures_core http_body tidings_reconnect tidings_time"),
    (
        "tidings-std",
        "http rustls tidings_deflate tidings_endpoint tidings_frame tidings_handshake tidings_sse \
         tidings_websocket",
    ),
    (
        "tidings-tokio",
        "bytes futures_core futures_sink http http_body hyper rustls tokio \
         tidings_deflate tidings_endpoint tidings_frame tidings_handshake tidings_reconnect \
         tidings_sse tidings_websocket",
    ),
    ("tidings-wasm", "wasm_bindgen"),
    ("tidings-websocket", "tidings_frame tidings_time"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Look at this crate alone; may be given several times.
    #[arg(long = "package", short, value_name = "CRATE")]
    packages: Vec<String>,
    /// Print each item that is named, and where.
    #[arg(long)]
    items: bool,
}

/// Compares each crate with its list.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let libraries: Vec<String> = published()?
        .into_iter()
        .filter(|crate_| crate_.is_library)
        .map(|crate_| crate_.name)
        .collect();
    if let Some(unknown) = arguments.packages.iter().find(|wanted| !libraries.contains(wanted)) {
        let libraries = libraries.join(", ");
        return Err(format!("{unknown} is not a published library; there are: {libraries}").into());
    }
    let mut faults = Vec::new();
    for name in &libraries {
        if !arguments.packages.is_empty() && !arguments.packages.contains(name) {
            continue;
        }
        let items = foreign_items(&documented(name)?)?;
        if arguments.items {
            for item in &items {
                println!("{name}: {} shows {}", item.place, item.path);
            }
        }
        let seen: BTreeSet<&str> = items.iter().map(|item| item.crate_name.as_str()).collect();
        println!("{name}: {}", seen.iter().copied().collect::<Vec<_>>().join(" "));
        faults.extend(compare(name, &seen, |crate_name| {
            let item = items.iter().find(|item| item.crate_name == crate_name);
            item.map_or_else(String::new, |item| format!("{} in {}", item.path, item.place))
        }));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n       ").into()) }
}

/// Returns the crates that were seen and are not on the list of `name`, with an `example` of each;
/// and those that are on it needlessly.
fn compare(name: &str, seen: &BTreeSet<&str>, example: impl Fn(&str) -> String) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(listed, _)| *listed == name) else {
        return vec![format!("{name}: it has no list in {}", file!())];
    };
    let allowed: BTreeSet<&str> = allowed.split_whitespace().collect();
    let strange = seen.difference(&allowed);
    let unused = allowed.difference(seen);
    strange
        .map(|seen| format!("{name}: {seen} is not on its list: {}", example(seen)))
        .chain(unused.map(|unused| format!("{name}: {unused} is on its list, but not seen")))
        .collect()
}

/// Returns rustdoc's description of a crate.
fn documented(name: &str) -> Result<Value, Error> {
    // The variable makes build scripts see another compiler: their output stays separate.
    let directory = crate::target_directory().join("public-api");
    let mut command = crate::cargo();
    command
        .args(["rustdoc", "--quiet", "--locked", "--lib", "--all-features", "--package", name])
        .arg("--target-dir")
        .arg(&directory)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        // JSON is not stable yet, in form and in name.
        .env("RUSTC_BOOTSTRAP", "1");
    crate::run(&mut command)?;
    let file: PathBuf = directory.join("doc").join(format!("{}.json", name.replace('-', "_")));
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_neither_too_short_nor_too_long() {
        let compare = |name: &str, seen: &[&str]| {
            compare(name, &seen.iter().copied().collect(), |seen| format!("{seen}::Type in here"))
        };
        assert_eq!(compare("tidings-handshake", &["http", "tidings_time"]), Vec::<String>::new());
        assert_eq!(
            compare("tidings-handshake", &["http", "sha1", "tidings_time"]),
            ["tidings-handshake: sha1 is not on its list: sha1::Type in here"]
        );
        assert_eq!(
            compare("tidings-handshake", &["tidings_time"]),
            ["tidings-handshake: http is on its list, but not seen"]
        );
        assert_eq!(compare("tidings-new", &[]).len(), 1);
    }
}
