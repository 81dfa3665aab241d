//! The names of the public items of a crate, read from its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Published, root};

#[derive(Debug, Default)]
pub(crate) struct Items {
    /// Types, traits, variants that are named like types, constants, and functions, anywhere.
    pub(crate) anywhere: BTreeSet<String>,
    /// Everything at the root of the crate, modules too.
    pub(crate) at_root: BTreeSet<String>,
}

impl Items {
    pub(crate) fn of(crate_: &Published) -> Self {
        let mut items = Self::default();
        items.read_directory(&root().join(&crate_.directory).join("src"));
        items.at_root = names(&crate_.library);
        items
    }

    fn read_directory(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_directory(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.anywhere.append(&mut names(&fs::read_to_string(&path).unwrap()));
            }
        }
    }

    /// Returns whether a code span names one of them: by a path that has a type or a constant, by a
    /// function with `()`, or by a name at the root.
    pub(crate) fn has(&self, span: &str) -> bool {
        let path = span.split(['(', '<']).next().unwrap_or_default();
        let is_path = path.split("::").all(|name| {
            name.starts_with(|c: char| c.is_alphabetic()) && name.chars().all(is_part_of_name)
        });
        let is_upper = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
        let mut types = path.split("::").filter(|name| is_upper(name));
        let last = path.rsplit("::").next().unwrap_or_default();
        is_path
            && (types.any(|name| self.anywhere.contains(name))
                || span.ends_with("()") && self.anywhere.contains(last)
                || self.at_root.contains(path))
    }
}

/// Returns the names that a source declares or exports as public.
fn names(source: &str) -> BTreeSet<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for (at, word) in code.match_indices("pub ") {
        let declaration = &code[at + word.len()..];
        if let Some(exports) = declaration.strip_prefix("use ") {
            let exports = exports.split(';').next().unwrap_or_default();
            // `a::b::C`, `{a, B as C}`: the last name of each.
            let exports =
                exports.split([',', '{', '}']).filter(|path| !path.trim().ends_with("::"));
            let last = exports.filter_map(|path| path.rsplit([':', ' ', '\n']).next());
            names.extend(last.filter(|name| !name.is_empty()).map(str::to_owned));
            continue;
        }
        let words = ["const ", "async ", "unsafe "];
        let declaration =
            words.iter().fold(declaration, |text, word| text.strip_prefix(word).unwrap_or(text));
        let kinds = ["struct ", "enum ", "trait ", "type ", "static ", "mod ", "fn "];
        let declared = kinds.iter().find_map(|kind| declaration.strip_prefix(kind));
        let name = declared.unwrap_or(declaration).split(|c| !is_part_of_name(c)).next();
        let is_declared = declared.is_some()
            || name.is_some_and(|name| name.len() > 1 && name == name.to_uppercase());
        names.extend(name.filter(|name| is_declared && !name.is_empty()).map(str::to_owned));
    }
    names
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
