//! The two ends of a connection. Only a client masks, so only a client has a source of masking
//! keys: a server that masks cannot be written.

use core::fmt;

use tidings_frame::MaskingKey;

/// [`Server`], [`Client`], or [`AnyRole`] where one type has to serve for both.
pub trait Role: sealed::Sealed {
    /// Returns whether this end is the server.
    fn is_server(&self) -> bool;

    #[doc(hidden)]
    fn masking_key(&mut self) -> Option<MaskingKey>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Server {}
    impl<M: super::MaskSource> Sealed for super::Client<M> {}
    impl<M: super::MaskSource> Sealed for super::AnyRole<M> {}
}

/// The end that was connected to. "A server MUST NOT mask any frames" (RFC 6455, 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Role for Server {
    fn is_server(&self) -> bool {
        true
    }

    fn masking_key(&mut self) -> Option<MaskingKey> {
        None
    }
}

/// The end that connected. "A client MUST mask all frames" (RFC 6455, 5.1).
pub struct Client<M> {
    mask_source: M,
}

impl<M: MaskSource> Client<M> {
    /// A client that draws its masking keys from `mask_source`.
    pub const fn new(mask_source: M) -> Self {
        Self { mask_source }
    }
}

impl<M: MaskSource> Role for Client<M> {
    fn is_server(&self) -> bool {
        false
    }

    fn masking_key(&mut self) -> Option<MaskingKey> {
        Some(self.mask_source.next_key())
    }
}

/// Either end, chosen when the program runs: for a type that holds connections of both roles.
///
/// ```
/// use tidings_websocket::{AnyRole, Client, Role, Server};
///
/// # fn key() -> [u8; 4] { [1, 2, 3, 4] }
/// let roles: [AnyRole<fn() -> [u8; 4]>; 2] = [Server.into(), Client::new(key as fn() -> _).into()];
/// assert_eq!(roles.map(|role| role.is_server()), [true, false]);
/// ```
#[derive(Debug)]
pub enum AnyRole<M> {
    /// The end that was connected to.
    Server,
    /// The end that connected.
    Client(Client<M>),
}

impl<M: MaskSource> Role for AnyRole<M> {
    fn is_server(&self) -> bool {
        matches!(self, Self::Server)
    }

    fn masking_key(&mut self) -> Option<MaskingKey> {
        match self {
            Self::Server => None,
            Self::Client(client) => client.masking_key(),
        }
    }
}

impl<M> From<Server> for AnyRole<M> {
    fn from(_: Server) -> Self {
        Self::Server
    }
}

impl<M> From<Client<M>> for AnyRole<M> {
    fn from(client: Client<M>) -> Self {
        Self::Client(client)
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// The source of a client's masking keys: one fresh key for each frame.
///
/// RFC 6455, 10.3: the key "MUST be derived from a strong source of entropy", and one key must not
/// help to predict the next. Use a cryptographic generator; there is no default. Any
/// `FnMut() -> [u8; 4]` is a source.
pub trait MaskSource {
    /// Draws the key for the next frame.
    fn next_key(&mut self) -> MaskingKey;
}

impl<F: FnMut() -> [u8; MaskingKey::LEN]> MaskSource for F {
    fn next_key(&mut self) -> MaskingKey {
        MaskingKey::new(self())
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    /// RFC 6455, 10.3: the source of masking keys is secret.
    #[test]
    fn a_client_is_printed_without_its_mask_source() {
        let client = Client::new(|| [1, 2, 3, 4]);
        assert_eq!(format!("{client:?}"), "Client");
    }
}
