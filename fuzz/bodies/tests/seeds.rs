//! Every seed of `fuzz/corpus` and a few thousand pseudo-random inputs through every target, and
//! that no target lacks a part.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use tidings_fuzz::{TARGETS, Target};

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The seeds of a target by name. Inputs that a fuzzer has found on this machine are not among
/// them: they are named by their hash, and not committed.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz_dir().join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| !is_hash(name))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs an input; if it fails, says which.
fn run(target: &Target, input: &[u8], from: &str) {
    let result = std::panic::catch_unwind(|| (target.run)(input));
    if result.is_err() {
        panic!("{} fails on {from}: {}", target.name, input.escape_ascii());
    }
}

#[test]
fn every_seed_passes() {
    for target in &TARGETS {
        for (name, seed) in seeds(target) {
            run(target, &seed, &name);
        }
    }
}

#[test]
fn every_seed_has_a_name_and_is_small() {
    for target in &TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() >= 5, "{} has {} seeds", target.name, seeds.len());
        for (name, seed) in seeds {
            // .gitignore takes any name of 40 characters for a hash.
            assert_ne!(name.len(), 40, "{name}");
            assert!(name.chars().all(|character| matches!(character, 'a'..='z' | '0'..='9' | '-')));
            assert!(seed.len() <= 4096, "{name}");
        }
    }
}

#[test]
fn pseudo_random_inputs_pass() {
    for target in &TARGETS {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        for _ in 0..300 {
            let input: Vec<u8> = (0..random.below(120)).map(|_| random.byte()).collect();
            run(target, &input, "a pseudo-random input");
        }
    }
}

#[test]
fn seeds_with_pseudo_random_changes_pass() {
    for target in &TARGETS {
        let seeds = seeds(target);
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        for _ in 0..300 {
            let mut pick = || &seeds.get(random.below(seeds.len())).unwrap().1;
            let (one, other) = (pick(), pick());
            let input = changed(one, other, &mut random);
            run(target, &input, "a changed seed");
        }
    }
}

/// The start of one seed, the end of the other, and some bytes changed.
fn changed(one: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let head = one.iter().take(random.below(one.len() + 1));
    let tail = other.iter().skip(random.below(other.len() + 1));
    let mut input: Vec<u8> = match random.below(3) {
        0 => head.chain(tail).copied().collect(),
        _ => one.to_vec(),
    };
    for _ in 0..random.below(4) {
        let at = random.below(input.len() + 1);
        match (random.below(3), input.get_mut(at)) {
            (0, Some(byte)) => *byte = random.byte(),
            (1, Some(byte)) => *byte ^= 1 << random.below(8),
            _ => input.insert(at, random.byte()),
        }
    }
    input
}

/// Xorshift: the same inputs in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_be_bytes();
        byte
    }
}

#[test]
fn every_target_is_complete() {
    let fuzz = fuzz_dir();
    let names: Vec<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();

    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let value = |line: &str, key| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(value.strip_suffix('"')?.to_owned())
    };
    let (_, binaries) = manifest.split_once("[[bin]]").unwrap();
    let mut binary_names: Vec<String> =
        binaries.lines().filter_map(|line| value(line, "name")).collect();
    binary_names.sort();
    assert_eq!(binary_names, names, "the binaries of fuzz/Cargo.toml");
    for name in &names {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} in fuzz/Cargo.toml");
        let source = fs::read_to_string(fuzz.join(&path)).unwrap();
        assert!(source.contains(&format!("tidings_fuzz::{name}::run(data)")), "{path}");
    }

    let readme = fs::read_to_string(fuzz.join("README.md")).unwrap();
    for name in &names {
        assert!(readme.contains(&format!("| `{name}` |")), "{name} in fuzz/README.md");
    }
    assert_eq!(names_in(&fuzz.join("corpus")), names, "the folders of fuzz/corpus");
    let sources: Vec<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names_in(&fuzz.join("fuzz_targets")), sources, "the files of fuzz/fuzz_targets");
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
