//! Text that is shared instead of copied: [`SharedStr`].

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

/// Shared text, cheap to clone.
#[derive(Clone)]
pub struct SharedStr(Shared);

#[derive(Clone)]
enum Shared {
    Static(&'static str),
    /// Text in memory of its exact size.
    Short(Arc<str>),
    /// Text that was a `String`: its memory is kept, not copied.
    Long(Arc<String>),
}

/// From this length on, the second indirection costs less than the copy.
const LONG_FROM: usize = 1024;

impl SharedStr {
    /// Text without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Shared::Static(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Shared::Static(text) => text,
            Shared::Short(text) => text,
            Shared::Long(text) => text,
        }
    }

    /// The same memory as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Shared::Static(text) => Bytes::from_static(text.as_bytes()),
            _ => Bytes::from_owner(self),
        }
    }
}

impl Default for SharedStr {
    fn default() -> Self {
        Self::from_static("")
    }
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for SharedStr {
    fn as_ref(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        Self(Shared::Short(text.into()))
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        match text.len() {
            ..LONG_FROM => Self(Shared::Short(text.into())),
            _ => Self(Shared::Long(Arc::new(text))),
        }
    }
}

impl TryFrom<Bytes> for SharedStr {
    type Error = std::string::FromUtf8Error;

    /// Takes over the memory if it is not shared, otherwise copies.
    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        String::from_utf8(bytes.into()).map(Self::from)
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedStr {}

impl PartialEq<str> for SharedStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for SharedStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<SharedStr> for str {
    fn eq(&self, other: &SharedStr) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<SharedStr> for &str {
    fn eq(&self, other: &SharedStr) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<String> for SharedStr {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialOrd for SharedStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedStr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// The same as for `str`, as `Borrow<str>` requires.
impl Hash for SharedStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for SharedStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for SharedStr {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<Cow<'_, str>> for SharedStr {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Box<str>> for SharedStr {
    fn from(text: Box<str>) -> Self {
        Self::from(String::from(text))
    }
}

/// Takes over the memory if it is not shared, otherwise copies.
impl From<SharedStr> for String {
    fn from(text: SharedStr) -> Self {
        match text.0 {
            Shared::Long(text) => Arc::try_unwrap(text).unwrap_or_else(|text| (*text).clone()),
            _ => text.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn text_is_shared_not_copied() {
        for text in ["grün".to_owned(), "x".repeat(LONG_FROM)] {
            let text = SharedStr::from(text);
            let clone = text.clone().into_bytes();
            assert_eq!(clone.as_ptr(), text.as_ptr());
            assert_eq!(clone, text.as_bytes());
            assert_eq!(SharedStr::try_from(clone).unwrap(), text);
        }
        assert!(SharedStr::try_from(Bytes::from_static(b"\xFF")).is_err());
        assert_eq!(SharedStr::default().into_bytes().len(), 0);
    }

    #[test]
    fn a_long_string_keeps_its_memory_in_and_out() {
        let text = "x".repeat(LONG_FROM);
        let memory = text.as_ptr();
        let shared = SharedStr::from(text);
        assert_eq!(shared.as_ptr(), memory);
        let text = String::from(shared);
        assert_eq!(text.as_ptr(), memory);
    }

    /// It goes where a `str` goes: compared, hashed, looked up.
    #[test]
    fn shared_text_stands_for_its_str() {
        let text = SharedStr::from(Cow::Borrowed("abc"));
        assert_eq!(text, "abc");
        assert_eq!("abc", text);
        assert_eq!(*"abc", text);
        assert_eq!(text, String::from("abc"));
        assert!(text < SharedStr::from_static("abd"));
        let set = HashSet::from([text]);
        assert!(set.contains("abc") && !set.contains("ab"));
    }
}
