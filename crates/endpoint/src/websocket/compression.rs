//! permessage-deflate (RFC 7692) on a connection: the offers and answers ([`Compression`]), and the
//! two stages, [`Deflating`] before the machine and [`Inflating`] after it.
//!
//! The rules are those of `tidings-deflate`; here they meet the handshake and the machine.

mod deflating;
mod inflating;
mod pool;

use tidings_deflate::{
    Answer, AnswerError, DeflateConfig, EXTENSION_NAME, NegotiatedCompression, Offer, Parameters,
    ServerConfig, check_answer,
};
use tidings_handshake::{Extension, ExtensionBuildError, Extensions, ServerRequest};
use tidings_websocket::MaskSource as _;
use tidings_websocket::frame::{CloseCode, CloseFrame, ControlOpcode, Frame};

use crate::random::RandomMasks;

pub use deflating::CompressedMessage;
pub(super) use deflating::Deflating;
pub(super) use inflating::{Inflated, Inflating};

/// The settings for compression with a peer that agrees to it.
///
/// The default costs an idle connection nothing: no context is kept from message to message, and the
/// memory to work in belongs to the thread.
///
/// Compression leaks information about the compressed text to an eavesdropper (RFC 7692, 8). Do not
/// put a secret and a stranger's text into one message, or switch compression off for that message
/// (`set_compressing` of the socket).
///
/// ```
/// use tidings_endpoint::websocket::{Compression, Config};
///
/// let mut config = Config::server();
/// config.compression = Some(Compression::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// The parameters that a server accepts.
    pub server: ServerConfig,
    /// The first offer of a client.
    pub offer: ClientOffer,
    /// The level, and the minimum length of a compressed message.
    pub deflate: DeflateConfig,
}

/// The offers of a client, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOffer {
    /// The offer that it likes best.
    pub first: Offer,
    /// For a server that cannot keep to the first.
    pub fallback: Option<Offer>,
}

/// No context is kept, in either direction: an idle connection would have to pay for it. A server
/// that does not support this may keep its context.
impl Default for ClientOffer {
    fn default() -> Self {
        let first = Offer::recommended().client_no_context_takeover();
        Self { first: first.server_no_context_takeover(), fallback: Some(first) }
    }
}

impl ClientOffer {
    fn list(&self) -> impl Iterator<Item = Offer> + use<> {
        [Some(self.first), self.fallback].into_iter().flatten()
    }
}

/// The result of the negotiation in the opening handshake.
#[derive(Clone, Debug, Default)]
pub struct Negotiated {
    /// The subprotocol.
    pub subprotocol: Option<Box<str>>,
    /// The negotiated compression, if any.
    pub compression: Option<NegotiatedCompression>,
}

/// The server's side of the negotiation: the answer to the client's offers, if one can be kept.
pub(crate) fn accept(
    compression: Option<&Compression>,
    request: &ServerRequest<'_>,
) -> Option<(Answer, Parameters)> {
    let offers = request.extensions().map(|offer| (offer.name(), offer.params()));
    let answer = compression?.server.accept(offers)?;
    Some((answer, answer.parameters()))
}

/// As an element of the header.
pub(crate) fn element(parameters: &Parameters) -> Result<Extension<'_>, ExtensionBuildError> {
    Extension::new(EXTENSION_NAME, parameters.as_slice())
}

/// Returns the offers of a client.
pub(crate) fn offers(compression: Option<&Compression>) -> Vec<Offer> {
    compression.map(|compression| compression.offer.list().collect()).unwrap_or_default()
}

/// The client's side of the negotiation: the check of the server's answer.
pub(crate) fn check(
    compression: Option<&Compression>,
    answer: Extensions<'_>,
) -> Result<Option<NegotiatedCompression>, AnswerError> {
    let answer = answer.map(|extension| (extension.name(), extension.params()));
    check_answer(&offers(compression), answer)
}

/// The last frame of a client that cannot accept the extensions of the answer (RFC 6455, 7.4.1).
pub(crate) fn mandatory_extension_close() -> Vec<u8> {
    let payload = CloseFrame::new(CloseCode::MANDATORY_EXTENSION, "").to_payload();
    let key = RandomMasks.next_key();
    let frame = Frame::control(ControlOpcode::Close, &payload).with_masking_key(key);
    let mut bytes = Vec::new();
    frame.append_to(&mut bytes);
    bytes
}
