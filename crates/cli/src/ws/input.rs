//! Stdin, line by line: [`Input`].

use std::io::{self, BufRead as _};

use tokio::sync::mpsc;

/// Lines that may wait for a slow server before stdin is no longer read.
const MAX_LINES_WAITING: usize = 64;

/// A line that is sent as one message.
pub(super) struct Line(pub(super) String);

/// The lines of stdin, and whether all of them were taken.
pub(super) struct Input {
    lines: mpsc::Receiver<Read>,
    is_sent: bool,
}

enum Read {
    Line(String),
    /// A line is not UTF-8, or stdin failed. No more is read.
    Failed(io::Error),
}

impl Input {
    /// Reads on a separate thread: a blocked read cannot be cancelled.
    pub(super) fn read() -> Self {
        let (sender, lines) = mpsc::channel(MAX_LINES_WAITING);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let (read, is_last) = match line {
                    Ok(line) => (Read::Line(line), false),
                    Err(error) => (Read::Failed(error), true),
                };
                if sender.blocking_send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self { lines, is_sent: true }
    }

    /// The next line; `None` at the end of stdin, or where it cannot be read any further.
    pub(super) async fn next(&mut self) -> Option<Line> {
        match self.lines.recv().await? {
            Read::Line(line) => Some(Line(line)),
            Read::Failed(error) => {
                eprintln!("tidings: stdin: {error}; what follows is not sent");
                self.is_sent = false;
                None
            }
        }
    }

    /// The line that was taken last was not sent.
    pub(super) fn lose(&mut self) {
        self.is_sent = false;
    }

    /// The user does not want the rest to be sent.
    pub(super) fn drop_rest(&mut self) {
        self.lines.close();
        while self.lines.try_recv().is_ok() {}
    }

    /// Returns whether all lines that were read have been sent.
    pub(super) fn is_sent(&mut self) -> bool {
        self.is_sent && self.lines.try_recv().is_err()
    }
}
