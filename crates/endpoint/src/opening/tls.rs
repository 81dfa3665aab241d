//! The certificates that a TLS client trusts, the cryptography that it uses, and how it fails:
//! [`TlsTarget`], [`TlsError`] (RFC 6455, 4.1 item 5 and 10.6).
//!
//! The server's name is always checked, and there is no switch against it.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;

/// What the TLS handshake with one server needs. RFC 6455, 4.1 item 5: the name is sent (SNI), and
/// whatever is wrong fails the connection.
#[derive(Clone, Debug)]
pub struct TlsTarget {
    /// Whom to trust, and more.
    pub config: Arc<ClientConfig>,
    /// The server's name or address.
    pub server_name: ServerName<'static>,
}

impl TlsTarget {
    /// For a server of this name or address; without a configuration, that of the platform.
    pub(crate) fn new(config: Option<&Arc<ClientConfig>>, host: &str) -> Result<Self, Error> {
        let server_name =
            ServerName::try_from(host.to_owned()).map_err(|_| Error::Tls(TlsError::ServerName))?;
        let config = match config {
            Some(config) => Arc::clone(config),
            None => platform().map_err(Error::Tls)?,
        };
        Ok(Self { config, server_name })
    }

    /// Offers these protocols (RFC 7301) in place of those of the configuration; none are not
    /// offered.
    #[must_use]
    pub fn offering(mut self, protocols: &[&[u8]]) -> Self {
        if !protocols.is_empty() {
            // A copy of it shares the store of sessions.
            Arc::make_mut(&mut self.config).alpn_protocols =
                protocols.iter().map(|protocol| protocol.to_vec()).collect();
        }
        self
    }

    /// What an error of a TLS stream means in the TLS handshake.
    #[must_use]
    pub fn handshake_error(error: io::Error) -> Error {
        match error.downcast::<rustls::Error>() {
            Ok(error) => Error::Tls(TlsError::Handshake(error)),
            Err(error) => Error::Io(error),
        }
    }
}

/// The configuration of a caller, fit for the opening handshake.
pub(crate) fn put_right(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
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
    let provider = provider()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Handshake)?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    // RFC 7301: some servers speak HTTP/2 to a client that does not ask for HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::clone(PLATFORM.get_or_init(|| Arc::new(config))))
}

/// The cryptography that the program has chosen: as its default, or else by a feature. Nothing is
/// made the default here, so that other code of the program keeps its own choice.
fn provider() -> Result<Arc<CryptoProvider>, TlsError> {
    match CryptoProvider::get_default() {
        Some(provider) => Ok(Arc::clone(provider)),
        None => provider_of_features().map(Arc::new).ok_or(TlsError::NoProvider),
    }
}

#[cfg(feature = "ring")]
fn provider_of_features() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
fn provider_of_features() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
const fn provider_of_features() -> Option<CryptoProvider> {
    None
}

/// The root certificates of the platform. Where it has none, as in a minimal container, those of
/// Mozilla with the feature `webpki-roots`.
fn roots() -> Result<RootCertStore, TlsError> {
    // This reads files, which takes some milliseconds, once.
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    #[cfg(feature = "webpki-roots")]
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    }
    if added == 0 {
        return Err(TlsError::NoRoots(found.errors.into_iter().next().map(io::Error::other)));
    }
    Ok(roots)
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
    /// The program has not chosen who does the cryptography.
    NoProvider,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => write!(f, "TLS: {error}"),
            Self::ServerName => f.write_str("the host is neither a DNS name nor an address"),
            Self::NoRoots(error) => {
                f.write_str(
                    "the platform has no root certificates; \
                     the feature `webpki-roots` brings those of Mozilla",
                )?;
                error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
            }
            Self::NoProvider => f.write_str(
                "TLS needs a cryptography provider: switch on the feature `ring` or `aws-lc-rs`, or \
                 install a default one, for example by \
                 `rustls::crypto::aws_lc_rs::default_provider().install_default()`, or connect \
                 with a `ClientConfig` that has one",
            ),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => Some(error),
            Self::NoRoots(Some(error)) => Some(error),
            Self::ServerName | Self::NoRoots(None) | Self::NoProvider => None,
        }
    }
}
