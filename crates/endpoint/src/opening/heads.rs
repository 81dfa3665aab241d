//! The heads of a client's requests and of their responses, for a program that shows them:
//! [`Head`].

use std::fmt;
use std::sync::Arc;

/// The head of a request, or of the response to it, as
/// [`ConnectOptions::on_head`](super::ConnectOptions::on_head) passes it on.
///
/// The bytes have the form of HTTP/1.1: a first line, a line for each header, and an empty line,
/// each of which ends with CRLF. A head of HTTP/2 is written in this form too.
///
/// They contain credentials and cookies. Its `Debug` shows its kind and length alone.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head<'h> {
    /// The request, which is about to be sent.
    Request(&'h [u8]),
    /// The response, before it is checked.
    Response(&'h [u8]),
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = match self {
            Self::Request(bytes) => ("Request", bytes),
            Self::Response(bytes) => ("Response", bytes),
        };
        f.debug_struct(kind).field("len", &bytes.len()).finish_non_exhaustive()
    }
}

/// The function that sees the heads, if there is one.
#[derive(Clone, Default)]
pub(super) struct HeadObserver(Option<Arc<See>>);

type See = dyn Fn(Head<'_>) + Send + Sync;

impl HeadObserver {
    pub(super) fn new(see: impl Fn(Head<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(see)))
    }

    pub(super) const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn see(&self, head: Head<'_>) {
        if let Some(see) = &self.0 {
            see(head);
        }
    }
}
