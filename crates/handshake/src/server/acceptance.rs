//! [`Acceptance`]: the response that opens the WebSocket (RFC 6455, 4.2.2 item 5).

use core::fmt::{self, Write};

use crate::extensions::{self, Extension, ExtensionList, Extensions};
use crate::extra_headers::ExtraHeaderError;
use crate::headers::Headers;
use crate::key::Accept;
use crate::server::response_headers::ResponseHeaders;
use crate::subprotocol::{self, Subprotocols};
#[cfg(feature = "alloc")]
use crate::text::Text;
use crate::wire::{self, BufferTooSmall};

/// A `101 Switching Protocols`, from [`ServerRequest::accept`](crate::ServerRequest::accept).
///
/// It cannot name a subprotocol or an extension that the client did not offer. Once its bytes are
/// sent, the connection carries frames.
#[derive(Clone, Debug)]
pub struct Acceptance<'a> {
    /// Missing over HTTP/2.
    accept: Option<Accept>,
    /// The request's, which hold the offers.
    request: Headers<'a>,
    subprotocol: Option<&'a str>,
    extensions: &'a [Extension<'a>],
    headers: ResponseHeaders<'a>,
}

impl<'a> Acceptance<'a> {
    pub(crate) fn new(accept: Option<Accept>, request: Headers<'a>) -> Self {
        let headers = ResponseHeaders::default();
        Self { accept, request, subprotocol: None, extensions: &[], headers }
    }

    /// Speaks this subprotocol, or none.
    ///
    /// # Errors
    ///
    /// The client did not offer it.
    pub fn subprotocol(mut self, subprotocol: Option<&str>) -> Result<Self, AcceptError> {
        // RFC 6455, 4.2.2 item 5.5: one of the offered values, or none.
        self.subprotocol = match subprotocol {
            None => None,
            Some(chosen) => {
                let offered = Subprotocols::of(self.request).find(|offered| *offered == chosen);
                Some(offered.ok_or(AcceptError::SubprotocolNotOffered)?)
            }
        };
        Ok(self)
    }

    /// Uses these extensions, in this order.
    ///
    /// # Errors
    ///
    /// The client did not offer one of them, or one is named twice.
    pub fn extensions(mut self, extensions: &'a [Extension<'a>]) -> Result<Self, AcceptError> {
        for (index, extension) in extensions.iter().enumerate() {
            // RFC 6455, 4.2.2 item 5.6: only a subprotocol that the client offered.
            let mut offered = Extensions::of(self.request);
            if !offered.any(|offered| offered.name() == extension.name()) {
                return Err(AcceptError::ExtensionNotOffered { index });
            }
            if extensions.iter().take(index).any(|other| other.name() == extension.name()) {
                return Err(AcceptError::ExtensionRepeated { index });
            }
        }
        self.extensions = extensions;
        Ok(self)
    }

    /// Adds headers of the application, such as `Set-Cookie`, in place of those given before.
    ///
    /// # Errors
    ///
    /// A name is not a token or belongs to the handshake, or a value holds a control character.
    pub fn headers(mut self, headers: impl Into<ResponseHeaders<'a>>) -> Result<Self, AcceptError> {
        self.headers = headers.into().checked()?;
        Ok(self)
    }

    /// Adds one header of the application, such as `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// Like [`headers`](Self::headers).
    #[cfg(feature = "alloc")]
    pub fn header(
        mut self,
        name: impl Into<Text<'a>>,
        value: impl Into<Text<'a>>,
    ) -> Result<Self, AcceptError> {
        self.headers.add(name.into(), value.into())?;
        Ok(self)
    }

    /// The subprotocol that the connection will speak.
    #[must_use]
    pub const fn chosen_subprotocol(&self) -> Option<&'a str> {
        self.subprotocol
    }

    /// Returns whether no extension will be used.
    #[must_use]
    pub const fn has_no_extensions(&self) -> bool {
        self.extensions.is_empty()
    }

    /// The status: 101, or 200 over HTTP/2 (RFC 8441, 5).
    #[must_use]
    pub const fn status(&self) -> u16 {
        if self.accept.is_some() { 101 } else { 200 }
    }

    /// Writes the response head to a slice and returns its length. These are the bytes of
    /// HTTP/1.1; an HTTP/2 stack takes [`Acceptance::try_for_each_header`] instead.
    ///
    /// # Errors
    ///
    /// The slice is shorter than [`Acceptance::encoded_len`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        wire::encode(out, |out| self.write(out))
    }

    /// Bytes of the response head.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        wire::encoded_len(|out| self.write(out))
    }

    /// Encodes the response head into a new vector.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_vec(&self) -> alloc::vec::Vec<u8> {
        wire::to_vec(|out| self.write(out))
    }

    /// Calls `line` with each header line in turn. The response of another HTTP stack is built
    /// from them.
    ///
    /// # Errors
    ///
    /// Only the output of `line`.
    pub fn try_for_each_header<E>(
        &self,
        mut line: impl FnMut(&str, &dyn fmt::Display) -> Result<(), E>,
    ) -> Result<(), E> {
        // RFC 6455, 4.2.2 items 5.2 to 5.6. RFC 8441, 5: over HTTP/2 only the last two.
        if let Some(accept) = &self.accept {
            line("Upgrade", &"websocket")?;
            line("Connection", &"Upgrade")?;
            line("Sec-WebSocket-Accept", accept)?;
        }
        if let Some(subprotocol) = &self.subprotocol {
            line(subprotocol::HEADER, subprotocol)?;
        }
        if !self.extensions.is_empty() {
            line(extensions::HEADER, &ExtensionList(self.extensions))?;
        }
        self.headers.iter().try_for_each(|(name, value)| line(name, &value))
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let reason = if self.accept.is_some() { "Switching Protocols" } else { "OK" };
        write!(out, "HTTP/1.1 {} {reason}\r\n", self.status())?;
        self.try_for_each_header(|name, value| write!(out, "{name}: {value}\r\n"))?;
        out.write_str("\r\n")
    }
}

/// The server's own answer breaks a rule: the caller's fault, nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// The chosen subprotocol is not among those offered.
    SubprotocolNotOffered,
    /// The extension is not among those offered.
    ExtensionNotOffered {
        /// The index among the caller's extensions.
        index: usize,
    },
    /// The extension is named twice.
    ExtensionRepeated {
        /// The index among the caller's extensions.
        index: usize,
    },
    /// An extra header cannot be sent.
    Header(ExtraHeaderError),
}

impl From<ExtraHeaderError> for AcceptError {
    fn from(error: ExtraHeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubprotocolNotOffered => {
                f.write_str("the client did not offer the chosen subprotocol")
            }
            Self::ExtensionNotOffered { index } => {
                write!(f, "the client did not offer extension {index} of the answer")
            }
            Self::ExtensionRepeated { index } => {
                write!(f, "extension {index} of the answer is named twice")
            }
            Self::Header(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AcceptError {}

#[cfg(test)]
mod tests;
