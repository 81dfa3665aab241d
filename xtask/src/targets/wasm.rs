//! The module of crates/wasm, run by Node and by Chromium: `.ci/wasm/package` and `.ci/wasm/run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Outcome;
use super::compiler::{Compiler, Found, is_program};
use super::table::Row;
use crate::Error;

const TARGET: &str = "wasm32-unknown-unknown";

/// The size budget of the module, in bytes, after gzip: all of it, and without the frame codec. It
/// is slightly above the current size.
const BUDGETS: [Budget; 2] = [
    Budget { name: "tidings-wasm", features: &["sse", "frame"], max_gzip_bytes: 37_000 },
    Budget { name: "tidings-wasm (sse)", features: &["sse"], max_gzip_bytes: 29_000 },
];

struct Budget {
    name: &'static str,
    features: &'static [&'static str],
    max_gzip_bytes: u64,
}

pub(super) fn run() -> Result<Outcome, Error> {
    for needed in ["node", "gzip", "bash"] {
        if !is_program(needed) {
            return Ok(Outcome::Skipped(format!("there is no {needed}")));
        }
    }
    if !is_program("chromium") && !is_program("apt-get") {
        return Ok(Outcome::Skipped(
            "there is neither chromium nor apt-get to fetch it".to_owned(),
        ));
    }
    let compiler = match Compiler::find(TARGET, "wasm-ld")? {
        Found::Compiler(compiler) => compiler,
        Found::Nothing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let directory = crate::target_directory().join("targets/wasm");
    // `EventStream` over the chunks of `fetch` or of a Rust client of it.
    let mut event_stream = compiler.build(&crate::root().join("crates/sse"), "core,alloc");
    event_stream.args(["--features", "futures", "--target-dir"]).arg(&directory);
    crate::succeed(&mut event_stream)?;

    let mut rows = Vec::new();
    for budget in &BUDGETS {
        let package = directory.join(budget.features.join("-"));
        make(&compiler, &directory, budget.features, &package)?;
        let module = package.join("tidings_wasm_bg.wasm");
        let bytes = std::fs::metadata(&module)?.len();
        let gzip_bytes = gzip_bytes(&module)?;
        let name = budget.name;
        println!("{TARGET}: {name}: {bytes} bytes, by gzip {gzip_bytes}");
        if gzip_bytes > budget.max_gzip_bytes {
            let most = budget.max_gzip_bytes;
            return Err(format!("{name}: {gzip_bytes} bytes by gzip, the budget is {most}").into());
        }
        // The tests are those of the whole.
        let run = if budget.features.len() == 2 { Some(test(&package)?) } else { None };
        rows.push(Row {
            target: TARGET,
            crate_name: name.to_owned(),
            code_bytes: Some(bytes),
            ram_bytes: run.map(|run| run.memory_bytes),
            vectors: run.map(|run| run.vectors),
        });
    }
    Ok(Outcome::Ran(rows))
}

/// Compiles the module and makes the npm package of it.
fn make(
    compiler: &Compiler,
    directory: &Path,
    features: &[&str],
    package: &Path,
) -> Result<(), Error> {
    let mut build = compiler.build(&crate::root().join("crates/wasm"), "core,alloc");
    build.args(["--config", "size.toml", "--profile", "wasm", "--target-dir"]).arg(directory);
    build.args(["--no-default-features", "--features", &features.join(",")]);
    if build.get_args().any(|argument| argument.to_string_lossy().starts_with("-Zbuild-std=")) {
        // No text of a panic is ever shown: without them the module is a twentieth smaller.
        build.arg("-Zbuild-std-features=panic_immediate_abort");
    }
    crate::succeed(&mut build)?;
    let module: PathBuf = directory.join(TARGET).join("wasm/tidings_wasm.wasm");
    crate::run(Command::new(".ci/wasm/package").arg(module).arg(package))
}

fn gzip_bytes(file: &Path) -> Result<u64, Error> {
    let compressed = crate::output(Command::new("gzip").args(["-9", "-n", "-c"]).arg(file))?;
    Ok(u64::try_from(compressed.len())?)
}

/// The report of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    vectors: u64,
    memory_bytes: u64,
}

/// Runs the package in Node and in Chromium.
fn test(package: &Path) -> Result<Run, Error> {
    let output = Command::new(".ci/wasm/run")
        .arg(package)
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    if !output.status.success() {
        return Err(format!(".ci/wasm/run: {}", output.status).into());
    }
    read(&printed).ok_or_else(|| ".ci/wasm/run told of no vectors, or of no memory".into())
}

fn read(printed: &str) -> Option<Run> {
    let figures = |name: &str| -> u64 {
        let figures =
            printed.lines().filter_map(|line| line.split_once(name)?.1.trim().parse::<u64>().ok());
        figures.sum::<u64>()
    };
    let run =
        Run { vectors: figures("vectors passed: "), memory_bytes: figures("bytes of memory: ") };
    (run.vectors > 0 && run.memory_bytes > 0).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_tests_are_read() {
        let printed =
            "✔ a\nℹ vectors passed: 96\nℹ bytes of memory: 1114112\n✔ b\nℹ vectors passed: 8\n";
        assert_eq!(read(printed), Some(Run { vectors: 104, memory_bytes: 1_114_112 }));
        assert_eq!(read("ℹ vectors passed: 96\n"), None);
        assert_eq!(read("ℹ bytes of memory: 1\n"), None);
    }
}
