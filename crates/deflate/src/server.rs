//! A server's choice among a client's offers: [`ServerConfig`].

use core::fmt;

use crate::answer::Answer;
use crate::offer::Offer;
use crate::parameters::{ClientMaxWindowBits, EXTENSION_NAME};
use crate::window_bits::{UnsupportedWindow, WindowBits};

/// The parameters that a server agrees to.
///
/// The default spends no memory on an idle connection and little on a busy one: no context
/// takeover in either direction, and windows of 4 KiB where the client lets us choose.
///
/// ```
/// use tidings_deflate::ServerConfig;
///
/// // As a browser offers it; a real server has this from its header parser.
/// let offers = [("permessage-deflate", [("client_max_window_bits", None::<&str>)])];
/// let answer = ServerConfig::new().accept(offers).expect("nothing in it is beyond us");
/// assert_eq!(
///     answer.to_string(),
///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
///      server_max_window_bits=12; client_max_window_bits=12"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    server_context_takeover: bool,
    client_context_takeover: bool,
    server_min_window_bits: WindowBits,
    server_max_window_bits: WindowBits,
    client_max_window_bits: WindowBits,
    client_max_window_bits_required: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerConfig {
    /// No context takeover; windows of 12 bits, and of 9 bits at least for our messages, as zlib
    /// needs. That is so with any features and any backend: for a compressor that needs a larger
    /// window see [`server_min_window_bits`](Self::server_min_window_bits).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            server_context_takeover: false,
            client_context_takeover: false,
            server_min_window_bits: WindowBits::NINE,
            server_max_window_bits: WindowBits::TWELVE,
            client_max_window_bits: WindowBits::TWELVE,
            client_max_window_bits_required: false,
        }
    }

    /// Sets whether our messages may refer back to earlier ones, if the client allows it.
    #[must_use]
    pub const fn server_context_takeover(mut self, allowed: bool) -> Self {
        self.server_context_takeover = allowed;
        self
    }

    /// Sets whether the client's messages may refer back to earlier ones.
    ///
    /// If not, the answer says so, and a client must obey (RFC 7692, 7.1.1.2).
    #[must_use]
    pub const fn client_context_takeover(mut self, allowed: bool) -> Self {
        self.client_context_takeover = allowed;
        self
    }

    /// The smallest window that our compressor keeps to, such as `Backend::min_window_bits`. An
    /// offer that demands a smaller one is declined. The largest window for our messages becomes at
    /// least as large.
    ///
    /// ```
    /// # #[cfg(feature = "miniz_oxide")] {
    /// use tidings_deflate::{Backend, ServerConfig};
    ///
    /// let config = ServerConfig::new();
    /// let config = config.server_min_window_bits(Backend::MinizOxide.min_window_bits());
    /// # let _ = config;
    /// # }
    /// ```
    #[must_use]
    pub const fn server_min_window_bits(mut self, window_bits: WindowBits) -> Self {
        self.server_min_window_bits = window_bits;
        if self.server_max_window_bits.get() < window_bits.get() {
            self.server_max_window_bits = window_bits;
        }
        self
    }

    /// The largest window for our messages. The answer announces it, so that the client can save
    /// memory.
    ///
    /// # Errors
    /// It is smaller than the smallest window that our compressor keeps to.
    pub const fn server_max_window_bits(
        mut self,
        window_bits: WindowBits,
    ) -> Result<Self, UnsupportedWindow> {
        match window_bits.check_min(self.server_min_window_bits) {
            Ok(()) => {
                self.server_max_window_bits = window_bits;
                Ok(self)
            }
            Err(error) => Err(error),
        }
    }

    /// The largest window for the client's messages, if the client lets us choose. If it does not,
    /// its window is 15 bits.
    #[must_use]
    pub const fn client_max_window_bits(mut self, window_bits: WindowBits) -> Self {
        self.client_max_window_bits = window_bits;
        self
    }

    /// Sets whether to decline an offer that does not let us choose the client's window.
    #[must_use]
    pub const fn require_client_max_window_bits(mut self, required: bool) -> Self {
        self.client_max_window_bits_required = required;
        self
    }

    /// Takes the first offer that can be kept. `None`: decline all of them, that is, answer without
    /// `permessage-deflate`; no message may be compressed.
    ///
    /// `offers` has the extensions of the request, over all header lines, each with its parameters.
    /// Other extensions are skipped. Values are read by their `Display`: unquoted.
    pub fn accept<'a, P, V>(&self, offers: impl IntoIterator<Item = (&'a str, P)>) -> Option<Answer>
    where
        P: IntoIterator<Item = (&'a str, Option<V>)>,
        V: fmt::Display,
    {
        // RFC 7692, 5: the order of the offers is the order of the client's preference.
        offers
            .into_iter()
            .filter(|(name, _)| *name == EXTENSION_NAME)
            .find_map(|(_, params)| self.answer(&Offer::parse(params).ok()?).ok())
    }

    /// Answers one offer. [`Offer::parse`] says why another cannot be read at all.
    ///
    /// # Errors
    /// The reason why the offer must be declined.
    pub fn answer(&self, offer: &Offer) -> Result<Answer, Decline> {
        let offer = offer.set();
        // RFC 7692, 7.1.2.1: "the same or smaller value as the offer". We choose the largest that is
        // both wanted and within our own limit.
        let server_window = self
            .server_max_window_bits
            .min(offer.server_max_window_bits.unwrap_or(WindowBits::MAX));
        // RFC 7692, 7: an unsupported window is declined. A larger one would break the promise.
        server_window.check_min(self.server_min_window_bits).map_err(Decline::Window)?;
        let client_window = match offer.client_max_window_bits {
            Some(ClientMaxWindowBits::Value(hint)) => Some(hint.min(self.client_max_window_bits)),
            Some(ClientMaxWindowBits::Valueless) => Some(self.client_max_window_bits),
            // RFC 7692, 7.1.2.2: without the parameter in the offer it must not be in the answer.
            None if self.client_max_window_bits_required
                && self.client_max_window_bits < WindowBits::MAX =>
            {
                return Err(Decline::ClientWindowNotOffered);
            }
            None => None,
        };
        Ok(Answer {
            // RFC 7692, 7.1.1.1: may be sent unasked, must be sent if it was offered.
            server_no_context_takeover: !self.server_context_takeover
                || offer.server_no_context_takeover,
            // RFC 7692, 7.1.1.2: an offer with it is a hint; the echo makes it binding.
            client_no_context_takeover: !self.client_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: (offer.server_max_window_bits.is_some()
                || server_window < WindowBits::MAX)
                .then_some(server_window),
            client_max_window_bits: client_window.filter(|bits| *bits < WindowBits::MAX),
        })
    }
}

/// The reason why a server declines an offer. It is not a fault: the next offer, or none, is taken
/// instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decline {
    /// The client wants a smaller window than our compressor keeps to.
    Window(UnsupportedWindow),
    /// The client does not let us choose its window, and the configuration insists.
    ClientWindowNotOffered,
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(_) => f.write_str("the offer has too small a server_max_window_bits"),
            Self::ClientWindowNotOffered => {
                f.write_str("the offer has no client_max_window_bits, and the server requires it")
            }
        }
    }
}

impl core::error::Error for Decline {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Window(error) => Some(error),
            Self::ClientWindowNotOffered => None,
        }
    }
}
