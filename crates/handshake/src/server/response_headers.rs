//! Headers that the application adds to its response: [`ResponseHeaders`].

use core::fmt;

use crate::extra_headers::{ExtraHeaderError, check};
#[cfg(feature = "alloc")]
use crate::text::Text;

/// A list of headers, as [`Acceptance::headers`] and [`Rejection::headers`] take it.
///
/// It is made from a slice or an array of pairs. With the feature `alloc` it owns their strings,
/// which may be created at run time; without it, it borrows them.
///
/// Its `Debug` shows the names only, since values hold credentials.
///
/// [`Acceptance::headers`]: crate::Acceptance::headers
/// [`Rejection::headers`]: crate::Rejection::headers
#[derive(Clone, Default)]
pub struct ResponseHeaders<'a> {
    #[cfg(feature = "alloc")]
    lines: alloc::vec::Vec<(Text<'a>, Text<'a>)>,
    #[cfg(not(feature = "alloc"))]
    lines: &'a [(&'a str, &'a str)],
}

impl<'a> ResponseHeaders<'a> {
    /// The same headers, if each may follow those of the handshake.
    pub(crate) fn checked(self) -> Result<Self, ExtraHeaderError> {
        for (index, (name, value)) in self.iter().enumerate() {
            check(index, name, value)?;
        }
        Ok(self)
    }

    /// Adds a header, if it may follow those of the handshake.
    #[cfg(feature = "alloc")]
    pub(crate) fn add(&mut self, name: Text<'a>, value: Text<'a>) -> Result<(), ExtraHeaderError> {
        check(self.lines.len(), name.as_str(), value.as_str())?;
        self.lines.push((name, value));
        Ok(())
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[cfg(not(feature = "alloc"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().copied()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

#[cfg(not(feature = "alloc"))]
impl<'a> From<&'a [(&'a str, &'a str)]> for ResponseHeaders<'a> {
    fn from(lines: &'a [(&'a str, &'a str)]) -> Self {
        Self { lines }
    }
}

#[cfg(not(feature = "alloc"))]
impl<'a, const N: usize> From<&'a [(&'a str, &'a str); N]> for ResponseHeaders<'a> {
    fn from(lines: &'a [(&'a str, &'a str); N]) -> Self {
        Self { lines }
    }
}

#[cfg(feature = "alloc")]
impl<N: AsRef<str>, V: AsRef<str>> From<&[(N, V)]> for ResponseHeaders<'_> {
    fn from(lines: &[(N, V)]) -> Self {
        let line = |(name, value): &(N, V)| (name.as_ref().into(), value.as_ref().into());
        Self { lines: lines.iter().map(line).collect() }
    }
}

#[cfg(feature = "alloc")]
impl<N: AsRef<str>, V: AsRef<str>, const COUNT: usize> From<&[(N, V); COUNT]>
    for ResponseHeaders<'_>
{
    fn from(lines: &[(N, V); COUNT]) -> Self {
        lines.as_slice().into()
    }
}

#[cfg(feature = "alloc")]
impl<N: AsRef<str>, V: AsRef<str>> From<&alloc::vec::Vec<(N, V)>> for ResponseHeaders<'_> {
    fn from(lines: &alloc::vec::Vec<(N, V)>) -> Self {
        lines.as_slice().into()
    }
}

impl fmt::Debug for ResponseHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
