//! The files of the repository that people read and write: sources, documents, manifests, scripts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Texts by their paths from the root, with `/`.
pub(crate) type TextFiles = BTreeMap<String, String>;

/// Hidden directories that are part of the project.
const HIDDEN: [&str; 3] = [".ci", ".github", ".cargo"];

/// Directories that hold what programs have made.
const MADE: [&str; 5] = ["target", "node_modules", "corpus", "artifacts", "pkg"];

/// The ends of names, below `.ci` and elsewhere. The scripts of `.ci` have names without an end.
const ENDS: [&str; 12] =
    ["rs", "md", "toml", "mjs", "js", "ts", "py", "html", "yml", "yaml", "sh", "txt"];

/// Text that is data, for tests and for the checks themselves.
const DATA: [&str; 2] = ["/tests/data/", "crates/testkit/tests/words/"];

pub(crate) fn text_files() -> TextFiles {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = TextFiles::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = directory.join(&name);
            let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
            let shown = parts.join("/");
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                let is_wanted = !name.starts_with('.') || HIDDEN.contains(&name.as_str());
                let is_made = MADE.contains(&name.as_str());
                directories.extend((is_wanted && !is_made).then_some(path));
            } else if kind.is_file() && is_text(&shown) {
                if let Ok(text) = fs::read_to_string(root.join(&path)) {
                    files.insert(shown, text);
                }
            }
        }
    }
    assert!(files.len() > 400, "only {} files were found", files.len());
    files
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_script = path.starts_with(".ci/") || path == "fuzz/run";
    let is_known = match name.rsplit_once('.') {
        Some((_, end)) => ENDS.contains(&end),
        None => is_script,
    };
    is_known && !DATA.iter().any(|data| path.contains(data))
}
