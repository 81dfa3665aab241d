//! The address that the user has written: a URL, without the credentials that may be in it.
//! [`Target`].

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::UsageError;

/// A user and a password for Basic authentication (RFC 7617). Neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Reads `USER:PASSWORD`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (user, password) =
            text.split_once(':').ok_or("credentials are written USER:PASSWORD")?;
        Ok(Self { user: user.to_owned(), password: password.to_owned() })
    }

    /// The value of `Authorization`.
    pub(crate) fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// The parts of a URL on the command line. Messages show `url`, in which there is no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) credentials: Option<Credentials>,
    /// The socket of a `ws+unix:` URL.
    pub(crate) unix: Option<PathBuf>,
}

impl Target {
    /// Takes a URL apart. The other rules of URLs are those of the library that connects.
    ///
    /// - `scheme://user:password@host/…`: percent-encoded credentials.
    /// - `ws+unix:/path/to/socket:/resource`, and `wss+unix:` with TLS, as the package `ws` of
    ///   Node.js has them.
    pub(crate) fn parse(text: &str) -> Result<Self, UsageError> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        let secure = match &*scheme.to_ascii_lowercase() {
            "ws+unix" => Some(false),
            "wss+unix" => Some(true),
            _ => None,
        };
        if let Some(secure) = secure {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let (path, resource) = rest.split_once(':').unwrap_or((rest, "/"));
            if path.is_empty() {
                let url = format!("{scheme}:/path/to/socket:/resource");
                return Err(UsageError(format!("the URL of a Unix socket is written {url}")));
            }
            let slash = if resource.starts_with('/') { "" } else { "/" };
            let url = format!("{}://localhost{slash}{resource}", if secure { "wss" } else { "ws" });
            return Ok(Self { url, credentials: None, unix: Some(path.into()) });
        }
        let Some(rest) = rest.strip_prefix("//") else {
            if text.contains('@') {
                // The text is not shown: a password may be in it.
                return Err(UsageError("the URL does not begin with a scheme and ://".to_owned()));
            }
            return Ok(Self { url: text.to_owned(), credentials: None, unix: None });
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let Some((user_info, host)) = authority.rsplit_once('@') else {
            // The text is not shown: the port is probably a password that was cut.
            let has_port = authority.rsplit_once(':').is_none_or(|(_, port)| {
                port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit())
            });
            if !has_port && resource.contains('@') {
                return Err(UsageError(NOT_ENCODED.to_owned()));
            }
            return Ok(Self { url: text.to_owned(), credentials: None, unix: None });
        };
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded =
            |part| percent_decoded(part).ok_or_else(|| UsageError(NOT_ENCODED.to_owned()));
        let credentials = Credentials { user: decoded(user)?, password: decoded(password)? };
        let url = format!("{scheme}://{host}{resource}");
        Ok(Self { url, credentials: Some(credentials), unix: None })
    }
}

const NOT_ENCODED: &str =
    "the user and password in the URL must be percent-encoded UTF-8; or pass them with --user";

/// RFC 3986, 2.1.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            // `from_str_radix` would also take a sign.
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<(String, String)>, Option<String>) {
        let Ok(Target { url, credentials, unix }) = Target::parse(text) else {
            return ("refused".to_owned(), None, None);
        };
        let credentials = credentials.map(|both| (both.user, both.password));
        (url, credentials, unix.map(|path| path.display().to_string()))
    }

    #[test]
    fn credentials_are_taken_out_of_a_url() {
        let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (text, url, credentials) in [
            ("ws://h/p", "ws://h/p", None),
            ("ws://a:b@h:1/p?q@r", "ws://h:1/p?q@r", both("a", "b")),
            ("wss://a%40b:c%3Ad@h", "wss://h", both("a@b", "c:d")),
            ("https://a@h?x", "https://h?x", both("a", "")),
            ("ws://h/a:b@c", "ws://h/a:b@c", None),
            ("ws://%zz@h", "refused", None),
            ("ws://%+1@h", "refused", None),
            ("ws://%f@h", "refused", None),
            ("ws://%ff@h", "refused", None),
            ("ws://user:a?b@h/", "refused", None),
            ("ws://user:a/b@h/", "refused", None),
            ("ws://user:a#b@h/", "refused", None),
            ("ws://h:1?mail=a@b", "ws://h:1?mail=a@b", None),
            ("ws://[::1]/@a", "ws://[::1]/@a", None),
            ("no url", "no url", None),
            ("a:b@h", "refused", None),
        ] {
            assert_eq!(parsed(text), (url.to_owned(), credentials, None), "{text}");
        }
    }

    #[test]
    fn a_unix_socket_can_be_part_of_a_url() {
        for (text, url, path) in [
            ("ws+unix:/run/a.sock", "ws://localhost/", "/run/a.sock"),
            ("ws+unix:///run/a.sock:/chat?x=1", "ws://localhost/chat?x=1", "/run/a.sock"),
            ("wss+unix:./a.sock:chat", "wss://localhost/chat", "./a.sock"),
        ] {
            assert_eq!(parsed(text), (url.to_owned(), None, Some(path.to_owned())), "{text}");
        }
        assert_eq!(parsed("ws+unix:").0, "refused");
    }

    #[test]
    fn the_value_of_the_header_is_that_of_the_rfc() {
        // RFC 7617, 2.
        let credentials = Credentials::parse("Aladdin:open sesame").unwrap();
        assert_eq!(credentials.authorization(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
    }
}
