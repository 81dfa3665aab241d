//! The messages to send: those of the arguments, then stdin. [`Input`].

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Read as _};

use tidings_tokio::Message;
use tokio::sync::mpsc;

use crate::interrupt::Interrupt;
use crate::terminal::note;
use crate::ws::prompt;

/// Messages that may wait for a slow server before stdin is no longer read.
const MAX_WAITING: usize = 64;

/// The size of one read with `--binary`, and so the longest message made from it.
const BLOCK_LEN: usize = 64 * 1024;

/// The unit that is read from stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nothing.
    Nothing,
    /// Each line is a text message.
    Lines,
    /// Each read is a binary message.
    Blocks,
    /// The first line is a text message.
    OneLine,
    /// All of it is a binary message.
    Whole,
    /// Lines that are typed at a prompt.
    Prompt,
}

/// The messages to send, and whether all of them were sent.
pub(super) struct Input {
    /// These come first.
    first: VecDeque<Message>,
    read: mpsc::Receiver<Read>,
    is_sent: bool,
    has_failed: bool,
}

pub(super) enum Read {
    Message(Message),
    /// A line is not UTF-8, or stdin failed. No more is read.
    Failed(io::Error),
}

/// Where a thread puts what it has read.
pub(super) type ReadSender = mpsc::Sender<Read>;

impl Input {
    /// Reads on a separate thread: a blocked read cannot be cancelled.
    pub(super) fn read(first: Vec<Message>, source: Source, interrupt: &Interrupt) -> Self {
        let (sender, read) = mpsc::channel(MAX_WAITING);
        let interrupt = interrupt.clone();
        match source {
            Source::Nothing => {}
            Source::Prompt => prompt::start(sender, interrupt),
            source => drop(std::thread::spawn(move || read_stdin(source, &sender))),
        }
        Self { first: first.into(), read, is_sent: true, has_failed: false }
    }

    /// The next message; `None` at the end of stdin, or where it cannot be read any further.
    pub(super) async fn next(&mut self) -> Option<Message> {
        if let Some(message) = self.first.pop_front() {
            return Some(message);
        }
        match self.read.recv().await? {
            Read::Message(message) => Some(message),
            Read::Failed(error) => {
                note(&format!("tidings: stdin: {error}; what follows is not sent"));
                self.is_sent = false;
                self.has_failed = true;
                None
            }
        }
    }

    /// Returns whether stdin could not be read to its end.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The message that was taken last was not sent.
    pub(super) const fn lose(&mut self) {
        self.is_sent = false;
    }

    /// The message that was taken last is to be sent again, before all others.
    pub(super) fn put_back(&mut self, message: Message) {
        self.first.push_front(message);
    }

    /// The user does not want the rest to be sent.
    pub(super) fn drop_rest(&mut self) {
        self.first.clear();
        self.read.close();
        while self.read.try_recv().is_ok() {}
    }

    /// Returns whether all messages that were read have been sent.
    pub(super) fn is_sent(&mut self) -> bool {
        self.is_sent && self.first.is_empty() && self.read.try_recv().is_err()
    }
}

fn read_stdin(source: Source, sender: &ReadSender) {
    let stdin = io::stdin().lock();
    match source {
        Source::Nothing | Source::Prompt => {}
        Source::Lines => read_lines(stdin, usize::MAX, sender),
        Source::OneLine => read_lines(stdin, 1, sender),
        Source::Blocks => read_blocks(stdin, sender),
        Source::Whole => read_whole(stdin, sender),
    }
}

fn read_lines(stdin: io::StdinLock<'_>, count: usize, sender: &ReadSender) {
    for line in stdin.lines().take(count) {
        let (read, is_last) = match line {
            Ok(line) => (Read::Message(line.into()), false),
            Err(error) => (Read::Failed(error), true),
        };
        if sender.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

fn read_blocks(mut stdin: io::StdinLock<'_>, sender: &ReadSender) {
    let mut block = vec![0; BLOCK_LEN];
    loop {
        let read = match stdin.read(&mut block) {
            Ok(0) => return,
            Ok(len) => Read::Message(block.get(..len).unwrap_or_default().to_vec().into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Read::Failed(error),
        };
        let is_last = matches!(read, Read::Failed(_));
        if sender.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

fn read_whole(mut stdin: io::StdinLock<'_>, sender: &ReadSender) {
    let mut all = Vec::new();
    let read = match stdin.read_to_end(&mut all) {
        Ok(_) => Read::Message(all.into()),
        Err(error) => Read::Failed(error),
    };
    let _ = sender.blocking_send(read);
}
