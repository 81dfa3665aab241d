//! The content coding of a response (RFC 9110, 8.4): [`ContentDecoder`].

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, header};

use super::fault::CodingError;

/// Takes the chunks of a body and gives the bytes of the event stream, in pieces.
///
/// Memory is constant whatever the data unfolds to: at most 128 KiB beside the decompressor's window,
/// and no more is decompressed than is asked for.
#[derive(Debug)]
pub struct ContentDecoder(Coding);

#[derive(Debug)]
enum Coding {
    Identity(Bytes),
    #[cfg(feature = "gzip")]
    Gzip(Box<gzip::Gzip>),
}

impl ContentDecoder {
    /// For a response with these headers.
    ///
    /// # Errors
    /// A coding that is not known here.
    pub fn of(headers: &HeaderMap) -> Result<Self, CodingError> {
        let mut coding = Coding::Identity(Bytes::new());
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
                coding = match coding {
                    coding if name.is_empty() || is("identity") => coding,
                    // RFC 9110, 8.4.1.3: `x-gzip` is the same.
                    #[cfg(feature = "gzip")]
                    Coding::Identity(_) if is("gzip") || is("x-gzip") => {
                        Coding::Gzip(Box::default())
                    }
                    _ => return Err(CodingError::Unknown(name.escape_ascii().to_string())),
                };
            }
        }
        Ok(Self(coding))
    }

    /// For a response without a coding.
    #[must_use]
    pub const fn identity() -> Self {
        Self(Coding::Identity(Bytes::new()))
    }

    /// Takes the next chunk. The one before must be used up: [`available`](Self::available) is
    /// empty.
    pub fn feed(&mut self, chunk: Bytes) {
        match &mut self.0 {
            Coding::Identity(bytes) => *bytes = chunk,
            #[cfg(feature = "gzip")]
            Coding::Gzip(gzip) => gzip.feed(chunk),
        }
    }

    /// Returns the available bytes; if there are none, feed more. [Consume](Self::consume) the
    /// bytes that you used.
    ///
    /// # Errors
    /// The data is corrupt.
    pub fn available(&mut self) -> Result<&[u8], CodingError> {
        match &mut self.0 {
            Coding::Identity(bytes) => Ok(bytes),
            #[cfg(feature = "gzip")]
            Coding::Gzip(gzip) => gzip.available(),
        }
    }

    /// Marks this many of the available bytes as used.
    pub fn consume(&mut self, len: usize) {
        match &mut self.0 {
            Coding::Identity(bytes) => bytes.advance(len.min(bytes.len())),
            #[cfg(feature = "gzip")]
            Coding::Gzip(gzip) => gzip.consume(len),
        }
    }

    /// The body is over. All that was available must be used up before.
    ///
    /// # Errors
    /// The data is cut.
    pub fn finish(&mut self) -> Result<(), CodingError> {
        match &mut self.0 {
            Coding::Identity(_) => Ok(()),
            #[cfg(feature = "gzip")]
            Coding::Gzip(gzip) => gzip.finish(),
        }
    }
}

#[cfg(feature = "gzip")]
mod gzip {
    //! gzip (RFC 1952), which may have several members.

    use std::io::{self, Write as _};

    use bytes::Buf as _;
    use flate2::write::MultiGzDecoder;

    use super::{Bytes, CodingError};

    /// The decoder writes, into the piece. One that is read from asks for more of the body while
    /// it still holds content, and forgets the content in front of a fault.
    #[derive(Debug)]
    pub(super) struct Gzip {
        decoder: MultiGzDecoder<Vec<u8>>,
        chunk: Bytes,
        used: usize,
        begun: bool,
        /// To be reported once the bytes before it are used up.
        fault: Option<io::Error>,
    }

    impl Default for Gzip {
        fn default() -> Self {
            let decoder = MultiGzDecoder::new(Vec::new());
            Self { decoder, chunk: Bytes::new(), used: 0, begun: false, fault: None }
        }
    }

    impl Gzip {
        pub(super) fn feed(&mut self, chunk: Bytes) {
            self.begun |= !chunk.is_empty();
            self.chunk = chunk;
        }

        pub(super) fn available(&mut self) -> Result<&[u8], CodingError> {
            if self.used >= self.decoder.get_ref().len() {
                self.used = 0;
                self.decoder.get_mut().clear();
                self.decode_piece().map_err(CodingError::Corrupt)?;
            }
            Ok(self.decoder.get_ref().get(self.used..).unwrap_or_default())
        }

        /// Decodes until there is something, or nothing to decode.
        fn decode_piece(&mut self) -> io::Result<()> {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            while self.decoder.get_ref().is_empty() && self.fault.is_none() {
                if self.chunk.is_empty() {
                    // The decoder's own buffer and its window.
                    return self.decoder.flush();
                }
                match self.decoder.write(&self.chunk) {
                    Ok(len) => self.chunk.advance(len.min(self.chunk.len())),
                    Err(fault) => {
                        self.fault = Some(fault);
                        // It fails again, but first it returns the bytes that it has.
                        let _ = self.decoder.write(&self.chunk);
                    }
                }
            }
            match self.fault.take_if(|_| self.decoder.get_ref().is_empty()) {
                Some(fault) => Err(fault),
                None => Ok(()),
            }
        }

        pub(super) fn consume(&mut self, len: usize) {
            self.used = self.used.saturating_add(len).min(self.decoder.get_ref().len());
        }

        pub(super) fn finish(&mut self) -> Result<(), CodingError> {
            if !self.begun {
                return Ok(()); // No bytes at all are not a cut member.
            }
            // RFC 1952, 2.3.1: the decoder compares CRC32 and ISIZE, if they are there.
            self.decoder.try_finish().map_err(|error| {
                let what = "it is cut, or its checksum is wrong";
                CodingError::Corrupt(io::Error::new(error.kind(), what))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn decoder(codings: &[&'static str]) -> Result<ContentDecoder, CodingError> {
        let headers = codings
            .iter()
            .map(|coding| (header::CONTENT_ENCODING, HeaderValue::from_static(coding)));
        ContentDecoder::of(&headers.collect())
    }

    fn decode(
        mut decoder: ContentDecoder,
        chunks: &[&[u8]],
        take: usize,
    ) -> Result<Vec<u8>, CodingError> {
        let mut all = Vec::new();
        for chunk in chunks {
            decoder.feed(Bytes::copy_from_slice(chunk));
            loop {
                let piece = decoder.available()?;
                if piece.is_empty() {
                    break;
                }
                let taken = piece.len().min(take);
                all.extend_from_slice(&piece[..taken]);
                decoder.consume(taken);
            }
        }
        decoder.finish().map(|()| all)
    }

    #[test]
    fn what_was_not_asked_for_and_is_not_known_is_refused() {
        assert!(decoder(&[]).is_ok());
        assert!(decoder(&["identity", "IDENTITY, ,identity"]).is_ok());
        for codings in
            [&["br"][..], &["deflate"], &["gzip, br"], &["gzip", "gzip"], &["gz\u{7f}ip"]]
        {
            if HeaderValue::from_str(codings[0]).is_ok() {
                assert!(matches!(decoder(codings), Err(CodingError::Unknown(_))), "{codings:?}");
            }
        }
    }

    #[test]
    fn without_a_coding_the_bytes_are_those_of_the_body() {
        for take in [1, 3, 100] {
            let decoded = decode(decoder(&[]).unwrap(), &[b"one ", b"", b"two"], take).unwrap();
            assert_eq!(decoded, b"one two");
        }
    }

    #[cfg(feature = "gzip")]
    mod gzip {
        use std::io::Write as _;

        use flate2::write::GzEncoder;

        use super::*;

        fn gzip(data: &[u8]) -> Vec<u8> {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }

        #[test]
        fn a_coded_stream_is_read_at_every_cut() {
            let data: Vec<u8> = (0..40_000u32).flat_map(u32::to_le_bytes).collect();
            let mut coded = gzip(&data);
            coded.extend(gzip(b"a second member"));
            let expected = [&data[..], b"a second member"].concat();
            for size in [1, 7, 1400, coded.len()] {
                let chunks: Vec<&[u8]> = coded.chunks(size).collect();
                let decoded = decode(decoder(&["X-GZip"]).unwrap(), &chunks, 5000).unwrap();
                assert!(decoded == expected, "{size}");
            }
        }

        /// Bytes that a server flushes are available at once, not with the next event.
        #[test]
        fn a_flushed_event_is_not_held_back() {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            let mut decoder = decoder(&["gzip"]).unwrap();
            for event in ["data: one\n\n", "data: two\n\n"] {
                encoder.write_all(event.as_bytes()).unwrap();
                encoder.flush().unwrap();
                decoder.feed(std::mem::take(encoder.get_mut()).into());
                assert_eq!(decoder.available().unwrap(), event.as_bytes());
                decoder.consume(event.len());
                assert_eq!(decoder.available().unwrap(), b"");
            }
        }

        #[test]
        fn a_cut_or_changed_stream_is_corrupt() {
            let coded = gzip(b"data: one\n\n");
            for len in 1..coded.len() {
                let cut = decode(decoder(&["gzip"]).unwrap(), &[&coded[..len]], 100);
                assert!(matches!(cut, Err(CodingError::Corrupt(_))), "{len}");
            }
            for garbage in [&b"data: one\n\n"[..], &[&coded[..], b"x"].concat()] {
                let read = decode(decoder(&["gzip"]).unwrap(), &[garbage], 100);
                assert!(matches!(read, Err(CodingError::Corrupt(_))));
            }
            assert_eq!(decode(decoder(&["gzip"]).unwrap(), &[], 100).unwrap(), b"");
        }

        /// Nor is one that unfolds to more than a piece.
        #[test]
        fn a_large_flushed_event_is_not_held_back() {
            for len in [16_384, 20_000, 40_000, 1_000_000] {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(&vec![b'x'; len]).unwrap();
                encoder.flush().unwrap();
                for size in [1, 100, usize::MAX] {
                    let mut decoder = decoder(&["gzip"]).unwrap();
                    let mut unfolded = 0;
                    for chunk in encoder.get_ref().chunks(size) {
                        decoder.feed(Bytes::copy_from_slice(chunk));
                        while let taken @ 1.. = decoder.available().unwrap().len() {
                            decoder.consume(taken);
                            unfolded += taken;
                        }
                    }
                    assert_eq!(unfolded, len, "in chunks of {size}");
                }
            }
        }

        /// Complete data before a fault is returned, then the fault.
        #[test]
        fn a_fault_hides_nothing_that_came_before_it() {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(b"data: one\n\n").unwrap();
            encoder.flush().unwrap();
            let flushed = encoder.get_ref().clone();
            let whole = gzip(b"data: one\n\n");
            for coded in [
                [&flushed[..], b"\x07\xff"].concat(), // no type of block
                [&whole[..], b"more"].concat(),
                [&whole[..whole.len() - 1], b"x"].concat(), // another length
            ] {
                for size in [1, 5, coded.len()] {
                    let mut decoder = decoder(&["gzip"]).unwrap();
                    let (mut decoded, mut fault) = (Vec::new(), None);
                    for chunk in coded.chunks(size) {
                        decoder.feed(Bytes::copy_from_slice(chunk));
                        loop {
                            match decoder.available() {
                                Ok([]) => break,
                                Ok(piece) => decoded.extend_from_slice(piece),
                                Err(error) => break fault = Some(error),
                            }
                            decoder.consume(usize::MAX);
                        }
                        if fault.is_some() {
                            break;
                        }
                    }
                    assert_eq!(decoded, b"data: one\n\n");
                    let fault = fault.or_else(|| decoder.finish().err());
                    assert!(matches!(fault, Some(CodingError::Corrupt(_))), "{fault:?}");
                }
            }
        }

        /// A bomb unfolds piece by piece, only as far as it is read.
        #[test]
        fn a_bomb_takes_no_memory() {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
            for _ in 0..64 {
                encoder.write_all(&vec![0; 1 << 20]).unwrap();
            }
            let mut decoder = decoder(&["gzip"]).unwrap();
            decoder.feed(encoder.finish().unwrap().into());
            let mut unfolded = 0u64;
            loop {
                let piece = decoder.available().unwrap().len();
                assert!(piece <= 128 * 1024, "{piece}");
                if piece == 0 {
                    break;
                }
                decoder.consume(piece);
                unfolded += piece as u64;
            }
            assert_eq!(unfolded, 64 << 20);
        }
    }
}
