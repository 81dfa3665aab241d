//! The header `Content-Type` of a response: [`content_type`].

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderValue};

/// Its value. Fetch, "get a header", and RFC 9110, 5.3: several lines are one list.
#[must_use]
pub(crate) fn content_type(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
    let first = Cow::Borrowed(lines.next()?);
    Some(lines.fold(first, |value, line| Cow::Owned([&*value, b", ", line].concat())))
}
