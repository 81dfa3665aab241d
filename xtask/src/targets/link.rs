//! The host, but with neither std nor an allocator: the program of `targets/link`. Nothing says so
//! but the compiler and the linker, so they are asked for the opposite as well: with a feature of a
//! crate that needs a heap, or std, the program must not link.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;
use super::table::Row;
use crate::Error;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The program does something with this many crates; it ends with 0 if all of it is right.
const CRATES: u64 = 5;

/// The features of `targets/link`, and why the program can't be linked with each.
const MUST_NOT_LINK: [(&str, &str); 8] = [
    ("frame-alloc", NO_ALLOCATOR),
    ("frame-std", NO_ALLOCATOR),
    ("handshake-alloc", NO_ALLOCATOR),
    ("handshake-std", STD),
    ("sse-alloc", NO_ALLOCATOR),
    ("sse-std", STD),
    ("websocket-alloc", NO_ALLOCATOR),
    ("websocket-std", NO_ALLOCATOR),
];
const NO_ALLOCATOR: &str = "no global memory allocator found";
/// Std brings a panic handler, and the program has its own.
const STD: &str = "duplicate lang item `panic_impl`";

/// What needs no heap either.
const MUST_LINK: &str = "frame-simdutf8,sse-simdutf8,websocket-simdutf8";

pub(super) fn run() -> Result<Outcome, Error> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        return Ok(Outcome::Skipped(format!("the host is not {TRIPLE}")));
    }
    for (feature, reason) in MUST_NOT_LINK {
        must_not_link(feature, reason)?;
    }
    link_and_run(&["--features", MUST_LINK])?;
    let program = link_and_run(&[])?;
    let image = std::fs::read(&program)?;
    let place = program.display();
    let code = read_only_bytes(&image).ok_or_else(|| format!("{place}: not an ELF file"))?;
    if contains(&image, b"malloc") {
        return Err(format!("{place}: it names an allocator of the C library").into());
    }
    Ok(Outcome::Ran(vec![Row {
        target: TRIPLE,
        crate_name: "all five, no_main".to_owned(),
        code_bytes: Some(code),
        ram_bytes: None,
        vectors: Some(CRATES),
    }]))
}

/// With this feature the build has to fail, and for this reason.
fn must_not_link(feature: &str, reason: &str) -> Result<(), Error> {
    let output = build().args(["--quiet", "--features", feature]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Err(format!(
            "targets/link: it links with the feature {feature}, which needs what is not there"
        )
        .into());
    }
    if !said.contains(reason) {
        return Err(format!(
            "targets/link: with the feature {feature} it failed, but not by `{reason}`:\n{said}"
        )
        .into());
    }
    Ok(())
}

fn link_and_run(features: &[&str]) -> Result<PathBuf, Error> {
    super::compiler::succeed(build().args(features))?;
    let program = directory().join(TRIPLE).join("release/tidings-link");
    let status = Command::new(&program).status()?;
    if status.success() {
        return Ok(program);
    }
    Err(format!("{}: {status}; the code is the `Fault` of its source", program.display()).into())
}

/// `cargo build` with the installed compiler. The target is named so that flags for the host's
/// build scripts and for the program stay apart.
fn build() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(crate::root().join("targets/link"))
        .args(["build", "--locked", "--release", "--target", TRIPLE, "--target-dir"])
        .arg(directory());
    command
}

fn directory() -> PathBuf {
    let directory = crate::target_directory().join("targets/link");
    // The build runs elsewhere.
    if directory.is_absolute() { directory } else { Path::new(&crate::root()).join(directory) }
}

/// Code and constants: what the segments that can't be written take in memory. `None` if it is no
/// ELF file of 64 bit, little-endian.
fn read_only_bytes(image: &[u8]) -> Option<u64> {
    const LOAD: u64 = 1;
    const WRITABLE: u64 = 2;
    if !image.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: u64, len: usize| -> Option<u64> {
        let bytes = image.get(usize::try_from(at).ok()?..)?.get(..len)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    // The ELF header: e_phoff, e_phentsize, e_phnum.
    let (first, len, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut bytes = 0;
    for index in 0..count {
        // A program header: p_type, p_flags, p_memsz.
        let header = first.checked_add(index * len)?;
        if number(header, 4)? == LOAD && number(header.checked_add(4)?, 4)? & WRITABLE == 0 {
            bytes += number(header.checked_add(40)?, 8)?;
        }
    }
    Some(bytes)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_can_not_be_written_are_counted() {
        let mut image = vec![0; 64];
        image[..6].copy_from_slice(b"\x7fELF\x02\x01");
        image[32] = 64; // e_phoff
        image[54] = 56; // e_phentsize
        image[56] = 3; // e_phnum
        for (kind, flags, len) in [(1, 5, 1000_u64), (1, 6, 1), (6, 4, 10)] {
            let mut header = [0; 56];
            (header[0], header[4]) = (kind, flags);
            header[40..48].copy_from_slice(&len.to_le_bytes());
            image.extend(header);
        }
        assert_eq!(read_only_bytes(&image), Some(1000));
        // Of the last header its type is enough: it is not loaded.
        for len in 0..image.len() - 52 {
            assert_eq!(read_only_bytes(&image[..len]), None, "{len} bytes");
        }
    }
}
