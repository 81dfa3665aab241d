//! What a proxy's answer to CONNECT means (RFC 6455, 4.1 item 3): [`judge_tunnel`].

use tidings_handshake::{Head, HeadError, HeaderSlots, TunnelAnswer, TunnelRequest};

use crate::error::Error;
use crate::response::{MAX_HEADERS, MAX_INTERIM_RESPONSES};

/// What the answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelVerdict {
    /// The transport leads to the server now.
    Open,
    /// The answer is still to come, behind this head.
    Interim,
}

/// What the proxy's answer to `request` means.
///
/// # Errors
/// There is no tunnel, or the answer breaks the rules of HTTP.
pub fn judge_tunnel(
    head: Result<Head<'_>, HeadError>,
    request: &TunnelRequest<'_>,
) -> Result<TunnelVerdict, Error> {
    let head = head.map_err(|error| Error::ProxyResponse(error.into()))?;
    let mut slots = HeaderSlots::<MAX_HEADERS>::new();
    match request.parse_response(head, &mut slots).map_err(Error::ProxyResponse)? {
        TunnelAnswer::Open { .. } => Ok(TunnelVerdict::Open),
        TunnelAnswer::Interim(_) => Ok(TunnelVerdict::Interim),
        TunnelAnswer::Declined(answer) => Err(Error::Proxy { status: answer.status() }),
    }
}

/// The error if more than [`MAX_INTERIM_RESPONSES`] responses came before the proxy's answer.
#[must_use]
pub fn too_many_interim_of_proxy() -> Error {
    Error::ProxyResponse(HeadError::TooManyHeaders { limit: MAX_INTERIM_RESPONSES }.into())
}
