//! The command as a process: [`tidings`], [`run`], and [`Running`].

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The exit code and the output of a process.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Told {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

pub(crate) fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).env("no_proxy", "*");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the command to its end, without input.
pub(crate) fn run(arguments: &[&str]) -> Told {
    told(tidings(arguments).output().unwrap())
}

/// Runs the command to its end, with this on stdin.
pub(crate) fn run_with(arguments: &[&str], stdin: &[u8]) -> Told {
    let mut command = tidings(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all.
    let _ = command.stdin.take().unwrap().write_all(stdin);
    told(command.wait_with_output().unwrap())
}

fn told(output: Output) -> Told {
    Told {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The time in which a process must do what it is expected to do.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A command that is still running, until it is dropped.
pub(crate) struct Running {
    process: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: mpsc::Receiver<String>,
    pub(crate) stderr: mpsc::Receiver<String>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(&mut tidings(arguments))
    }

    /// Starts a command, whose stdout may go elsewhere.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
        Self {
            stdin: process.stdin.take(),
            stdout: process.stdout.take().map_or_else(|| mpsc::channel().1, lines),
            stderr: lines(process.stderr.take().unwrap()),
            process,
        }
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.type_bytes(format!("{line}\n").as_bytes());
    }

    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// From the next line on, nobody reads its stdout.
    pub(crate) fn stop_reading(&mut self) {
        self.stdout = mpsc::channel().1;
    }

    /// The next line of stderr that contains this; lines before it are skipped.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(SOON).unwrap_or_else(|_| panic!("no {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn next_line(&self) -> String {
        self.stdout.recv_timeout(SOON).unwrap()
    }

    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let (option, id) = (format!("-{name}"), self.process.id().to_string());
        assert!(Command::new("kill").args([option, id]).status().unwrap().success());
    }

    /// Its exit code.
    pub(crate) fn wait(mut self) -> i32 {
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
