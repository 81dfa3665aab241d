//! The guide is whole: each page is in the summary and its code is tested, each link leads somewhere, and
//! the commands and features that it names exist.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tidings_guide::PAGES;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn source() -> PathBuf {
    root().join("docs/guide/src")
}

#[test]
fn the_summary_the_directory_and_the_tested_pages_are_the_same() {
    let summary = fs::read_to_string(source().join("SUMMARY.md")).unwrap();
    // A chapter without a file is one that is still to be written.
    let listed: Vec<String> = links(&summary)
        .into_iter()
        .map(|link| link.target)
        .filter(|path| !path.is_empty())
        .collect();
    let once: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), once.len(), "a page is in the summary twice");
    let tested: BTreeSet<&str> = PAGES.iter().map(|(path, _)| *path).collect();
    assert_eq!(once, tested, "left: the summary, right: the list of crates/guide/src/lib.rs");

    let mut files = Vec::new();
    find_pages(&source(), &mut files);
    let files: BTreeSet<String> = files
        .iter()
        .map(|file| file.strip_prefix(source()).unwrap().to_str().unwrap().to_owned())
        .filter(|file| file != "SUMMARY.md")
        .collect();
    assert_eq!(files, once.iter().map(|&path| path.to_owned()).collect());
}

fn find_pages(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_pages(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// mdBook takes titles, links, and list items with one link.
#[test]
fn the_summary_has_the_form_that_mdbook_reads() {
    let summary = fs::read_to_string(source().join("SUMMARY.md")).unwrap();
    for line in summary.lines().filter(|line| !line.is_empty()) {
        let rest = line.trim_start().trim_start_matches("- ");
        let is_link = rest.starts_with('[') && rest.ends_with(')') && links(rest).len() == 1;
        assert!(line.starts_with("# ") || is_link, "{line}");
    }
    let book = fs::read_to_string(root().join("docs/guide/book.toml")).unwrap();
    assert!(book.contains("src = \"src\""));
}

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let mut faults = Vec::new();
    for (page, text) in PAGES {
        for Link { line, target } in links(&without_code(text)) {
            if let Some(fault) = fault_of(page, &target) {
                faults.push(format!("{page}:{line}: {target}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "dead links:\n  {}", faults.join("\n  "));
}

fn fault_of(page: &str, target: &str) -> Option<&'static str> {
    if target.starts_with("https://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match path {
        "" => source().join(page),
        _ => source().join(page).parent().unwrap().join(path),
    };
    let Ok(text) = fs::read_to_string(&file) else { return Some("there is no such file") };
    let found = anchor.is_empty() || headings(&text).iter().any(|heading| heading == anchor);
    (!found).then_some("there is no such heading")
}

struct Link {
    line: usize,
    target: String,
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split_once(')').map(|(target, _)| target);
            let target = target.unwrap_or_else(|| panic!("a link is split over lines: {line}"));
            found.push(Link { line: index + 1, target: target.to_owned() });
        }
    }
    found
}

/// The anchors that mdBook and GitHub make of the headings.
fn headings(text: &str) -> Vec<String> {
    let text = without_code(text);
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The text with blocks of code emptied.
fn without_code(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().map(|line| {
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence { "" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `ignore` would hide code that does not compile.
#[test]
fn every_block_of_code_has_a_language_and_all_rust_is_compiled() {
    let languages = ["rust", "rust,no_run", "sh", "js", "nginx", "text", "toml", "html"];
    let mut rust = 0;
    for (page, text) in PAGES {
        let fences = text.lines().filter(|line| line.starts_with("```"));
        for opening in fences.step_by(2) {
            let language = opening.trim_start_matches('`');
            assert!(languages.contains(&language), "{page}: {opening}");
            rust += usize::from(language.starts_with("rust"));
        }
    }
    assert!(rust > 40, "only {rust} blocks of Rust were found");
}

/// A recipe is one file: an example to run, the subject of a test of its name, and what readers copy.
#[test]
fn the_recipes_are_the_tested_programs() {
    for (path, program) in
        [("topics/broadcast.md", "fan_out.rs"), ("topics/language-models.md", "language_model.rs")]
    {
        let (_, page) = PAGES.iter().find(|(page, _)| *page == path).unwrap();
        let text = fs::read_to_string(root().join("crates/guide/examples").join(program)).unwrap();
        let (_, text) = text.split_once("\n\n").unwrap();
        assert!(
            page.contains(&format!("```rust,no_run\n{text}```\n")),
            "docs/guide/src/{path} and crates/guide/examples/{program} differ"
        );
    }
}

/// The features in the tables of the guide are those of the crate `tidings`.
#[test]
fn all_features_of_the_crate_are_on_the_page_about_choosing() {
    let manifest = fs::read_to_string(root().join("crates/tidings/Cargo.toml")).unwrap();
    let features = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let features = features.take_while(|line| !line.starts_with('['));
    let names = features.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let (_, page) = PAGES.iter().find(|(path, _)| *path == "choosing-a-crate.md").unwrap();
    let mut count = 0;
    for name in names.filter(|name| *name != "default") {
        count += 1;
        assert!(page.contains(&format!("`{name}`")), "the feature {name} is missing");
    }
    assert!(count > 10);
}

/// Each `--option` after `tidings ws`, `tidings sse` or `tidings demo` is one of the command.
#[test]
fn the_commands_of_the_guide_have_the_options_that_it_names() {
    let mut sources = String::new();
    for file in ["ws.rs", "sse.rs", "demo.rs", "request.rs"] {
        sources += &fs::read_to_string(root().join("crates/cli/src").join(file)).unwrap();
    }
    let mut seen = 0;
    for (page, text) in PAGES {
        for line in text.lines() {
            let Some((_, command)) = line.split_once("tidings ") else { continue };
            if !["ws ", "sse ", "demo "].iter().any(|name| command.starts_with(name)) {
                continue;
            }
            let words = command.split(|c: char| !(c.is_alphanumeric() || c == '-'));
            for option in words.filter_map(|word| word.strip_prefix("--")) {
                seen += 1;
                // `clap` makes the name of an option from that of the field.
                let field = format!("    {}: ", option.replace('-', "_"));
                let is_known = option == "help"
                    || sources.contains(&field)
                    || sources.contains(&format!("pub(crate) {}", field.trim_start()))
                    || sources.contains(&format!("long = \"{option}\""));
                assert!(is_known, "{page}: `tidings` has no option --{option}: {line}");
            }
        }
    }
    assert!(seen > 5, "only {seen} options were found");
}

#[test]
fn each_fault_of_a_link_is_seen() {
    assert_eq!(fault_of("introduction.md", "topics/limits.md"), None);
    assert_eq!(fault_of("introduction.md", "topics/limit.md"), Some("there is no such file"));
    assert_eq!(fault_of("topics/limits.md", "../introduction.md#introduction"), None);
    assert_eq!(
        fault_of("topics/limits.md", "../introduction.md#nothing"),
        Some("there is no such heading")
    );
    assert_eq!(headings("# A `b`, c: d?\n```\n# no\n```\n"), ["a-b-c-d"]);
    assert_eq!(without_code("a\n```\n[x](y)\n```\nb"), "a\n\n\n\nb");
}
