//! What a server does about a request: [`judge_request`].

use tidings_handshake::{
    Acceptance, Head, HeadError, HeaderSlots, MissingOrigin, OriginPolicy, Rejection, RequestError,
    ServerRequest,
};

use crate::error::Error;

/// Headers of one request; more are refused with 431.
const HEADERS_MAX: usize = 100;

/// What to do about a request.
#[derive(Debug)]
pub enum RequestVerdict {
    /// Write the answer, and the WebSocket is open.
    Accept {
        /// The 101.
        answer: Vec<u8>,
        /// What was agreed on.
        subprotocol: Option<Box<str>>,
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
/// MUST of RFC 6455, 4.2.1.
pub fn judge_request<F>(head: Result<Head<'_>, HeadError>, decide: F) -> RequestVerdict
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let refuse = |rejection: Rejection<'_>, error| {
        let answer = rejection.to_vec();
        RequestVerdict::Refuse { answer, error }
    };
    let mut slots = HeaderSlots::<HEADERS_MAX>::new();
    let parsed =
        head.map_err(RequestError::from).and_then(|head| ServerRequest::parse(head, &mut slots));
    let request = match parsed {
        Ok(request) => request,
        Err(error) => return refuse(error.into(), Error::Request(error)),
    };
    match decide(&request) {
        Ok(acceptance) => RequestVerdict::Accept {
            answer: acceptance.to_vec(),
            subprotocol: acceptance.chosen_subprotocol().map(Box::from),
            head_len: request.head_len(),
        },
        Err(rejection) => {
            let status = rejection.status();
            refuse(rejection, Error::Refused { status })
        }
    }
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
