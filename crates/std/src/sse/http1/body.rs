//! The end of the body of a response (RFC 9112, section 6): [`Body`].

use std::fmt;

use http::{HeaderMap, HeaderValue, StatusCode, Version, header};

use super::chunked::{ChunkError, Chunked};

/// Removes the framing from a body. The content is borrowed from the input; nothing is copied.
#[derive(Debug)]
pub(crate) enum Body {
    /// `Content-Length`: this many bytes are still to come.
    Counted { left: u64 },
    /// `Transfer-Encoding: chunked`
    Chunked(Chunked),
    /// All up to the end of the connection.
    UntilEnd,
}

impl Body {
    /// Creates the body after this head, which answers a request that is not `HEAD` or `CONNECT`.
    ///
    /// # Errors
    /// The head does not define the end of the body, or uses a coding that was not requested.
    pub(crate) fn new(
        status: StatusCode,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<Self, BodyError> {
        // RFC 9112, 6.3 item 1.
        if status.is_informational() || matches!(status.as_u16(), 204 | 304) {
            return Ok(Self::Counted { left: 0 });
        }
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        if let Some(coding) = codings.next() {
            // RFC 9112, 6.1: in HTTP/1.0 the framing is faulty then. `TE` was not sent, so that
            // no other coding may come (RFC 9112, 7.4).
            let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
            return if version == Version::HTTP_10 || !chunked || codings.next().is_some() {
                Err(BodyError::TransferEncoding)
            } else {
                // RFC 9112, 6.3 item 3: it overrides a Content-Length.
                Ok(Self::Chunked(Chunked::default()))
            };
        }
        // RFC 9112, 6.3 items 5 and 8.
        Ok(match content_length(headers)? {
            Some(left) => Self::Counted { left },
            None => Self::UntilEnd,
        })
    }

    /// The next content in `input`, which is moved past it. `None`: `input` is consumed to its
    /// end, or the body is [over](Self::is_over).
    ///
    /// # Errors
    /// This cannot be the body. It is not to be called again.
    pub(crate) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<&'i [u8]>, BodyError> {
        let content = match self {
            Self::Chunked(chunked) => return chunked.next(input).map_err(BodyError::Chunk),
            Self::UntilEnd => std::mem::take(input),
            Self::Counted { left } => take(input, left),
        };
        Ok(Some(content).filter(|content| !content.is_empty()))
    }

    /// Returns whether the last byte of the body was seen.
    pub(crate) const fn is_over(&self) -> bool {
        match self {
            Self::Counted { left } => *left == 0,
            Self::Chunked(chunked) => chunked.is_over(),
            Self::UntilEnd => false,
        }
    }

    /// Returns the meaning of the end of the connection.
    ///
    /// # Errors
    /// RFC 9112, 8: the body is incomplete.
    pub(crate) const fn end_of_connection(&self) -> Result<(), BodyError> {
        match self {
            Self::UntilEnd => Ok(()),
            _ if self.is_over() => Ok(()),
            _ => Err(BodyError::Cut),
        }
    }
}

/// Takes up to `left` bytes of the input, and counts them off.
pub(super) fn take<'i>(input: &mut &'i [u8], left: &mut u64) -> &'i [u8] {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (content, after) = input.split_at_checked(len).unwrap_or_default();
    *input = after;
    debug_assert!(u64::try_from(len).is_ok_and(|len| len <= *left), "no more than what is left");
    *left = left.saturating_sub(u64::try_from(len).unwrap_or(u64::MAX));
    content
}

/// RFC 9110, 8.6: digits; and one number several times is that number.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, BodyError> {
    let lines = headers.get_all(header::CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let mut length = None;
    for element in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let digits = element.trim_ascii();
        // `parse` alone would take a sign.
        let number = match std::str::from_utf8(digits) {
            Ok(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        match (number, length) {
            (Some(number), None) => length = Some(number),
            (Some(number), Some(other)) if number == other => {}
            _ => return Err(BodyError::ContentLength),
        }
    }
    Ok(length)
}

/// The server's body breaks the rules of HTTP, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// `Content-Length` is not a number, or there are several.
    ContentLength,
    /// `Transfer-Encoding` is not `chunked` alone, or comes with HTTP/1.0.
    TransferEncoding,
    /// The framing between chunks is invalid.
    Chunk(ChunkError),
    /// The connection ended before the body.
    Cut,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentLength => {
                f.write_str("the response has conflicting or invalid Content-Length headers")
            }
            Self::TransferEncoding => {
                f.write_str("the response has a Transfer-Encoding other than chunked in HTTP/1.1")
            }
            Self::Chunk(error) => error.fmt(f),
            Self::Cut => f.write_str("the connection ended before the end of the response's body"),
        }
    }
}

impl std::error::Error for BodyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_head_tells_where_the_body_ends() {
        const TE: &str = "transfer-encoding";
        const CL: &str = "content-length";
        let body = |status, version, lines| Body::new(status, version, &headers(lines));
        let shown = |version, lines| match body(StatusCode::OK, version, lines) {
            Ok(Body::Counted { left }) => left.to_string(),
            Ok(Body::Chunked(_)) => "chunked".to_owned(),
            Ok(Body::UntilEnd) => "end".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        for (lines, expected) in [
            (&[][..], "end"),
            (&[(CL, "0")], "0"),
            (&[(CL, " 042\t")], "42"),
            (&[(CL, "18446744073709551615")], "18446744073709551615"),
            (&[(CL, "7, 7"), (CL, "07")], "7"),
            (&[(CL, "18446744073709551616")], "ContentLength"),
            (&[(CL, "+5")], "ContentLength"),
            (&[(CL, "-5")], "ContentLength"),
            (&[(CL, "5 5")], "ContentLength"),
            (&[(CL, "0x5")], "ContentLength"),
            (&[(CL, "")], "ContentLength"),
            (&[(CL, "5,")], "ContentLength"),
            (&[(CL, "5"), (CL, "6")], "ContentLength"),
            (&[(TE, "chunked")], "chunked"),
            (&[(TE, " Chunked ")], "chunked"),
            (&[(TE, "chunked"), (CL, "5")], "chunked"),
            (&[(TE, "gzip, chunked")], "TransferEncoding"),
            (&[(TE, "chunked, gzip")], "TransferEncoding"),
            (&[(TE, "chunked, chunked")], "TransferEncoding"),
            (&[(TE, "chunked"), (TE, "chunked")], "TransferEncoding"),
            (&[(TE, "identity")], "TransferEncoding"),
            (&[(TE, "")], "TransferEncoding"),
        ] {
            assert_eq!(shown(Version::HTTP_11, lines), expected, "{lines:?}");
        }
        assert_eq!(shown(Version::HTTP_10, &[(TE, "chunked")]), "TransferEncoding");
        assert_eq!(shown(Version::HTTP_10, &[(CL, "5")]), "5");
        for status in [101, 204, 304] {
            let status = StatusCode::from_u16(status).unwrap();
            let body = body(status, Version::HTTP_11, &[(TE, "chunked")]).unwrap();
            assert!(body.is_over(), "{status}");
        }
    }

    #[test]
    fn a_counted_body_takes_its_bytes_and_no_more() {
        for cut in 0..=8 {
            let mut body = Body::Counted { left: 5 };
            let (mut first, mut second) = b"hello, x".split_at(cut);
            let mut content = Vec::new();
            for input in [&mut first, &mut second] {
                while let Some(bytes) = body.next(input).unwrap() {
                    content.extend_from_slice(bytes);
                }
            }
            assert_eq!(content, b"hello");
            assert!(body.is_over() && body.end_of_connection().is_ok());
            assert_eq!([first, second].concat(), b", x");
        }
    }

    #[test]
    fn a_body_that_is_cut_is_not_an_end() {
        let mut body = Body::Counted { left: u64::MAX };
        assert_eq!(body.next(&mut &b"x"[..]), Ok(Some(&b"x"[..])));
        assert!(matches!(body, Body::Counted { left } if left == u64::MAX - 1));
        assert_eq!(body.end_of_connection(), Err(BodyError::Cut));
        assert_eq!(Body::Chunked(Chunked::default()).end_of_connection(), Err(BodyError::Cut));
        assert_eq!(Body::UntilEnd.end_of_connection(), Ok(()));
        assert!(!Body::UntilEnd.is_over());
    }
}
