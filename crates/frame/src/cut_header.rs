//! A header whose bytes come in pieces: [`CutHeader`].

use crate::header::{Header, HeaderError, ParsedHeader, Rsv};

/// The first bytes of a header that the end of a slice has cut, 0 to 13 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutHeader {
    bytes: [u8; Header::MAX_LEN],
    len: usize,
}

impl CutHeader {
    /// No byte has come.
    pub(crate) const EMPTY: Self = Self { bytes: [0; Header::MAX_LEN], len: 0 };

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the header that continues at the front of `input`, and returns how many bytes of
    /// `input` belong to it. If the header continues after `input`, the bytes of `input` are kept
    /// here; if it is complete, nothing is kept.
    ///
    /// # Errors
    /// Those of [`Header::parse`]. The kept bytes are then useless.
    #[inline]
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        rsv_allowed: Rsv,
    ) -> Result<(Option<Header>, usize), HeaderError> {
        if self.is_empty() {
            let parsed = Header::parse(input, rsv_allowed)?;
            if let ParsedHeader::Complete { header, header_len } = parsed {
                return Ok((Some(header), header_len));
            }
        }
        self.read_on(input, rsv_allowed)
    }

    #[cold]
    fn read_on(
        &mut self,
        input: &[u8],
        rsv_allowed: Rsv,
    ) -> Result<(Option<Header>, usize), HeaderError> {
        let mut rest = input.iter();
        loop {
            let so_far = self.bytes.get(..self.len);
            debug_assert!(so_far.is_some(), "{self:?}");
            match Header::parse(so_far.unwrap_or_default(), rsv_allowed)? {
                ParsedHeader::Complete { header, .. } => {
                    self.len = 0;
                    return Ok((Some(header), input.len() - rest.len()));
                }
                ParsedHeader::Partial { .. } if rest.len() == 0 => return Ok((None, input.len())),
                ParsedHeader::Partial { missing } => {
                    // `missing` never asks for more than MAX_LEN in all.
                    let places = self.bytes.iter_mut().skip(self.len).take(missing);
                    for (place, byte) in places.zip(&mut rest) {
                        *place = *byte;
                        self.len += 1;
                    }
                }
            }
        }
    }
}
