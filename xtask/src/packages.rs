//! `cargo xtask packages`: the packages that would be published. Each package is built only from
//! its own files and the other packages, with all its features; then its content is checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Error;
use crate::published::{Published, published, unpublished};

/// No package is larger, compressed. What is over this has files that nobody needs.
const MAX_LEN: u64 = 160 * 1024;

/// Both licences go with each package, word for word.
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The required contents of a package, in addition to its licences.
const NEEDED: [&str; 3] = ["Cargo.toml", "README.md", "src"];

/// The required keys of a manifest. `crates/testkit/tests/manifests.rs` checks their values.
const NEEDED_KEYS: [&str; 7] =
    ["description", "documentation", "keywords", "categories", "license", "rust-version", "readme"];

/// The allowed contents of a package's root. The last three are cargo's own.
const ALLOWED: [&str; 9] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "build.rs",
    "examples",
    "src",
    "Cargo.toml",
    "Cargo.toml.orig",
    "Cargo.lock",
];
/// Cargo's note of the commit, where there is one, and that it unpacked the package.
const TRACES: [&str; 2] = [".cargo_vcs_info.json", ".cargo-ok"];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Package files that are not committed too.
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    /// Check the contents of the packages, but do not build them.
    #[arg(long)]
    pub(crate) no_verify: bool,
}

/// Packages every published crate, and checks the results.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let crates = published()?;
    forget_the_last_time(&crates)?;
    package(arguments)?;
    let mut faults = Vec::new();
    println!("{:<24} {:>7} {:>6}", "package", "bytes", "files");
    for crate_ in &crates {
        let package = Package::unpack(crate_)?;
        println!("{:<24} {:>7} {:>6}", crate_.name, package.len, package.files.len());
        faults
            .extend(package.faults()?.into_iter().map(|fault| format!("{}: {fault}", crate_.name)));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n       ").into()) }
}

/// Returns the directory where packages are made and built.
fn workshop() -> PathBuf {
    crate::target_directory().join("packages")
}

/// `cargo package` of the whole workspace: it builds each crate as published, on the others as
/// packaged a moment before.
fn package(arguments: &Arguments) -> Result<(), Error> {
    let mut command = crate::cargo();
    command.env("CARGO_TARGET_DIR", workshop());
    // Cargo warns of each test that is not in the package.
    command.args(["package", "--quiet", "--locked", "--workspace", "--all-features"]);
    for name in unpublished()? {
        command.args(["--exclude", &name]);
    }
    if arguments.allow_dirty {
        command.arg("--allow-dirty");
    }
    if arguments.no_verify {
        command.arg("--no-verify");
    }
    crate::run(&mut command)
}

/// Cargo puts the packages into a separate registry, below the target directory, unpacks them to
/// its home, and builds them like those of any registry: once for each version. If a crate has
/// changed since, the others would be built on its old version.
fn forget_the_last_time(crates: &[Published]) -> Result<(), Error> {
    if workshop().exists() {
        fs::remove_dir_all(workshop())?;
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let Some(Ok(registries)) = home.map(|home| fs::read_dir(home.join("registry/src"))) else {
        return Ok(()); // nothing was ever unpacked
    };
    for registry in registries {
        let registry = registry?;
        // Registries with an address are called by its host.
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for crate_ in crates {
            let unpacked = registry.path().join(format!("{}-{}", crate_.name, crate_.version));
            if unpacked.exists() {
                fs::remove_dir_all(unpacked)?;
            }
        }
    }
    Ok(())
}

/// A package, unpacked.
#[derive(Debug)]
struct Package {
    directory: PathBuf,
    /// Compressed, in bytes.
    len: u64,
    /// Paths in the package.
    files: BTreeSet<PathBuf>,
}

impl Package {
    fn unpack(crate_: &Published) -> Result<Self, Error> {
        let name = format!("{}-{}", crate_.name, crate_.version);
        let archive = workshop().join("package").join(format!("{name}.crate"));
        let into = workshop().join("unpacked");
        let directory = into.join(&name);
        fs::create_dir_all(&into)?;
        let mut tar = std::process::Command::new("tar");
        crate::run(tar.arg("xzf").arg(&archive).arg("-C").arg(&into).stdin(Stdio::null()))?;
        let mut files = BTreeSet::new();
        collect(&directory, Path::new(""), &mut files)?;
        Ok(Self { len: fs::metadata(&archive)?.len(), directory, files })
    }

    /// All that is wrong with it.
    fn faults(&self) -> Result<Vec<String>, Error> {
        let mut faults = what_is_out_of_place(&self.files);
        for license in LICENSES {
            // A link that the archive kept as a link leads nowhere.
            let ours = fs::read_to_string(crate::root().join(license))?;
            if fs::read_to_string(self.directory.join(license)).is_ok_and(|theirs| theirs != ours) {
                faults.push(format!("{license} is not the project's"));
            }
        }
        if self.len > MAX_LEN {
            faults.push(format!("{} bytes, and {MAX_LEN} are allowed", self.len));
        }
        let manifest = fs::read_to_string(self.directory.join("Cargo.toml"))?;
        for key in NEEDED_KEYS {
            if !manifest.lines().any(|line| line.starts_with(&format!("{key} = "))) {
                faults.push(format!("its Cargo.toml has no {key}"));
            }
        }
        Ok(faults)
    }
}

fn collect(root: &Path, below: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

/// Returns the missing and the unexpected contents of a package.
fn what_is_out_of_place(files: &BTreeSet<PathBuf>) -> Vec<String> {
    let roots: BTreeSet<&str> =
        files.iter().filter_map(|path| path.components().next()?.as_os_str().to_str()).collect();
    let lacking = NEEDED.into_iter().chain(LICENSES).filter(|needed| !roots.contains(needed));
    let strange = roots.iter().filter(|root| !ALLOWED.contains(root) && !TRACES.contains(root));
    lacking
        .map(|needed| format!("there is no {needed}"))
        .chain(strange.map(|strange| format!("{strange} does not belong there")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_and_what_is_strange_is_named() {
        let whole = [
            ".cargo_vcs_info.json",
            "Cargo.toml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "src/lib.rs",
        ];
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
        assert_eq!(what_is_out_of_place(&files(&whole)), Vec::<String>::new());
        assert_eq!(what_is_out_of_place(&files(&whole[..5])), ["there is no src"]);
        let mut more = files(&whole);
        more.insert(PathBuf::from("tests/data/vectors.json"));
        assert_eq!(what_is_out_of_place(&more), ["tests does not belong there"]);
    }
}
