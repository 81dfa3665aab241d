//! TLS by rustls (RFC 6455, 4.1 item 5 and 10.6): [`Handshake`].
//!
//! The server's name is always checked, and there is no switch against it.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::error::Error;

/// Ready for the TLS handshake with one server.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
}

impl Handshake {
    /// For a server of this name or address.
    pub(super) fn new(config: Option<&Arc<ClientConfig>>, host: &str) -> Result<Self, Error> {
        let server_name =
            ServerName::try_from(host.to_owned()).map_err(|_| Error::Tls(TlsError::ServerName))?;
        let config = match config {
            Some(config) => Arc::clone(config),
            None => platform().map_err(Error::Tls)?,
        };
        Ok(Self { config, server_name })
    }

    /// The TLS handshake. RFC 6455, 4.1 item 5: the name is sent (SNI), and whatever is wrong
    /// fails the connection.
    pub(super) async fn connect(self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let connecting = TlsConnector::from(self.config).connect(self.server_name, stream);
        connecting.await.map_err(|error| match error.downcast::<rustls::Error>() {
            Ok(error) => Error::Tls(TlsError::Handshake(error)),
            Err(error) => Error::Io(error),
        })
    }
}

/// The configuration of a caller, fit for the opening handshake.
pub(super) fn put_right(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let multiplexed = |protocol: &Vec<u8>| protocol == b"h2" || protocol == b"h3";
    if !config.enable_sni || config.alpn_protocols.iter().any(multiplexed) {
        let config = Arc::make_mut(&mut config);
        config.enable_sni = true;
        config.alpn_protocols.retain(|protocol| !multiplexed(protocol));
    }
    config
}

/// The configuration that trusts whom the platform trusts. It is made once, so that later
/// connections resume the sessions of earlier ones.
fn platform() -> Result<Arc<ClientConfig>, TlsError> {
    static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = PLATFORM.get() {
        return Ok(Arc::clone(config));
    }
    // This reads files, which takes some milliseconds, once.
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsError::NoRoots(found.errors.into_iter().next().map(io::Error::other)));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Handshake)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // RFC 7301: some servers speak HTTP/2 to whom does not ask for HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::clone(PLATFORM.get_or_init(|| Arc::new(config))))
}

/// Why there is no TLS.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The handshake failed: the server's certificate is not trusted, or not for this name, or
    /// the two have no version or cipher in common.
    Handshake(rustls::Error),
    /// The host can be in no certificate.
    ServerName,
    /// No root certificate was found on this machine.
    NoRoots(Option<io::Error>),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => write!(f, "TLS: {error}"),
            Self::ServerName => f.write_str("the host is neither a DNS name nor an address"),
            Self::NoRoots(error) => {
                f.write_str("the platform has no root certificates")?;
                error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
            }
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => Some(error),
            Self::NoRoots(Some(error)) => Some(error),
            Self::ServerName | Self::NoRoots(None) => None,
        }
    }
}
