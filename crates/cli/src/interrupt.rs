//! Ctrl-C: the first asks the program to close, the second ends it at once.

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
            let came = async || {
                tokio::select! {
                    signal = ctrl_c() => signal.is_ok(),
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
