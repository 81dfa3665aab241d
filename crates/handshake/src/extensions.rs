//! The `Sec-WebSocket-Extensions` grammar (RFC 6455, 9.1): [`Extensions`] reads the peer's header,
//! [`Extension`] is sent by the caller.
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = extension-token *( ";" extension-param )
//! extension-param = token [ "=" ( token | quoted-string ) ]
//! ```
//!
//! Every reader goes over the bytes once, forwards, and keeps only its position.

use core::fmt;

use crate::headers::{HeaderValues, Headers};
use crate::token::{is_tchar, is_token, trim_start};

pub(crate) const HEADER: &str = "Sec-WebSocket-Extensions";

/// The extensions that the peer lists, in its order, over all header lines.
///
/// ```
/// use tidings_handshake::{Extensions, Headers};
///
/// let pairs: &[(&str, &[u8])] = &[
///     ("Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits; x=\"10\""),
///     ("Sec-WebSocket-Extensions", b"permessage-deflate"),
/// ];
/// let mut extensions = Extensions::parse(Headers::from_pairs(pairs))?;
/// let first = extensions.next().unwrap();
/// assert_eq!(first.name(), "permessage-deflate");
/// let mut params = first.params();
/// assert_eq!(params.next(), Some(("client_max_window_bits", None)));
/// let (name, value) = params.next().unwrap();
/// assert_eq!((name, value.unwrap().as_str()), ("x", Some("10")));
/// assert_eq!(extensions.count(), 1);
/// # Ok::<(), tidings_handshake::ExtensionsError>(())
/// ```
#[derive(Debug)]
pub struct Extensions<'a> {
    lines: HeaderValues<'a, 'static>,
    rest: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Checks every `Sec-WebSocket-Extensions` line; no line at all is an empty list.
    ///
    /// # Errors
    ///
    /// A line breaks the grammar, or the header is there and names no extension.
    pub fn parse(headers: Headers<'a>) -> Result<Self, ExtensionsError> {
        let mut lines = 0;
        let mut found = false;
        for (line, value) in headers.get_all(HEADER).enumerate() {
            let malformed = |rest: &[u8]| ExtensionsError::Malformed {
                line,
                offset: value.len().saturating_sub(rest.len()),
            };
            let mut rest = skip_separators(value);
            while !rest.is_empty() {
                let (_, after) = take_extension(rest).map_err(malformed)?;
                // Another extension needs a comma.
                if !matches!(after, [] | [b',', ..]) {
                    return Err(malformed(after));
                }
                rest = skip_separators(after);
                found = true;
            }
            lines += 1;
        }
        if lines > 0 && !found {
            return Err(ExtensionsError::Empty);
        }
        Ok(Self::of(headers))
    }

    /// The extensions of headers that were checked before.
    pub(crate) fn of(headers: Headers<'a>) -> Self {
        Self { lines: headers.get_all(HEADER), rest: &[] }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = PeerExtension<'a>;

    fn next(&mut self) -> Option<PeerExtension<'a>> {
        loop {
            self.rest = skip_separators(self.rest);
            if self.rest.is_empty() {
                self.rest = self.lines.next()?;
                continue;
            }
            match take_extension(self.rest) {
                Ok((extension, after)) => {
                    self.rest = after;
                    return Some(extension);
                }
                Err(_) => {
                    debug_assert!(false, "the list was checked before");
                    self.rest = &[];
                }
            }
        }
    }
}

/// One extension of the peer's list, well-formed.
#[derive(Clone, Copy, Debug)]
pub struct PeerExtension<'a> {
    name: &'a str,
    params: &'a [u8],
}

impl<'a> PeerExtension<'a> {
    /// The extension's name, a token.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The parameters in their order, as (name, value).
    #[must_use]
    pub const fn params(&self) -> ExtensionParams<'a> {
        ExtensionParams { rest: self.params }
    }
}

/// The parameters of a [`PeerExtension`].
#[derive(Clone, Debug)]
pub struct ExtensionParams<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionParams<'a> {
    type Item = (&'a str, Option<ParamValue<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        let param = take_param(trim_start(self.rest));
        debug_assert!(param.is_ok(), "the list was checked before");
        let (param, rest) = param.ok()??;
        self.rest = rest;
        Some(param)
    }
}

/// The value of an extension parameter: a token, whether it was quoted or not.
#[derive(Clone, Copy)]
pub struct ParamValue<'a> {
    /// A token in which, if it was quoted, a backslash may stand before any character.
    raw: &'a str,
}

impl<'a> ParamValue<'a> {
    /// The value, unless it was quoted with a backslash inside. No implementation is known to
    /// write that; [`ParamValue::chars`] and `==` see through it.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        if self.raw.contains('\\') { None } else { Some(self.raw) }
    }

    /// The characters of the value.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + use<'a> {
        // A backslash is not a token character, so each one only escapes the next character.
        self.raw.chars().filter(|character| *character != '\\')
    }
}

impl PartialEq<str> for ParamValue<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl PartialEq for ParamValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.chars().eq(other.chars())
    }
}

impl Eq for ParamValue<'_> {}

impl fmt::Display for ParamValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|character| fmt::Write::write_char(f, character))
    }
}

impl fmt::Debug for ParamValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// RFC 9110, 5.6.1.2: commas and white space before the next element.
fn skip_separators(mut rest: &[u8]) -> &[u8] {
    while let [b',' | b' ' | b'\t', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Takes an extension from the front; the rest begins with a comma or is empty, if the list is
/// well-formed. The error is the rest from the wrong byte on.
fn take_extension(bytes: &[u8]) -> Result<(PeerExtension<'_>, &[u8]), &[u8]> {
    let (name, params) = take_token(bytes)?;
    let mut rest = trim_start(params);
    while let Some((_, after)) = take_param(rest)? {
        rest = trim_start(after);
    }
    Ok((PeerExtension { name, params }, rest))
}

type Param<'a> = (&'a str, Option<ParamValue<'a>>);

/// `";" extension-param` from the front, if there is a semicolon.
fn take_param(bytes: &[u8]) -> Result<Option<(Param<'_>, &[u8])>, &[u8]> {
    let [b';', rest @ ..] = bytes else { return Ok(None) };
    let (name, rest) = take_token(trim_start(rest))?;
    // RFC 9110, 5.6.3: bad white space around the equals sign is read, never written.
    match trim_start(rest) {
        [b'=', value @ ..] => {
            let (value, rest) = match trim_start(value) {
                [b'"', quoted @ ..] => take_quoted(quoted)?,
                token => take_token(token)?,
            };
            Ok(Some(((name, Some(ParamValue { raw: value })), rest)))
        }
        _ => Ok(Some(((name, None), rest))),
    }
}

/// A token from the front.
fn take_token(bytes: &[u8]) -> Result<(&str, &[u8]), &[u8]> {
    let len = bytes.iter().position(|byte| !is_tchar(*byte)).unwrap_or(bytes.len());
    match bytes.split_at_checked(len) {
        Some((token @ [_, ..], rest)) => {
            core::str::from_utf8(token).map(|token| (token, rest)).map_err(|_| bytes)
        }
        _ => Err(bytes),
    }
}

/// The inside of a quoted string from the front, and the rest after the closing quote.
///
/// RFC 6455, 9.1: after unescaping, the value must be a token.
fn take_quoted(bytes: &[u8]) -> Result<(&str, &[u8]), &[u8]> {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'\\', escaped, after @ ..] if is_tchar(*escaped) => after,
            [byte, after @ ..] if is_tchar(*byte) => after,
            [b'"', after @ ..] => {
                let inside = bytes.get(..bytes.len().saturating_sub(rest.len()));
                return match inside.map(core::str::from_utf8) {
                    Some(Ok(inside)) if !inside.is_empty() => Ok((inside, after)),
                    _ => Err(rest),
                };
            }
            _ => return Err(rest),
        };
    }
}

/// A `Sec-WebSocket-Extensions` value that is not an extension list. The receiver must fail the
/// handshake (RFC 6455, 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionsError {
    /// The header is there and names no extension.
    Empty,
    /// A byte where the grammar calls for another.
    Malformed {
        /// The index of the `Sec-WebSocket-Extensions` line, from 0.
        line: usize,
        /// The position in its value, in bytes.
        offset: usize,
    },
}

impl fmt::Display for ExtensionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the list of extensions is empty"),
            Self::Malformed { line, offset } => {
                write!(f, "line {line} of the extension list breaks the grammar at offset {offset}")
            }
        }
    }
}

impl core::error::Error for ExtensionsError {}

/// An extension with its parameters, to be offered by a client or confirmed by a server.
///
/// ```
/// use tidings_handshake::Extension;
///
/// let params = [("client_max_window_bits", Some("10")), ("server_no_context_takeover", None)];
/// let deflate = Extension::new("permessage-deflate", &params)?;
/// assert_eq!(
///     deflate.to_string(),
///     "permessage-deflate; client_max_window_bits=10; server_no_context_takeover"
/// );
/// # Ok::<(), tidings_handshake::ExtensionBuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    name: &'a str,
    params: &'a [(&'a str, Option<&'a str>)],
}

impl<'a> Extension<'a> {
    /// An extension of this name with these parameters.
    ///
    /// # Errors
    ///
    /// The name, or a parameter's name or value, is not a token.
    pub fn new(
        name: &'a str,
        params: &'a [(&'a str, Option<&'a str>)],
    ) -> Result<Self, ExtensionBuildError> {
        if !is_token(name.as_bytes()) {
            return Err(ExtensionBuildError::Name);
        }
        for (index, (name, value)) in params.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                return Err(ExtensionBuildError::ParamName { index });
            }
            if !value.is_none_or(|value| is_token(value.as_bytes())) {
                return Err(ExtensionBuildError::ParamValue { index });
            }
        }
        Ok(Self { name, params })
    }

    /// The extension's name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The parameters in their order, as (name, value).
    #[must_use]
    pub const fn params(&self) -> &'a [(&'a str, Option<&'a str>)] {
        self.params
    }
}

impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.params.iter().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, "; {name}={value}"),
            None => write!(f, "; {name}"),
        })
    }
}

/// Extensions as one header value, written only if there are any.
#[derive(Clone, Copy)]
pub(crate) struct ExtensionList<'a>(pub(crate) &'a [Extension<'a>]);

impl fmt::Display for ExtensionList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, extension)| {
            f.write_str(if index == 0 { "" } else { ", " })?;
            extension.fmt(f)
        })
    }
}

/// The caller's extension cannot be written. `index` is a place in the list of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionBuildError {
    /// The extension's name is not a token.
    Name,
    /// A parameter's name is not a token.
    ParamName {
        /// The index of the parameter.
        index: usize,
    },
    /// A parameter's value is not a token.
    ParamValue {
        /// The index of the parameter.
        index: usize,
    },
}

impl fmt::Display for ExtensionBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("the name of the extension is not a token"),
            Self::ParamName { index } => {
                write!(f, "the name of extension parameter {index} is not a token")
            }
            Self::ParamValue { index } => {
                write!(f, "the value of extension parameter {index} is not a token")
            }
        }
    }
}

impl core::error::Error for ExtensionBuildError {}

#[cfg(test)]
mod tests;
