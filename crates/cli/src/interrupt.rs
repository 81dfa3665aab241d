//! Ctrl-C: the first asks the program to close, the second ends it at once. SIGTERM, and SIGHUP of a
//! terminal that is gone, are the same.

use std::io;
use std::sync::Arc;

use tokio::signal::ctrl_c;
use tokio::sync::{Notify, watch};

/// The exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The first Ctrl-C.
#[derive(Clone)]
pub(crate) struct Interrupt {
    first: watch::Receiver<bool>,
    typed: Arc<Notify>,
}

impl Interrupt {
    /// Watches for Ctrl-C from now on, in a separate task: whatever the program waits for, the
    /// second one ends it.
    pub(crate) fn watch() -> Self {
        let (first, receiver) = watch::channel(false);
        let typed = Arc::new(Notify::new());
        let at_prompt = Arc::clone(&typed);
        tokio::spawn(async move {
            let mut signals = Signals::watch();
            let mut came = async || {
                tokio::select! {
                    signal = signals.next() => signal.is_ok(),
                    () = at_prompt.notified() => true,
                }
            };
            if came().await {
                let _ = first.send(true);
                if came().await {
                    std::process::exit(INTERRUPTED.into());
                }
            }
            // Without signals there is nothing to report, and a dropped sender would be reported as
            // one.
            std::future::pending::<()>().await;
        });
        Self { first: receiver, typed }
    }

    /// Ctrl-C was typed at a prompt, where it is a key and no signal.
    pub(crate) fn typed(&self) {
        self.typed.notify_one();
    }

    /// Waits for it.
    pub(crate) async fn wait(&mut self) {
        if self.first.wait_for(|interrupted| *interrupted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The signals that ask a program to end. One that cannot be watched does what it does by default.
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn watch() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            // `nohup` lets a program ignore it, which watching would undo.
            hang_up: (!is_hang_up_ignored()).then(|| signal(SignalKind::hangup()).ok()).flatten(),
        }
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            interrupt = ctrl_c() => interrupt,
            () = received(self.terminate.as_mut()) => Ok(()),
            () = received(self.hang_up.as_mut()) => Ok(()),
        }
    }
}

#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns whether SIGHUP is ignored. Linux says so; elsewhere `nohup` shows itself by a stdout that is
/// not a terminal.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    use std::io::IsTerminal as _;

    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    match ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) {
        // Signal 1 is the lowest bit.
        Some(mask) => mask & 1 == 1,
        None => !io::stdout().is_terminal(),
    }
}

#[cfg(not(unix))]
impl Signals {
    const fn watch() -> Self {
        Self {}
    }

    async fn next(&mut self) -> io::Result<()> {
        ctrl_c().await
    }
}
