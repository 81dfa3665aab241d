//! The published crates, with the files that their pages are made from.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a failed step fails the test")]

pub(crate) mod items;
pub(crate) mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

/// A published crate. Texts that a crate does not have are empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published {
    /// The directory below the root, such as `crates/frame`.
    pub(crate) directory: String,
    pub(crate) name: String,
    pub(crate) manifest: String,
    pub(crate) readme: String,
    /// `src/lib.rs`; empty for a command.
    pub(crate) library: String,
    /// `src/links.md`: the paths of the README's labels.
    pub(crate) links: String,
}

/// Returns all crates of `crates/` that are published.
pub(crate) fn published() -> Vec<Published> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let directory = format!("crates/{}", entry.unwrap().file_name().to_str().unwrap());
        let read =
            |file: &str| fs::read_to_string(root().join(&directory).join(file)).unwrap_or_default();
        let manifest = read("Cargo.toml");
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \""));
        let Some(name) = name.and_then(|name| name.strip_suffix('"')) else { continue };
        if manifest.lines().any(|line| line == "publish = false") {
            continue;
        }
        crates.push(Published {
            name: name.to_owned(),
            readme: read("README.md"),
            library: read("src/lib.rs"),
            links: read("src/links.md"),
            manifest,
            directory,
        });
    }
    assert!(crates.len() >= 10, "only {} crates were found", crates.len());
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    crates
}

/// Returns the text of a file below the root of the workspace.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns whether a text is one sentence: it ends with its only full stop.
pub(crate) fn is_one_sentence(text: &str) -> bool {
    text.ends_with('.') && !text.trim_end_matches('.').contains(". ") && !text.ends_with("..")
}
