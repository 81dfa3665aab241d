//! What the server's answer means to a client (RFC 6455, 4.1): [`judge_response`].

use tidings_handshake::{
    Answer, ClientRequest, DeclinedBody, Head, HeadError, HeaderSlots, Redirect, Redirects,
};

use crate::error::{Declined, Error};
use crate::websocket::{self, Config, Negotiated};

/// Headers of one response; more fail the handshake.
pub(crate) const MAX_HEADERS: usize = 100;
/// Responses such as 103 that may come before the answer.
pub const MAX_INTERIM_RESPONSES: usize = 8;
/// What is read of the body behind a declined handshake.
const MAX_BODY_LEN: usize = 64 * 1024;

/// What a response means.
#[derive(Debug)]
pub enum ResponseVerdict {
    /// The WebSocket is open.
    Open {
        /// What was agreed on.
        negotiated: Negotiated,
        /// How many bytes of what was received are the head; the first frames are behind it.
        head_len: usize,
    },
    /// The answer is still to come, behind this head.
    Interim {
        /// How many bytes to drop.
        head_len: usize,
    },
    /// There is no WebSocket.
    Declined {
        /// What to report; the beginning of the body is to be put in.
        declined: Box<Declined>,
        /// What of the body has come.
        body: DeclinedBody,
        /// Where to ask again, if that is wanted.
        redirect: Option<Redirect>,
        /// How many bytes of what was received are the head; the body is behind it.
        head_len: usize,
    },
}

/// What the server's answer to `request` means.
///
/// # Errors
/// The answer breaks the rules, or redirects to where this client does not go.
pub fn judge_response(
    head: Result<Head<'_>, HeadError>,
    request: &ClientRequest<'_>,
    config: &Config,
    redirects: &mut Redirects,
) -> Result<ResponseVerdict, Error> {
    let head = head.map_err(|error| Error::Response(error.into()))?;
    let mut slots = HeaderSlots::<MAX_HEADERS>::new();
    Ok(match request.parse_response(head, &mut slots).map_err(Error::Response)? {
        Answer::Opened(opened) => ResponseVerdict::Open {
            negotiated: Negotiated {
                subprotocol: opened.subprotocol().map(Box::from),
                compression: websocket::check(config.compression.as_ref(), opened.extensions())
                    .map_err(Error::Compression)?,
            },
            head_len: opened.head_len(),
        },
        Answer::Interim(interim) => ResponseVerdict::Interim { head_len: interim.head_len() },
        Answer::Declined(answer) => {
            let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_vec());
            let declined = Declined {
                status: answer.status(),
                reason: answer.reason().to_owned(),
                headers: answer.headers().iter().map(owned).collect(),
                body_start: Vec::new(),
            };
            ResponseVerdict::Declined {
                declined: Box::new(declined),
                body: DeclinedBody::new(&answer, MAX_BODY_LEN),
                redirect: redirects.follow(&request.uri(), &answer).map_err(Error::Redirect)?,
                head_len: answer.head_len(),
            }
        }
    })
}

/// The error if more than [`MAX_INTERIM_RESPONSES`] responses came before the answer.
#[must_use]
pub fn too_many_interim() -> Error {
    Error::Response(HeadError::TooManyHeaders { limit: MAX_INTERIM_RESPONSES }.into())
}
