//! The parts of Markdown that the checks of READMEs look at.

use std::collections::BTreeMap;

/// Returns the lines outside code blocks, and without definitions of links.
pub(crate) fn prose(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code && definition(line).is_none() {
            lines.push(line);
        }
    }
    lines
}

/// Returns the code spans of a line, and whether each is the text of a link.
pub(crate) fn code_spans(line: &str) -> Vec<(&str, bool)> {
    let parts: Vec<&str> = line.split('`').collect();
    // Every second part is code, with text before and after it.
    let around = parts.windows(3).step_by(2);
    around.map(|part| (part[1], part[0].ends_with('[') && part[2].starts_with(']'))).collect()
}

/// Returns the definitions of links: label, then target. The first one of a label counts.
pub(crate) fn definitions(text: &str) -> BTreeMap<&str, &str> {
    let mut definitions = BTreeMap::new();
    for (label, target) in text.lines().filter_map(definition) {
        definitions.entry(label).or_insert(target);
    }
    definitions
}

fn definition(line: &str) -> Option<(&str, &str)> {
    let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
    (!label.contains(']') && !target.contains(' ')).then_some((label, target))
}

/// A link in a line: its target, or the label of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link<'a> {
    /// `[text](target)`
    To(&'a str),
    /// `[text][label]`, or `` [`label`] ``
    Label(&'a str),
}

pub(crate) fn links(line: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (at, _) in line.match_indices(']') {
        let (before, after) = (&line[..at], &line[at + 1..]);
        if let Some(target) = after.strip_prefix('(') {
            links.extend(target.split_once(')').map(|(target, _)| Link::To(target)));
        } else if let Some(label) = after.strip_prefix('[') {
            links.extend(label.split_once(']').map(|(label, _)| Link::Label(label)));
        } else if let Some((text, label)) = before.rsplit_once('[') {
            // A shortcut; in these READMEs, it is always code.
            let is_label = !text.ends_with(']') && label.starts_with('`') && label.len() > 2;
            links.extend(is_label.then_some(Link::Label(label)));
        }
    }
    links
}

/// Returns the anchors of the headings.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let title = title.replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        })
        .collect()
}
