//! The links of the READMEs: what they name is a link, and no link leads nowhere. The pages of
//! docs.rs are compared with those of rustdoc by `.ci/docs/links`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed step fails the test"
)]

mod published;

use std::collections::{BTreeMap, BTreeSet};

use published::items::Items;
use published::markdown::{Link, anchors, code_spans, definitions, links, prose};
use published::{Published, published, read, root};

#[test]
fn every_public_item_that_a_front_page_names_is_a_link_where_it_is_first_named() {
    let mut faults = Vec::new();
    // The command has no library; its README names options.
    for crate_ in published().iter().filter(|crate_| !crate_.library.is_empty()) {
        let unlinked = unlinked(&crate_.readme, &Items::of(crate_), &features(&crate_.manifest));
        faults.extend(unlinked.into_iter().map(|span| format!("{}: `{span}`", crate_.name)));
    }
    assert!(faults.is_empty(), "these are not links:\n  {}", faults.join("\n  "));
}

/// Returns the code spans that name an item, or a feature as "feature `name`", and are not links
/// where they are first named.
fn unlinked(readme: &str, items: &Items, features: &BTreeSet<&str>) -> Vec<String> {
    let mut named = BTreeSet::new();
    let mut unlinked = Vec::new();
    for line in prose(readme).into_iter().filter(|line| !line.starts_with('#')) {
        for (span, is_link) in code_spans(line) {
            let is_item = items.has(span) && !features.contains(span);
            if is_item && named.insert(span) && !is_link {
                unlinked.push(span.to_owned());
            }
        }
        for (at, word) in line.match_indices("feature ") {
            let text = &line[at + word.len()..];
            for feature in features {
                let is_named = text.trim_start_matches('[').starts_with(&format!("`{feature}`"));
                let is_link = text.starts_with(&format!("[`{feature}`](#features)"));
                if is_named && named.insert(feature) && !is_link {
                    unlinked.push(format!("feature {feature}"));
                }
            }
        }
    }
    unlinked
}

/// The names of the table `[features]`.
fn features(manifest: &str) -> BTreeSet<&str> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('[') || line.starts_with("[["));
    lines.filter_map(|line| Some(line.split_once(" = ")?.0)).collect()
}

#[test]
fn no_link_of_a_readme_leads_nowhere() {
    let crates = published();
    let items: BTreeMap<&str, Items> =
        crates.iter().map(|crate_| (crate_.name.as_str(), Items::of(crate_))).collect();
    let mut readmes = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    readmes.extend(crates.iter().map(|crate_| format!("{}/README.md", crate_.directory)));
    let mut faults = Vec::new();
    for path in &readmes {
        let found = dead_links(path, &read(path), &items);
        faults.extend(found.into_iter().map(|fault| format!("{path}: {fault}")));
    }
    assert!(faults.is_empty(), "links that lead nowhere:\n  {}", faults.join("\n  "));
}

fn dead_links(path: &str, readme: &str, items: &BTreeMap<&str, Items>) -> Vec<String> {
    let definitions = definitions(readme);
    let mut dead = Vec::new();
    let mut used = BTreeSet::new();
    let mut targets: Vec<&str> = definitions.values().copied().collect();
    for link in prose(readme).into_iter().flat_map(links) {
        match link {
            Link::To(target) => targets.push(target),
            Link::Label(label) if definitions.contains_key(label) => _ = used.insert(label),
            Link::Label(label) => dead.push(format!("[{label}] is not defined")),
        }
    }
    let unused = definitions.keys().filter(|label| !used.contains(*label));
    dead.extend(unused.map(|label| format!("[{label}] is defined, and not used")));
    let nowhere =
        targets.into_iter().filter(|target| !leads_somewhere(path, readme, target, items));
    dead.extend(nowhere.map(str::to_owned));
    dead
}

fn leads_somewhere(path: &str, readme: &str, target: &str, items: &BTreeMap<&str, Items>) -> bool {
    if let Some(page) = target.strip_prefix("https://docs.rs/") {
        return !page.starts_with("tidings") || is_page(page, items);
    }
    if target.starts_with("http://") || target.starts_with("https://") {
        return true;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = root().join(path).parent().unwrap().join(file);
    let text = if target.starts_with('#') {
        Some(readme.to_owned())
    } else if anchor.is_empty() {
        return file.exists();
    } else {
        std::fs::read_to_string(file).ok()
    };
    text.is_some_and(|text| anchors(&text).iter().any(|found| found == anchor))
}

/// Returns whether `tidings-frame/latest/tidings_frame/struct.Decoder.html` can be a page: the crate
/// is published, and some crate has such a public item.
fn is_page(page: &str, items: &BTreeMap<&str, Items>) -> bool {
    let (page, _) = page.split_once('#').unwrap_or((page, ""));
    let mut parts = page.split('/');
    let is_published = parts.next().is_some_and(|name| items.contains_key(name));
    let last = page.rsplit('/').next().unwrap_or_default();
    let item = last.strip_suffix(".html").and_then(|name| name.split_once('.'));
    let is_known = |name: &str| items.values().any(|items| items.anywhere.contains(name));
    is_published && item.is_none_or(|(_, name)| is_known(name))
}

#[test]
fn the_labels_of_each_readme_are_those_that_rustdoc_gets() {
    let mut faults = Vec::new();
    for Published { name, readme, links, .. } in published() {
        let within = format!("https://docs.rs/{name}/latest/");
        let definitions = definitions(&readme);
        let paths = published::markdown::definitions(&links);
        for (label, target) in &definitions {
            if target.starts_with(&within) && !paths.contains_key(label) {
                faults.push(format!("{name}: src/links.md has no [{label}]"));
            }
        }
        for label in paths.keys().filter(|label| !definitions.contains_key(*label)) {
            faults.push(format!("{name}: src/links.md has [{label}], which README.md has not"));
        }
    }
    let cure = "`.ci/docs/links --fix` writes src/links.md";
    assert!(faults.is_empty(), "{cure}:\n  {}", faults.join("\n  "));
}

#[test]
fn each_published_crate_is_in_the_table_of_the_readme() {
    let readme = read("README.md");
    for crate_ in published() {
        let row = format!("[`{}`]({})", crate_.name, crate_.directory);
        assert!(readme.contains(&row), "README.md has no {row}");
    }
}

#[test]
fn each_document_is_linked_from_the_readme() {
    let readme = read("README.md");
    for document in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = document.unwrap().file_name().into_string().unwrap();
        let is_linked = readme.contains(&format!("](docs/{name}"));
        assert!(is_linked, "README.md has no link to docs/{name}");
    }
}

/// The table of event types names each public type whose name ends in `Event`, and `EventEnd`,
/// which belongs to them.
#[test]
fn the_table_of_event_types_has_all_of_them() {
    let crates = published();
    let of = |name: &str| Items::of(crates.iter().find(|crate_| crate_.name == name).unwrap());
    let mut types: BTreeSet<String> = ["tidings-sse", "tidings-endpoint"]
        .into_iter()
        .flat_map(|name| of(name).anywhere)
        .filter(|name| name.ends_with("Event"))
        .collect();
    types.insert("EventEnd".to_owned());
    let readme = read("crates/sse/README.md");
    let section = readme.split("\n## The seven event types\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), types);
    assert_eq!(types.len(), 7);
}

#[test]
fn each_fault_of_a_link_is_told() {
    let items = Items {
        anywhere: ["Decoder", "MAX", "decode"].map(str::to_owned).into(),
        at_root: ["decode", "opening"].map(str::to_owned).into(),
    };
    let features = BTreeSet::from(["std"]);
    for (text, fault) in [
        ("[`Decoder`], and again `Decoder`.", None),
        ("`Decoder`", Some("Decoder")),
        ("`Decoder::new`", Some("Decoder::new")),
        ("`decode()`", Some("decode()")),
        ("`opening`", Some("opening")),
        ("`MAX`", Some("MAX")),
        ("`Vec`, `other()`, `Content-Type`, `std`", None),
        ("feature `std`", Some("feature std")),
        ("feature [`std`](#features), feature `std`", None),
        ("# `Decoder`", None),
        ("```\n`Decoder`\n```", None),
    ] {
        let found = unlinked(text, &items, &features);
        assert_eq!(found, fault.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{text}");
    }

    let items = BTreeMap::from([("tidings-frame", items)]);
    let page = "https://docs.rs/tidings-frame/latest/tidings_frame";
    for (text, is_dead) in [
        (format!("[`A`]\n\n[`A`]: {page}/struct.Decoder.html"), false),
        (format!("[`A`]\n\n[`A`]: {page}/struct.Encoder.html"), true),
        (format!("[`A`]\n\n[`B`]: {page}/"), true),
        ("[a](https://docs.rs/tidings-frames)".to_owned(), true),
        ("[a](https://docs.rs/tidings-frame)".to_owned(), false),
        ("[a](#b-c), [b](#d)\n## `B` c\n".to_owned(), true),
        ("[a](#b-c)\n## `B` c\n".to_owned(), false),
        ("[a](crates/frame/README.md#features)".to_owned(), false),
        ("[a](crates/frame/README.md#nothing)".to_owned(), true),
        ("[a](crates/none)".to_owned(), true),
        ("[a][b]\n\n[b]: crates".to_owned(), false),
        ("[a][b]".to_owned(), true),
    ] {
        assert_eq!(!dead_links("README.md", &text, &items).is_empty(), is_dead, "{text}");
    }
}
