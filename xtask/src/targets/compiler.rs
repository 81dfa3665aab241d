//! A compiler for a target that this machine is not: the installed one if it has the target, else
//! Debian's with the source of `core`, which `.ci/toolchain` unpacks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Builds for one target.
#[derive(Debug)]
pub(super) struct Compiler {
    triple: &'static str,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The installed toolchain has the target's libraries.
    Installed,
    /// The compiler that `.ci/toolchain --targets` has unpacked to this directory.
    Unpacked { directory: PathBuf, linker: &'static str },
}

/// A compiler, or the reason why there is none.
#[derive(Debug)]
pub(super) enum Found {
    Compiler(Compiler),
    Nothing(String),
}

impl Compiler {
    /// Finds a compiler for `triple`; `linker` is the file in the directory `lld` of
    /// `.ci/toolchain` that links for it.
    ///
    /// # Errors
    /// The machine has apt, and the packages could not be had.
    pub(super) fn find(triple: &'static str, linker: &'static str) -> Result<Found, Error> {
        let origin = if sysroot()?.join("lib/rustlib").join(triple).join("lib").is_dir() {
            Origin::Installed
        } else if is_program("apt-get") && is_program("dpkg-deb") {
            Origin::Unpacked { directory: unpack()?, linker }
        } else {
            return Ok(Found::Nothing(format!(
                "the target {triple} is not installed (`rustup target add {triple}`), and there \
                 is no apt-get to fetch a compiler with the source of its library"
            )));
        };
        Ok(Found::Compiler(Self { triple, origin }))
    }

    /// `cargo build` for the target, in the directory of a package. `libraries` are those of the
    /// standard library that the package needs, such as `core,alloc`.
    pub(super) fn build(&self, package: &Path, libraries: &str) -> Command {
        let mut command = crate::cargo();
        command.current_dir(package).args(["build", "--locked", "--target", self.triple]);
        // They would replace those of the package's own configuration.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if let Origin::Unpacked { directory, linker } = &self.origin {
            let variable = self.triple.to_uppercase().replace('-', "_");
            command
                .arg(format!("-Zbuild-std={libraries}"))
                .env("RUSTC", directory.join("rustc"))
                // -Zbuild-std is there in a stable cargo, and locked.
                .env("RUSTC_BOOTSTRAP", "1")
                .env(format!("CARGO_TARGET_{variable}_LINKER"), directory.join("lld").join(linker));
        }
        command
    }

    /// The target's triple.
    pub(super) fn triple(&self) -> &'static str {
        self.triple
    }
}

/// Returns whether the search path has such a program.
pub(super) fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Returns the directory of the installed toolchain's libraries.
fn sysroot() -> Result<PathBuf, Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    line(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn unpack() -> Result<PathBuf, Error> {
    line(Command::new(".ci/toolchain").arg("--targets")).map(PathBuf::from)
}

/// Returns the output of a command, without the line end.
fn line(command: &mut Command) -> Result<String, Error> {
    Ok(String::from_utf8(crate::output(command)?)?.trim_end().to_owned())
}
