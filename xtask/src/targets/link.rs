//! The host, but with neither std nor an allocator: the program of `targets/link`. Nothing says so
//! but the compiler and the linker, so they are asked for the opposite as well: with a feature of a
//! crate that needs a heap, or std, the program must not link.

use std::path::PathBuf;
use std::process::Command;

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object as _, ObjectSegment as _, SegmentFlags, elf};

use super::Outcome;
use super::table::Row;
use crate::Error;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The program does something with this many crates; it ends with 0 if all of it is right.
const CRATES: u64 = 5;

/// The features of `targets/link`, and the reason why the program cannot be linked with each.
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
/// Std has a panic handler, and the program has its own.
const STD: &str = "duplicate lang item `panic_impl`";

/// The features that need no heap either.
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
    let code = read_only_bytes(&image).map_err(|error| format!("{place}: {error}"))?;
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
    crate::succeed(build().args(features))?;
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
    let mut command = crate::cargo();
    command
        .current_dir(crate::root().join("targets/link"))
        .args(["build", "--locked", "--release", "--target", TRIPLE, "--target-dir"])
        .arg(directory());
    command
}

fn directory() -> PathBuf {
    crate::target_directory().join("targets/link")
}

/// Returns the size of code and constants: of the read-only segments in memory.
///
/// # Errors
/// It is not an ELF file of 64 bit, little-endian.
fn read_only_bytes(image: &[u8]) -> object::Result<u64> {
    let file = ElfFile64::<LittleEndian>::parse(image)?;
    let read_only = file.segments().filter(|segment| match segment.flags() {
        SegmentFlags::Elf { p_type, p_flags } => {
            p_type == elf::PT_LOAD && !p_flags.contains(elf::PF_W)
        }
        _ => false,
    });
    Ok(read_only.map(|segment| segment.size()).sum())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_cannot_be_written_are_counted() {
        let mut image = vec![0; 64];
        image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        image[32] = 64; // e_phoff
        image[54] = 56; // e_phentsize
        image[56] = 3; // e_phnum
        for (kind, flags, len) in [(1, 5, 1000_u64), (1, 6, 1), (6, 4, 10)] {
            let mut header = [0; 56];
            (header[0], header[4]) = (kind, flags);
            header[40..48].copy_from_slice(&len.to_le_bytes());
            image.extend(header);
        }
        assert_eq!(read_only_bytes(&image), Ok(1000));
        for len in 0..image.len() {
            assert!(read_only_bytes(&image[..len]).is_err(), "{len} bytes");
        }
    }
}
