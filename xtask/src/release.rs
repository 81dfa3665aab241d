//! `cargo xtask release --dry-run`: the checks of `docs/RELEASING.md` that a machine can do. It changes
//! and publishes nothing: those steps remain for a person, and are printed at the end.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;
use crate::packages;
use crate::published::{Published, published};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Check everything, and publish nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also install the command from its sources, which takes minutes.
    #[arg(long)]
    install: bool,
    /// Package files that are not committed too.
    #[arg(long)]
    allow_dirty: bool,
}

/// The steps that this command does not do.
const STEPS_LEFT: &str = "\
Left for a person:
  1. .ci/run, and the Autobahn suite (see docs/RELEASING.md)
  2. cargo publish --workspace
  3. git tag vX.Y.Z && git push origin vX.Y.Z
  4. on the hosting site, a release whose text is the entry of CHANGELOG.md";

/// Does all the checks, and fails if one of them does.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    if !arguments.dry_run {
        return Err("publishing cannot be undone, so this command does not do it: check with \
                    --dry-run, then follow docs/RELEASING.md"
            .into());
    }
    let crates = published()?;
    let version = crates.first().map(|first| first.version.clone()).ok_or("no published crate")?;
    let manifest = fs::read_to_string(crate::root().join("Cargo.toml"))?;
    let changelog = fs::read_to_string(crate::root().join("CHANGELOG.md"))?;
    let mut report = Report::default();
    report.add("one version everywhere", versions(&crates, &manifest));
    report.add("the entry of CHANGELOG.md", entry(&changelog, &version));
    report.add("the tag is free", tag(&version));
    report.add("the work tree is clean", work_tree(arguments.allow_dirty));
    report.add("descriptions in Cargo.toml", descriptions());
    let packaging = packages::Arguments { allow_dirty: arguments.allow_dirty, no_verify: true };
    report.add("contents of the packages", packages::run(&packaging));
    report.add("completions and manual pages", generated());
    if arguments.install {
        report.add("installing the command", install(&version));
    } else {
        println!("--  installing the command: not tried (--install)");
    }
    println!("\n{}", STEPS_LEFT.replace("X.Y.Z", &version));
    match report.faults {
        0 => Ok(()),
        faults => Err(format!("not ready: {faults} of the checks failed").into()),
    }
}

/// Prints the result of each check.
#[derive(Debug, Default)]
struct Report {
    faults: usize,
}

impl Report {
    fn add(&mut self, name: &str, result: Result<(), Error>) {
        match result {
            Ok(()) => println!("ok  {name}"),
            Err(error) => {
                self.faults = self.faults.saturating_add(1);
                println!("!!  {name}:\n       {error}");
            }
        }
    }
}

fn all_well(faults: &[String]) -> Result<(), Error> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n       ").into()) }
}

/// The crates have one version, and `[workspace.dependencies]` has the same.
fn versions(crates: &[Published], manifest: &str) -> Result<(), Error> {
    let version = crates.first().map(|first| first.version.as_str()).unwrap_or_default();
    let mut faults: Vec<String> = crates
        .iter()
        .filter(|crate_| crate_.version != version)
        .map(|crate_| format!("{} is {}, not {version}", crate_.name, crate_.version))
        .collect();
    let dependencies = manifest.lines().filter(|line| line.contains("path = \"crates/"));
    for line in dependencies {
        let name = line.split([' ', '=']).next().unwrap_or_default();
        let is_published = crates.iter().any(|crate_| crate_.name == name);
        if is_published && !line.contains(&format!("version = \"{version}\"")) {
            faults.push(format!("[workspace.dependencies]: {name} is not {version}"));
        }
    }
    all_well(&faults)
}

/// The changelog has a heading with the version and a date: `## 0.1.0 - 2026-01-31`.
fn entry(changelog: &str, version: &str) -> Result<(), Error> {
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let heading = headings.map(|heading| heading.replace(['[', ']'], ""));
    let Some(heading) =
        heading.into_iter().find(|heading| heading.split_whitespace().next() == Some(version))
    else {
        return Err(format!("there is no heading `## {version} - YYYY-MM-DD`").into());
    };
    let date = heading.rsplit(' ').next().unwrap_or_default();
    let is_date = date.len() == 10
        && date.split('-').map(str::len).eq([4, 2, 2])
        && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date { Ok(()) } else { Err(format!("`## {heading}` has no date").into()) }
}

fn tag(version: &str) -> Result<(), Error> {
    let tags = crate::output(Command::new("git").args(["tag", "--list", &format!("v{version}")]))?;
    if tags.is_empty() { Ok(()) } else { Err(format!("there is a tag v{version} already").into()) }
}

fn work_tree(allow_dirty: bool) -> Result<(), Error> {
    let changed = crate::output(Command::new("git").args(["status", "--porcelain"]))?;
    if allow_dirty || changed.is_empty() {
        return Ok(());
    }
    let changed = String::from_utf8_lossy(&changed).lines().take(5).collect::<Vec<_>>().join("; ");
    Err(format!("not committed: {changed}").into())
}

/// The fields of a manifest that a registry shows.
const SHOWN: [&str; 6] =
    ["description", "license", "readme", "keywords", "categories", "repository"];

fn descriptions() -> Result<(), Error> {
    let metadata =
        crate::output(crate::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("no packages")?;
    let published = published()?;
    let mut faults = Vec::new();
    for package in packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        if published.iter().any(|crate_| crate_.name == name) {
            let missing: Vec<&str> = missing(package);
            if !missing.is_empty() {
                faults.push(format!("{name} has no {}", missing.join(", ")));
            }
        }
    }
    all_well(&faults)
}

/// The documentation of a library is on docs.rs without a field of its own.
fn missing(package: &Value) -> Vec<&'static str> {
    let is_empty = |field: &&str| match package.get(*field) {
        None | Some(Value::Null) => true,
        Some(Value::Array(values)) => values.is_empty(),
        Some(value) => value.as_str().is_none_or(str::is_empty),
    };
    SHOWN.into_iter().filter(is_empty).collect()
}

/// The output that packagers of the command need, if it can make that.
fn generated() -> Result<(), Error> {
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let mut command = crate::cargo();
        command
            .args(["run", "--quiet", "--locked", "--package", "tidings-cli", "--"])
            .args(arguments)
            .current_dir(crate::root())
            .stdin(Stdio::null());
        let output = command.output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        let shown = arguments.join(" ");
        if complaint.contains("unrecognized subcommand") {
            println!("--  tidings {shown}: the command does not have it");
        } else if !output.status.success() || output.stdout.is_empty() {
            return Err(format!("tidings {shown}: {}", complaint.trim()).into());
        }
    }
    Ok(())
}

/// Installs the command as a user does, into a directory of its own.
fn install(version: &str) -> Result<(), Error> {
    let root = crate::target_directory().join("installed");
    let mut command = crate::cargo();
    command.args(["install", "--quiet", "--locked", "--force", "--path", "crates/cli", "--root"]);
    crate::run(command.arg(&root))?;
    let shown = crate::output(Command::new(root.join("bin/tidings")).arg("--version"))?;
    let shown = String::from_utf8_lossy(&shown);
    if shown.trim().ends_with(version) {
        Ok(())
    } else {
        Err(format!("it says {:?}, not {version}", shown.trim()).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(result: Result<(), Error>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn versions_that_differ_are_named() {
        let crate_ = |name: &str, version: &str| Published {
            name: name.to_owned(),
            version: version.to_owned(),
            is_library: true,
        };
        let manifest = "a = { version = \"0.1.0\", path = \"crates/a\" }\n\
                        b = { version = \"0.2.0\", path = \"crates/b\" }\n\
                        kit = { path = \"crates/kit\" }\nother = \"0.3\"\n";
        let same = [crate_("a", "0.1.0")];
        assert_eq!(text(versions(&same, manifest)), "");
        let found = text(versions(&[crate_("a", "0.1.0"), crate_("b", "0.2.0")], manifest));
        assert!(found.starts_with("b is 0.2.0, not 0.1.0"), "{found}");
        let found = text(versions(&[crate_("b", "0.1.0")], manifest));
        assert_eq!(found, "[workspace.dependencies]: b is not 0.1.0");
    }

    #[test]
    fn an_entry_needs_its_version_and_a_date() {
        let entry = |changelog| text(entry(changelog, "0.1.0"));
        assert_eq!(entry("# Changelog\n\n## 0.1.0 - 2026-01-31\n"), "");
        assert_eq!(entry("## [0.1.0] - 2026-01-31\n"), "");
        assert_eq!(entry("## 0.1.0\n"), "`## 0.1.0` has no date");
        assert_eq!(entry("## 0.1.0 - soon\n"), "`## 0.1.0 - soon` has no date");
        assert!(entry("## Unreleased\n\n## 0.1.00 - 2026-01-31\n").contains("no heading"));
    }

    #[test]
    fn missing_fields_are_named() {
        let mut package = json!({
            "description": "x", "license": "MIT", "readme": "README.md", "keywords": ["a"],
            "categories": ["b"], "repository": "x",
        });
        assert_eq!(missing(&package), [""; 0]);
        package["keywords"] = json!([]);
        package["repository"] = Value::Null;
        assert_eq!(missing(&package), ["keywords", "repository"]);
    }

    #[test]
    fn nothing_is_published() {
        let arguments = Arguments { dry_run: false, install: false, allow_dirty: false };
        assert!(text(run(&arguments)).contains("--dry-run"));
    }
}
