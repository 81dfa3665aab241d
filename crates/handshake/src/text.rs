//! [`Text`]: text in a response of the application, which may be created at run time.

use core::fmt;

/// The text of a response: a body, or the name or value of a header.
///
/// With the feature `alloc` it owns its characters, so that it can be made where the decision is
/// made:
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use tidings_handshake::Rejection;
///
/// fn no_such_room(room: &str) -> Rejection<'static> {
///     Rejection::not_found(format!("there is no room {room}\n"))
/// }
/// # no_such_room("attic");
/// # }
/// ```
///
/// Without `alloc` it borrows a `&'a str`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<'a> {
    #[cfg(feature = "alloc")]
    text: alloc::string::String,
    #[cfg(feature = "alloc")]
    lifetime: core::marker::PhantomData<&'a str>,
    #[cfg(not(feature = "alloc"))]
    text: &'a str,
}

impl Text<'_> {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        #[cfg(feature = "alloc")]
        return &self.text;
        #[cfg(not(feature = "alloc"))]
        return self.text;
    }
}

#[cfg(not(feature = "alloc"))]
impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self { text }
    }
}

#[cfg(feature = "alloc")]
impl From<alloc::string::String> for Text<'_> {
    fn from(text: alloc::string::String) -> Self {
        Self { text, lifetime: core::marker::PhantomData }
    }
}

#[cfg(feature = "alloc")]
impl From<&str> for Text<'_> {
    fn from(text: &str) -> Self {
        alloc::string::String::from(text).into()
    }
}

#[cfg(feature = "alloc")]
impl From<&alloc::string::String> for Text<'_> {
    fn from(text: &alloc::string::String) -> Self {
        text.clone().into()
    }
}

#[cfg(feature = "alloc")]
impl From<alloc::borrow::Cow<'_, str>> for Text<'_> {
    fn from(text: alloc::borrow::Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
