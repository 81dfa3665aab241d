//! The chunked transfer coding (RFC 9112, 7.1): [`Chunked`].

use std::fmt;

use super::body::take;

/// The longest line before a chunk: a size of 16 digits, and extensions that nobody uses.
const MAX_SIZE_LINE_LEN: usize = 4096;
/// The maximum number of bytes after the last chunk.
const MAX_TRAILER_LEN: usize = 16 * 1024;

/// Takes the chunks apart, cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    place: Place,
    /// The beginning of a size line that the input has cut.
    line_start: Vec<u8>,
}

/// The position in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    SizeLine,
    Data {
        left: u64,
    },
    /// The line end after a chunk's data.
    DataEnd,
    /// Its LF.
    DataLineFeed,
    /// The trailer section, or the blank line that ends the body.
    Trailer {
        /// Bytes of the section so far.
        len: usize,
        line: TrailerLine,
    },
    Over,
}

/// The content so far of the open line in the trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrailerLine {
    Nothing,
    CarriageReturn,
    Field,
}

impl Chunked {
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.place, Place::Over)
    }

    /// Like [`Body::next`](super::body::Body::next).
    pub(super) fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'i [u8]>, ChunkError> {
        loop {
            let Some((&first, after)) = input.split_first() else { return Ok(None) };
            self.place = match self.place {
                Place::SizeLine => match self.size(input)? {
                    None => Place::SizeLine,
                    Some(0) => Place::Trailer { len: 0, line: TrailerLine::Nothing },
                    Some(left) => Place::Data { left },
                },
                Place::Data { mut left } => {
                    let data = take(input, &mut left);
                    self.place = if left == 0 { Place::DataEnd } else { Place::Data { left } };
                    return Ok(Some(data));
                }
                Place::DataEnd | Place::DataLineFeed => {
                    *input = after;
                    match (self.place, first) {
                        (Place::DataEnd, b'\r') => Place::DataLineFeed,
                        (Place::DataLineFeed, b'\n') => Place::SizeLine,
                        _ => return Err(ChunkError::DataEnd),
                    }
                }
                // RFC 9112, 7.1.2: its content may be dropped.
                Place::Trailer { len, line } => {
                    *input = after;
                    if len >= MAX_TRAILER_LEN {
                        return Err(ChunkError::TrailerTooLong { max_len: MAX_TRAILER_LEN });
                    }
                    let line = match (line, first) {
                        (TrailerLine::CarriageReturn, b'\n') => {
                            self.place = Place::Over;
                            return Ok(None);
                        }
                        (TrailerLine::Field, b'\n') => TrailerLine::Nothing,
                        (TrailerLine::Nothing, b'\r') => TrailerLine::CarriageReturn,
                        (TrailerLine::Field, _) => TrailerLine::Field,
                        (TrailerLine::Nothing, byte) if byte != b'\n' => TrailerLine::Field,
                        _ => return Err(ChunkError::Trailer),
                    };
                    Place::Trailer { len: len.saturating_add(1), line }
                }
                Place::Over => return Ok(None),
            };
        }
    }

    /// The size of the next chunk; `None` if its line is not yet over.
    fn size(&mut self, input: &mut &[u8]) -> Result<Option<u64>, ChunkError> {
        let room = MAX_SIZE_LINE_LEN.saturating_sub(self.line_start.len());
        let within = input.get(..room).unwrap_or(input);
        let line_end = within.iter().position(|byte| *byte == b'\n');
        let len = line_end.map_or(within.len(), |at| at.saturating_add(1));
        let (fresh, after) = input.split_at_checked(len).unwrap_or_default();
        *input = after;
        if line_end.is_some() && self.line_start.is_empty() {
            return parse_size(fresh).map(Some);
        }
        self.line_start.extend_from_slice(fresh);
        if line_end.is_some() {
            let size = parse_size(&self.line_start);
            self.line_start.clear();
            return size.map(Some);
        }
        if self.line_start.len() >= MAX_SIZE_LINE_LEN {
            return Err(ChunkError::SizeLineTooLong { max_len: MAX_SIZE_LINE_LEN });
        }
        Ok(None)
    }
}

/// RFC 9112, 7.1: `chunk-size [ chunk-ext ] CRLF`, with extensions that are not known ignored.
fn parse_size(line: &[u8]) -> Result<u64, ChunkError> {
    // `httparse` takes no digit at all for a zero, which would be the end of the body.
    if !line.first().is_some_and(u8::is_ascii_hexdigit) {
        return Err(ChunkError::Size);
    }
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((len, size))) if len == line.len() => Ok(size),
        _ => Err(ChunkError::Size),
    }
}

/// The server's chunk framing is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkError {
    /// A chunk does not begin with its size.
    Size,
    /// The line with the size of a chunk does not end.
    SizeLineTooLong { max_len: usize },
    /// A chunk is longer than its size.
    DataEnd,
    /// A line after the last chunk is not a valid trailer.
    Trailer,
    /// There are too many bytes after the last chunk.
    TrailerTooLong { max_len: usize },
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("a chunk of the body does not begin with its size"),
            Self::SizeLineTooLong { max_len } => {
                write!(f, "the line with the size of a chunk is longer than {max_len} bytes")
            }
            Self::DataEnd => f.write_str("there is no line end after the data of a chunk"),
            Self::Trailer => f.write_str("a line after the last chunk is not a valid trailer"),
            Self::TrailerTooLong { max_len } => {
                write!(f, "there are more than {max_len} bytes after the last chunk")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the content of a body in these slices, and the rest after it.
    fn read(slices: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), ChunkError> {
        let mut chunked = Chunked::default();
        let (mut content, mut after) = (Vec::new(), 0);
        for slice in slices {
            let mut input = *slice;
            while let Some(data) = chunked.next(&mut input)? {
                assert!(!data.is_empty());
                content.extend_from_slice(data);
            }
            assert!(input.is_empty() || chunked.is_over());
            after += input.len();
        }
        Ok((content, chunked.is_over(), after))
    }

    /// The same at every cut, at every two cuts, and byte by byte.
    fn read_every_way(body: &[u8]) -> Result<(Vec<u8>, bool, usize), ChunkError> {
        let whole = read(&[body]);
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let cut = read(&[&body[..first], &body[first..second], &body[second..]]);
                assert_eq!(cut, whole, "{first} {second} of {}", body.escape_ascii());
            }
        }
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(read(&bytes), whole, "{}", body.escape_ascii());
        whole
    }

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        for (body, expected, after) in [
            (&b"0\r\n\r\n"[..], &b""[..], 0),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", 0),
            (b"5\r\nhello\r\n00a\r\n, you all!\r\n000\r\n\r\nHTTP", b"hello, you all!", 4),
            (b"A;q=\"x\"\r\n0123456789\r\n0;end\r\n\r\n", b"0123456789", 0),
            (b"1 \t;x\r\n\n\r\n0 \r\n\r\n", b"\n", 0),
            (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", 0),
            (b"0\r\nExpires: never\r\nX:\r\n\r\n!", b"", 1),
        ] {
            let read = read_every_way(body);
            assert_eq!(read, Ok((expected.to_vec(), true, after)), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_body_is_not_over_before_its_last_byte() {
        let body = b"5;x\r\nhello\r\n0\r\nX: y\r\n\r\n";
        for len in 0..body.len() {
            let (_, is_over, _) = read(&[&body[..len]]).unwrap();
            assert!(!is_over, "{len}");
        }
    }

    #[test]
    fn an_invalid_chunk_is_refused() {
        for (body, expected) in [
            (&b"\r\n"[..], ChunkError::Size),
            (b";x\r\n", ChunkError::Size),
            (b" 5\r\n", ChunkError::Size),
            (b"+5\r\n", ChunkError::Size),
            (b"-5\r\n", ChunkError::Size),
            (b"0x5\r\n", ChunkError::Size),
            (b"5\nhello\r\n", ChunkError::Size),
            (b"5;x\nhello\r\n", ChunkError::Size),
            (b"5 5\r\n", ChunkError::Size),
            (b"5\r\r\n", ChunkError::Size),
            (b"10000000000000000\r\n", ChunkError::Size),
            (b"00000000000000005\r\n", ChunkError::Size),
            (b"5\r\nhello!\r\n", ChunkError::DataEnd),
            (b"5\r\nhello\n0\r\n\r\n", ChunkError::DataEnd),
            (b"5\r\nhello\r\r\n", ChunkError::DataEnd),
            (b"0\r\n\n", ChunkError::Trailer),
            (b"0\r\n\rX\r\n", ChunkError::Trailer),
        ] {
            assert_eq!(read_every_way(body), Err(expected), "{}", body.escape_ascii());
        }
        let size = read(&[b"ffffffffffffffff\r\n", b"x"]);
        assert_eq!(size, Ok((b"x".to_vec(), false, 0)));
    }

    #[test]
    fn lines_around_chunks_are_bounded() {
        let line = |len| [&b"1;"[..], &vec![b'x'; len - 4], b"\r\n!\r\n0\r\n\r\n"].concat();
        assert_eq!(read(&[&line(MAX_SIZE_LINE_LEN)]), Ok((b"!".to_vec(), true, 0)));
        let too_long = line(MAX_SIZE_LINE_LEN + 1);
        let expected = Err(ChunkError::SizeLineTooLong { max_len: MAX_SIZE_LINE_LEN });
        assert_eq!(read(&[&too_long]), expected);
        assert_eq!(read(&too_long.chunks(1).collect::<Vec<_>>()), expected);

        let trailer = |len| [b"0\r\n", &*vec![b'x'; len - 4], b"\r\n\r\n"].concat();
        assert_eq!(read(&[&trailer(MAX_TRAILER_LEN)]), Ok((Vec::new(), true, 0)));
        let expected = Err(ChunkError::TrailerTooLong { max_len: MAX_TRAILER_LEN });
        assert_eq!(read(&[&trailer(MAX_TRAILER_LEN + 1)]), expected);
    }
}
