//! The client's exchange: its request, and the response to it.

use core::ops::Range;

use tidings_time::Timestamp;

use super::{MAX_INTERIM_RESPONSES, Opening, Phase, Then};
use crate::client::request::ClientRequest;
use crate::client::response::Response;
use crate::client::response_error::ResponseError;
use crate::head::HeadScanner;
use crate::headers::HeaderSlots;
use crate::limits::Limits;

/// The side that sends the request.
#[derive(Clone, Copy, Debug)]
pub enum Client {}

impl Opening<Client> {
    /// Sends the request that stands in the first `request_len` bytes of the buffer, and waits for
    /// the response.
    #[must_use]
    pub const fn client(request_len: usize, limits: Limits, deadline: Timestamp) -> Self {
        let phase = Phase::Writing { start: 0, end: request_len, then: Then::Read };
        Self::new(HeadScanner::response(limits), phase, deadline)
    }

    /// After [`Step::Head`](super::Step::Head): checks the response. After an interim one the
    /// machine waits for the next; otherwise it is done.
    ///
    /// # Errors
    ///
    /// The response breaks a rule: the connection must be closed.
    pub fn check<'s, 'b: 's, const HEADERS: usize>(
        &mut self,
        buffer: &'b [u8],
        request: &ClientRequest<'_>,
        slots: &'s mut HeaderSlots<'b, HEADERS>,
    ) -> Result<Response<'s>, ResponseError> {
        let response = self
            .head(buffer)
            .map_err(ResponseError::from)
            .and_then(|head| request.parse_response(head, slots));
        self.phase = Phase::Done;
        match response {
            Ok(Response::Interim(interim)) => self.expect_another(interim.head_len())?,
            Ok(Response::Opened(opened)) => self.head_len = opened.head_len(),
            Ok(Response::Declined(declined)) => self.head_len = declined.head_len(),
            Err(_) => {}
        }
        response
    }

    /// Sends a last frame: the bytes in this range of the buffer are the Close frame of a client
    /// that cannot accept the server's choice. They are written, if that is possible.
    pub fn say_last(&mut self, words: Range<usize>) {
        debug_assert_eq!(self.phase, Phase::Done, "only after the response");
        self.phase = Phase::Writing { start: words.start, end: words.end, then: Then::End };
    }
}

impl<R> Opening<R> {
    /// Drops the head of an interim response, and waits for the next one.
    pub(super) fn expect_another(&mut self, head_len: usize) -> Result<(), ResponseError> {
        self.interim_responses = self.interim_responses.saturating_add(1);
        if self.interim_responses > MAX_INTERIM_RESPONSES {
            let limit = MAX_INTERIM_RESPONSES;
            return Err(ResponseError::TooManyInterimResponses { limit });
        }
        self.head_len = head_len;
        self.scanner = self.scanner.restarted();
        self.phase = Phase::Reading;
        Ok(())
    }
}
