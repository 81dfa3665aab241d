//! The exchange with a proxy: CONNECT, and the response to it.

use tidings_time::Timestamp;

use super::{Opening, Phase, Then};
use crate::client::response_error::ResponseError;
use crate::head::HeadScanner;
use crate::headers::HeaderSlots;
use crate::limits::Limits;
use crate::proxy::tunnel::{TunnelRequest, TunnelResponse};

/// The side that asks a proxy for a tunnel.
///
/// Not one byte is read that follows the head of the proxy's response: it comes from the server,
/// and the next layer reads it. So the machine asks for as many bytes as the head must still have,
/// which at its end are one or two.
#[derive(Clone, Copy, Debug)]
pub enum Tunnel {}

impl Opening<Tunnel> {
    /// Sends the request that stands in the first `request_len` bytes of the buffer, and waits for
    /// the response.
    #[must_use]
    pub const fn tunnel(request_len: usize, limits: Limits, deadline: Timestamp) -> Self {
        let phase = Phase::Writing { start: 0, end: request_len, then: Then::Read };
        let mut opening = Self::new(HeadScanner::response(limits), phase, deadline);
        opening.reads_the_head_alone = true;
        opening
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
        request: &TunnelRequest<'_>,
        slots: &'s mut HeaderSlots<'b, HEADERS>,
    ) -> Result<TunnelResponse<'s>, ResponseError> {
        let response = self
            .head(buffer)
            .map_err(ResponseError::from)
            .and_then(|head| request.parse_response(head, slots));
        self.phase = Phase::Done;
        match response {
            Ok(TunnelResponse::Interim(interim)) => self.expect_another(interim.head_len())?,
            Ok(TunnelResponse::Open { head_len }) => self.head_len = head_len,
            Ok(TunnelResponse::Declined(declined)) => self.head_len = declined.head_len(),
            Err(_) => {}
        }
        response
    }
}
