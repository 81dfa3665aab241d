//! Ctrl-C: the first asks the program to close, the second ends it at once.

use tokio::signal::ctrl_c;
use tokio::sync::watch;

/// The exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The first Ctrl-C.
#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Watches for Ctrl-C from now on, in a separate task: whatever the program waits for, the
    /// second one ends it.
    pub(crate) fn watch() -> Self {
        let (first, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if ctrl_c().await.is_ok() {
                let _ = first.send(true);
                if ctrl_c().await.is_ok() {
                    std::process::exit(INTERRUPTED.into());
                }
            }
            // Without signals there is nothing to report, and a dropped sender would be reported as
            // one.
            std::future::pending::<()>().await;
        });
        Self(receiver)
    }

    /// Waits for it.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|interrupted| *interrupted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
