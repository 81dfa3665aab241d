//! [`Key`] and [`Accept`]: the proof that a server understood the handshake (RFC 6455, 1.3).

use core::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest as _, Sha1};

/// RFC 6455, 1.3: the text that the server appends to the key before it hashes.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// RFC 6455, 4.2.1 item 5: the client's value has to decode to 16 bytes. The bits after them, which
/// an encoder sets to zero, mean nothing; the RFC's own example, in 4.1, has others.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A `Sec-WebSocket-Key`: 16 bytes in base64.
///
/// ```
/// use tidings_handshake::Key;
///
/// let key = Key::from_nonce(*b"the sample nonce");
/// assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(key.accept().as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 24]);

impl Key {
    /// The key of a nonce that the caller drew at random for this one connection.
    #[must_use]
    pub fn from_nonce(nonce: [u8; 16]) -> Self {
        let mut text = [0; 24];
        // 16 bytes are 24 characters, so the slice always fits.
        let encoded = STANDARD.encode_slice(nonce, &mut text);
        debug_assert_eq!(encoded, Ok(text.len()));
        Self(text)
    }

    /// The key that a client sent. Optional white space around it is ignored.
    ///
    /// # Errors
    ///
    /// The value is not base64, with padding, of exactly 16 bytes.
    pub fn parse(value: &[u8]) -> Result<Self, KeyError> {
        let value = crate::token::trim(value);
        let text: [u8; 24] = value.try_into().map_err(|_| KeyError::Length { len: value.len() })?;
        // 24 characters may hold up to 18 bytes.
        match LENIENT.decode_slice(text, &mut [0; 18]) {
            Ok(16) => Ok(Self(text)),
            Ok(_) => Err(KeyError::NonceLength),
            Err(_) => Err(KeyError::Base64),
        }
    }

    /// The 24 characters of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// Returns the server's required answer to this key.
    ///
    /// RFC 6455, 4.2.2 item 5.4: the key is hashed as text, not decoded.
    #[must_use]
    pub fn accept(&self) -> Accept {
        let digest = Sha1::new().chain_update(self.0).chain_update(GUID).finalize();
        let mut text = [0; 28];
        // 20 bytes are 28 characters, so the slice always fits.
        let encoded = STANDARD.encode_slice(digest, &mut text);
        debug_assert_eq!(encoded, Ok(text.len()));
        Accept(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.as_str()).finish()
    }
}

/// A `Sec-WebSocket-Accept`: the base64 of the SHA-1 digest of a [`Key`] and the GUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accept([u8; 28]);

impl Accept {
    /// The 28 characters of the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// Returns whether a server's header value is this one, byte by byte, without outer white
    /// space.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        crate::token::trim(value) == self.0
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accept").field(&self.as_str()).finish()
    }
}

/// Base64 is ASCII, so the fallback is never seen.
fn ascii(bytes: &[u8]) -> &str {
    debug_assert!(bytes.is_ascii());
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// The reason why a `Sec-WebSocket-Key` is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The value does not have 24 characters.
    Length {
        /// Characters found.
        len: usize,
    },
    /// The value is not base64 with padding.
    Base64,
    /// The value decodes to another number of bytes than 16.
    NonceLength,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => write!(f, "the key has {len} characters instead of 24"),
            Self::Base64 => f.write_str("the key is not base64 with padding"),
            Self::NonceLength => f.write_str("the key does not decode to 16 bytes"),
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned as _;
    use std::format;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// W-048
    #[test]
    fn the_known_answers_are_given() {
        for (key, accept) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ] {
            for padded in [key.to_owned(), format!(" \t{key}\t ")] {
                let parsed = Key::parse(padded.as_bytes()).unwrap();
                assert_eq!(parsed.as_str(), key);
                assert_eq!(parsed.accept().as_str(), accept);
            }
        }
    }

    /// W-036: the example of RFC 6455, 4.1, is one of these. The answer is that to the key as sent.
    #[test]
    fn bits_after_the_last_byte_of_a_key_do_not_matter() {
        for (key, accept) in [
            ("AQIDBAUGBwgJCgsMDQ4PEC==", "OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
            ("dGhlIHNhbXBsZSBub25jZR==", "Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI="),
        ] {
            let parsed = Key::parse(key.as_bytes()).unwrap();
            assert_eq!((parsed.as_str(), parsed.accept().as_str()), (key, accept));
        }
    }

    #[test]
    fn keys_and_answers_are_shown_as_they_are_sent() {
        let key = Key::from_nonce(*b"the sample nonce");
        let shown = (format!("{key} {key:?}"), format!("{0} {0:?}", key.accept()));
        assert_eq!(shown.0, "dGhlIHNhbXBsZSBub25jZQ== Key(\"dGhlIHNhbXBsZSBub25jZQ==\")");
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(shown.1, format!("{accept} Accept(\"{accept}\")"));
        for (error, shown) in [
            (KeyError::Length { len: 22 }, "the key has 22 characters instead of 24"),
            (KeyError::Base64, "the key is not base64 with padding"),
            (KeyError::NonceLength, "the key does not decode to 16 bytes"),
        ] {
            assert_eq!(format!("{error}"), shown);
        }
    }

    /// W-036
    #[test]
    fn only_the_base64_of_16_bytes_is_a_key() {
        use KeyError::{Base64, Length, NonceLength};
        for (value, error) in [
            ("", Length { len: 0 }),
            ("dGhlIHNhbXBsZSBub25jZQ", Length { len: 22 }),
            ("dGhlIHNhbXBsZSBub25jZQ=", Length { len: 23 }),
            ("dGhlIHNhbXBsZSBub25jZQ===", Length { len: 25 }),
            ("dGhlIHNhbXBsZSBub25j", Length { len: 20 }),
            // 17 and 18 bytes.
            ("dGhlIHNhbXBsZSBub25jZWE=", NonceLength),
            ("dGhlIHNhbXBsZSBub25jZWFh", NonceLength),
            // The URL alphabet, white space inside, padding inside, no base64 at all.
            ("dGhlIHNhbXBsZSBub25j-_==", Base64),
            ("dGhlIHNhbXBs ZSBub25jZQ=", Base64),
            ("dGhlIHNhbXBsZSBub2=5jZQ=", Base64),
            ("========================", Base64),
            ("dGhlIHNhbXBsZSBub25j\u{e9}==", Base64),
        ] {
            assert_eq!(Key::parse(value.as_bytes()), Err(error), "{value:?}");
        }
    }

    proptest! {
        /// W-018
        #[test]
        fn every_nonce_gives_a_key_that_parses_to_itself(nonce: [u8; 16]) {
            let key = Key::from_nonce(nonce);
            prop_assert_eq!(key.as_str().len(), 24);
            prop_assert_eq!(STANDARD.decode_slice(key.as_str(), &mut [0; 18]), Ok(16));
            prop_assert_eq!(Key::parse(key.as_str().as_bytes()), Ok(key));
            prop_assert!(key.accept().matches(key.accept().as_str().as_bytes()));
        }

        #[test]
        fn no_value_panics(value: Vec<u8>) {
            let _ = Key::parse(&value);
            prop_assert!(!Key::from_nonce([0; 16]).accept().matches(&value));
        }
    }
}
