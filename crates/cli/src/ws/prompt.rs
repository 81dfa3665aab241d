//! Lines that are typed on a terminal, with a history, while messages arrive above them:
//! [`start`], [`end`].

use crate::interrupt::Interrupt;
use crate::ws::input::ReadSender;

/// Returns whether there can be a prompt: a person types, and reads.
pub(super) fn is_possible() -> bool {
    use std::io::{IsTerminal as _, stdin, stdout};

    cfg!(unix)
        && stdin().is_terminal()
        && stdout().is_terminal()
        && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

#[cfg(unix)]
pub(super) use self::unix::{end, start};

#[cfg(not(unix))]
pub(super) fn start(_: ReadSender, _: Interrupt) {}

#[cfg(not(unix))]
pub(super) const fn end() {}

#[cfg(unix)]
mod unix {
    use std::io::{self, Write as _};
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
    use rustyline::error::ReadlineError;
    use rustyline::{Cmd, Config, DefaultEditor, ExternalPrinter as _, KeyEvent};

    use super::{Interrupt, ReadSender};
    use crate::terminal::set_prompt;
    use crate::ws::input::Read;

    const PROMPT: &str = "> ";

    /// The time for the last messages to be printed.
    const LAST_PRINT: Duration = Duration::from_millis(50);

    /// The settings of the terminal before the prompt changed them.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Shows the prompt, in a separate thread, until the end of the input or Ctrl-C.
    pub(in crate::ws) fn start(sender: ReadSender, interrupt: Interrupt) {
        if let (Ok(mut before), Ok(settings)) = (BEFORE.lock(), tcgetattr(io::stdin())) {
            *before = Some(settings);
        }
        thread::spawn(move || {
            if let Err(error) = edit(&sender, &interrupt) {
                set_prompt(None);
                let _ = sender.blocking_send(Read::Failed(io::Error::other(error)));
            }
        });
    }

    fn edit(sender: &ReadSender, interrupt: &Interrupt) -> rustyline::Result<()> {
        let config = Config::builder().auto_add_history(true).build();
        let mut editor = DefaultEditor::with_config(config)?;
        // A program that was stopped would come back without its prompt.
        editor.bind_sequence(KeyEvent::ctrl('Z'), Cmd::Noop);
        let mut printer = editor.create_external_printer()?;
        set_prompt(Some(Box::new(move |text| printer.print(text).is_ok())));
        loop {
            match editor.readline(PROMPT) {
                Ok(line) => {
                    if sender.blocking_send(Read::Message(line.into())).is_err() {
                        break;
                    }
                }
                Err(ReadlineError::Eof) => break,
                Err(ReadlineError::Interrupted) => {
                    set_prompt(None);
                    interrupt.typed();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        set_prompt(None);
        Ok(())
    }

    /// Gives the terminal back as it was: the thread may still wait for a key, and ends with the
    /// process.
    pub(in crate::ws) fn end() {
        let Ok(mut before) = BEFORE.lock() else { return };
        let Some(settings) = before.take() else { return };
        set_prompt(None);
        // The editor prints what it was given in its own thread, and does not say when it has.
        thread::sleep(LAST_PRINT);
        if tcgetattr(io::stdin()).is_ok_and(|now| now != settings) {
            // The prompt, and what was typed after it, is still there.
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(b"\r\x1b[K").and_then(|()| stdout.flush());
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &settings);
        }
    }
}
