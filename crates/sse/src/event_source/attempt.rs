//! A request and its response: [`Attempt`] and [`Response`].

use core::time::Duration;

/// A request to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub(super) last_event_id: Option<&'a [u8]>,
    pub(super) number: u32,
    pub(super) resumes_by_get: bool,
}

impl<'a> Attempt<'a> {
    /// The value of the `Last-Event-ID` header; `None`: leave the header out. It is UTF-8, so not
    /// always ASCII, and holds no controls but tabs.
    ///
    /// An ID that a header cannot carry is left out as well: see
    /// [`EventId::fits_header`](crate::EventId::fits_header).
    #[must_use]
    pub const fn last_event_id(&self) -> Option<&'a [u8]> {
        self.last_event_id
    }

    /// Returns the number of this attempt, counted from the last success or from the beginning; the
    /// first is 0.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Returns whether this attempt is a GET that resumes the stream, whatever the method of the
    /// request: see [`Config::resume_by_get`](super::Config::resume_by_get).
    #[must_use]
    pub const fn resumes_by_get(&self) -> bool {
        self.resumes_by_get
    }
}

/// The relevant parts of the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status. Interim responses (1xx) are skipped before.
    pub status: u16,
    /// The value of `Content-Type`; `None` if there is none. Several header lines are one value,
    /// joined with commas: see [`is_event_stream`](crate::is_event_stream).
    pub content_type: Option<&'a [u8]>,
    /// The wait that `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// `true` if there is a `Location`.
    pub has_location: bool,
    /// `true` if the client wants another attempt if this is not a stream; `None` leaves that to
    /// [`Config::retry_statuses`](super::Config::retry_statuses).
    pub retry: Option<bool>,
}
