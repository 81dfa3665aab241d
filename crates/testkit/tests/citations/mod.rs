//! The sources of the workspace, and the tests in them that documents name: [`TestName`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// `` `frame/src/close.rs: the_name` ``, below `crates/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestName<'a> {
    path: &'a str,
    function: &'a str,
}

impl<'a> TestName<'a> {
    pub(crate) fn parse(code: &'a str) -> Option<Self> {
        let (path, function) = code.split_once(": ")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (path.ends_with(".rs") && function.chars().all(is_name)).then_some(Self { path, function })
    }

    /// The documentation of the test, in one line.
    ///
    /// # Errors
    /// There is no such test.
    pub(crate) fn find(self, sources: &Sources) -> Result<String, String> {
        let Some(source) = sources.get(&format!("crates/{}", self.path)) else {
            return Err(format!("there is no crates/{}", self.path));
        };
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        let begins = |line: &str| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let rest = line.strip_prefix("fn ").and_then(|line| line.strip_prefix(self.function));
            rest.is_some_and(|rest| rest.starts_with('('))
        };
        let mut found = lines.iter().enumerate().filter(|(_, line)| begins(line));
        let Some((at, _)) = found.next() else { return Err(format!("there is no {self}")) };
        if found.next().is_some() {
            return Err(format!("there are two functions {self}"));
        }
        // Upwards over attributes and documentation.
        let is_above = |line: &&&str| line.starts_with("#[") || line.starts_with("///");
        let above = lines.iter().take(at).rev().take_while(is_above);
        let (attributes, mut documentation): (Vec<&str>, Vec<&str>) =
            above.copied().partition(|line| line.starts_with("#["));
        let is_test =
            |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if !attributes.iter().any(is_test) {
            return Err(format!("{self} is not a test"));
        }
        documentation.reverse();
        let words = documentation.iter().filter_map(|line| line.strip_prefix("///"));
        Ok(words.collect::<Vec<_>>().join(" "))
    }
}

impl std::fmt::Display for TestName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}: {}`", self.path, self.function)
    }
}

/// Returns the texts between backticks in a line.
pub(crate) fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The sources by their paths from the root, with `/`.
pub(crate) type Sources = BTreeMap<String, String>;

pub(crate) fn sources() -> Sources {
    let root = root();
    let mut sources = Sources::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = directory.join(&name);
            let is_ours = !name.starts_with('.') && !name.starts_with("target");
            if entry.file_type().unwrap().is_dir() {
                directories.extend(is_ours.then_some(path));
            } else if name.ends_with(".rs") {
                let source = fs::read_to_string(root.join(&path)).unwrap();
                let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
                sources.insert(parts.join("/"), source);
            }
        }
    }
    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    sources
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
