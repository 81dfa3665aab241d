//! A client's offers (RFC 7692, 7.1): [`Offer`], in the order of its preference.

use core::fmt;

use crate::parameters::{ClientMaxWindowBits, ParameterError, ParameterSet, Parameters, Side};
use crate::window_bits::WindowBits;

/// One `permessage-deflate` element of a client's `Sec-WebSocket-Extensions`.
///
/// A client sends one or several, the one that it likes best first, and checks the answer with
/// [`check_answer`](crate::check_answer).
///
/// ```
/// use tidings_deflate::{Offer, WindowBits};
///
/// let offers = [
///     Offer::new().server_max_window_bits(WindowBits::TWELVE).client_max_window_bits(),
///     Offer::new(), // for a server that cannot limit its window
/// ];
/// assert_eq!(
///     offers[0].to_string(),
///     "permessage-deflate; server_max_window_bits=12; client_max_window_bits"
/// );
/// assert_eq!(offers[1].to_string(), "permessage-deflate");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    set: ParameterSet,
}

impl Offer {
    /// `permessage-deflate` without a parameter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            set: ParameterSet {
                server_no_context_takeover: false,
                client_no_context_takeover: false,
                server_max_window_bits: None,
                client_max_window_bits: None,
            },
        }
    }

    /// The offer of browsers: no demand, and permission to limit our window. A client whose
    /// compressor supports only the largest window, such as `miniz_oxide`, offers
    /// [`new`](Self::new) instead.
    #[must_use]
    pub const fn recommended() -> Self {
        Self::new().client_max_window_bits()
    }

    /// Demands that the server does not refer back to earlier messages (RFC 7692, 7.1.1.1).
    ///
    /// We then need no memory between its messages.
    #[must_use]
    pub const fn server_no_context_takeover(mut self) -> Self {
        self.set.server_no_context_takeover = true;
        self
    }

    /// Announces that we shall not refer back to earlier messages, whatever the server answers (RFC
    /// 7692, 7.1.1.2).
    #[must_use]
    pub const fn client_no_context_takeover(mut self) -> Self {
        self.set.client_no_context_takeover = true;
        self
    }

    /// Demands that the server's window is at most this large (RFC 7692, 7.1.2.1).
    #[must_use]
    pub const fn server_max_window_bits(mut self, window_bits: WindowBits) -> Self {
        self.set.server_max_window_bits = Some(window_bits);
        self
    }

    /// Lets the server limit our window (RFC 7692, 7.1.2.2).
    ///
    /// It may choose one in which our backend cannot compress (`Backend::min_window_bits`); our
    /// messages then go uncompressed, which is always allowed.
    #[must_use]
    pub const fn client_max_window_bits(mut self) -> Self {
        self.set.client_max_window_bits = Some(ClientMaxWindowBits::Valueless);
        self
    }

    /// Lets the server limit our window, and announces that it will not be larger than this in any
    /// case (RFC 7692, 7.1.2.2).
    #[must_use]
    pub const fn client_max_window_bits_hint(mut self, window_bits: WindowBits) -> Self {
        self.set.client_max_window_bits = Some(ClientMaxWindowBits::Value(window_bits));
        self
    }

    /// Reads the parameters of an element with the name `permessage-deflate`.
    ///
    /// Values are read by their `Display`: unquoted. See [`ServerConfig::accept`] for the usual
    /// way.
    ///
    /// # Errors
    /// The server must decline such an offer (RFC 7692, 7).
    ///
    /// [`ServerConfig::accept`]: crate::ServerConfig::accept
    pub fn parse<'a, V: fmt::Display>(
        params: impl IntoIterator<Item = (&'a str, Option<V>)>,
    ) -> Result<Self, ParameterError> {
        Ok(Self { set: ParameterSet::parse(params, Side::Offer)? })
    }

    /// The parameters to write.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.set.to_parameters()
    }

    pub(crate) const fn set(&self) -> &ParameterSet {
        &self.set
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set.fmt(f)
    }
}
