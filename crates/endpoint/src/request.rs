//! What a server does about a request: [`judge_request`].

use tidings_handshake::{
    Acceptance, Head, HeadError, HeaderSlots, MissingOrigin, OriginPolicy, Rejection, RequestError,
    ServerRequest,
};

use crate::error::Error;
use crate::websocket::{self, Config, Negotiated};

/// Headers of one request; more are refused with 431.
const MAX_HEADERS: usize = 100;

/// What to do about a request.
#[derive(Debug)]
pub enum RequestVerdict {
    /// Write the answer, and the WebSocket is open.
    Accept {
        /// The 101.
        answer: Vec<u8>,
        /// What was agreed on.
        negotiated: Negotiated,
        /// How many bytes of what was received are the head; the first frames are behind it.
        head_len: usize,
    },
    /// Write the answer and end the connection so that it arrives.
    Refuse {
        /// The refusal.
        answer: Vec<u8>,
        /// What to report.
        error: Error,
    },
}

/// All that happens between the request and the answer. `decide` sees a request that holds every
/// MUST of RFC 6455, 4.2.1. Compression is settled behind it.
pub fn judge_request<F>(
    head: Result<Head<'_>, HeadError>,
    config: &Config,
    decide: F,
) -> RequestVerdict
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let refuse = |rejection: Rejection<'_>, error| {
        let answer = rejection.to_vec();
        RequestVerdict::Refuse { answer, error }
    };
    let mut slots = HeaderSlots::<MAX_HEADERS>::new();
    let parsed =
        head.map_err(RequestError::from).and_then(|head| ServerRequest::parse(head, &mut slots));
    let request = match parsed {
        Ok(request) => request,
        Err(error) => return refuse(error.into(), Error::Request(error)),
    };
    match decide(&request) {
        Ok(acceptance) => agree(&request, acceptance, config, |acceptance, negotiated| {
            let head_len = request.head_len();
            RequestVerdict::Accept { answer: acceptance.to_vec(), negotiated, head_len }
        }),
        Err(rejection) => {
            let status = rejection.status();
            refuse(rejection, Error::Refused { status })
        }
    }
}

/// Puts compression into the answer, if both sides want it and the application has not chosen
/// extensions of its own. `done` gets the answer, and what is agreed on with it.
pub fn agree<'r, T>(
    request: &ServerRequest<'r>,
    acceptance: Acceptance<'r>,
    config: &Config,
    done: impl FnOnce(Acceptance<'_>, Negotiated) -> T,
) -> T {
    let mut negotiated = Negotiated {
        subprotocol: acceptance.chosen_subprotocol().map(Box::from),
        compression: None,
    };
    let accepted = websocket::accept(config.compression.as_ref(), request);
    if let (Some((answer, parameters)), true) = (accepted, acceptance.has_no_extensions()) {
        if let Ok(element) = websocket::element(&parameters) {
            if let Ok(acceptance) = acceptance.extensions(&[element]) {
                negotiated.compression = Some(answer.negotiated());
                return done(acceptance, negotiated);
            }
        }
    }
    done(acceptance, negotiated)
}

/// The decision of `accept`: any path, for clients that are no browser and for pages of the same
/// host (RFC 6455, 10.2).
///
/// # Errors
/// The page is one of another host.
pub fn accept_same_origin<'r>(
    request: &ServerRequest<'r>,
) -> Result<Acceptance<'r>, Rejection<'r>> {
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
    // Whether there is TLS in front of this stream is not known here.
    match request.check_origin(&policy, true).or(request.check_origin(&policy, false)) {
        Ok(()) => Ok(request.accept()),
        Err(error) => Err(error.into()),
    }
}
