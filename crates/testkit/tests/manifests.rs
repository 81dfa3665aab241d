//! The manifest of each published crate has what its page on crates.io shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod published;

use published::{Published, published};

/// The categories in use. Each is a slug of <https://crates.io/category_slugs>: `cargo publish`
/// refuses any other.
const CATEGORIES: [&str; 13] = [
    "asynchronous",
    "command-line-utilities",
    "compression",
    "date-and-time",
    "embedded",
    "network-programming",
    "no-std",
    "no-std::no-alloc",
    "parser-implementations",
    "wasm",
    "web-programming",
    "web-programming::http-server",
    "web-programming::websocket",
];

/// The sizes that crates.io allows.
const MAX_KEYWORDS: usize = 5;
const MAX_KEYWORD_LEN: usize = 20;
const MAX_CATEGORIES: usize = 5;

/// A longer description is cut off in a list of search results.
const MAX_DESCRIPTION_LEN: usize = 160;

#[test]
fn each_manifest_has_what_the_page_of_its_crate_shows() {
    let workspace = published::read("Cargo.toml");
    let mut faults = Vec::new();
    for crate_ in published() {
        let found = self::faults(&crate_, &workspace);
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", crate_.name)));
    }
    assert!(faults.is_empty(), "manifests:\n  {}", faults.join("\n  "));
}

fn faults(crate_: &Published, workspace: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let manifest = crate_.manifest.as_str();
    let description = text(manifest, "description").unwrap_or_default();
    if !published::is_one_sentence(&description) || description.len() > MAX_DESCRIPTION_LEN {
        faults.push(format!(
            "the description must be one sentence of at most {MAX_DESCRIPTION_LEN} bytes"
        ));
    }
    let documentation = format!("https://docs.rs/{}", crate_.name);
    if text(manifest, "documentation").as_ref() != Some(&documentation) {
        faults.push(format!("documentation must be {documentation}"));
    }
    if text(manifest, "readme").as_deref() != Some("README.md") {
        faults.push("readme must be README.md".to_owned());
    }
    let keywords = list(manifest, "keywords").unwrap_or_default();
    let is_keyword = |word: &String| {
        word.len() <= MAX_KEYWORD_LEN
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c))
    };
    if keywords.is_empty() || keywords.len() > MAX_KEYWORDS || !keywords.iter().all(is_keyword) {
        faults.push(format!("these are not 1 to {MAX_KEYWORDS} keywords: {keywords:?}"));
    }
    let inherited = manifest.contains("categories.workspace = true");
    let categories = list(if inherited { workspace } else { manifest }, "categories");
    let categories = categories.unwrap_or_default();
    if categories.is_empty()
        || categories.len() > MAX_CATEGORIES
        || !categories.iter().all(|category| CATEGORIES.contains(&category.as_str()))
    {
        faults.push(format!("these are not 1 to {MAX_CATEGORIES} categories: {categories:?}"));
    }
    for key in ["repository", "homepage"] {
        if manifest.lines().any(|line| line.starts_with(key)) {
            faults.push(format!("{key}: there is no address yet"));
        }
    }
    faults
}

/// The value of `key = "..."`.
fn text(manifest: &str, key: &str) -> Option<String> {
    let value = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
    Some(value.trim_matches('"').to_owned())
}

/// The values of `key = ["...", "..."]`.
fn list(manifest: &str, key: &str) -> Option<Vec<String>> {
    let value = text(manifest, key)?;
    let values = value.strip_prefix('[')?.strip_suffix(']')?.split(", ");
    Some(values.map(|value| value.trim_matches('"').to_owned()).collect())
}

#[test]
fn each_fault_of_a_manifest_is_told() {
    let manifest = "name = \"x\"\ndescription = \"A test.\"\ndocumentation = \"https://docs.rs/x\"\n\
                    readme = \"README.md\"\nkeywords = [\"a\", \"b-c\"]\ncategories = [\"wasm\"]\n";
    let faults = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        let manifest = manifest.replace(from, to);
        let crate_ = Published { name: "x".to_owned(), manifest, ..Published::default() };
        faults(&crate_, "categories = [\"wasm\", \"no-such\"]")
    };
    assert_eq!(faults("", ""), Vec::<String>::new());
    for (from, to, part) in [
        ("A test.", "A test", "description"),
        ("A test.", "A test. And more.", "description"),
        ("docs.rs/x", "docs.rs/y", "documentation"),
        ("README.md", "readme.md", "readme"),
        ("[\"a\", \"b-c\"]", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]", "keywords"),
        ("b-c", "two words", "keywords"),
        ("b-c", "more-than-twenty-bytes", "keywords"),
        ("[\"wasm\"]", "[\"no-such\"]", "categories"),
        ("categories = [\"wasm\"]", "categories.workspace = true", "categories"),
        ("readme", "repository = \"x\"\nreadme", "repository"),
    ] {
        let found = faults(from, to);
        assert!(found.len() == 1 && found.iter().all(|fault| fault.contains(part)), "{found:?}");
    }
}
