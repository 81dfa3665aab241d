//! The certificates that a TLS client trusts, the cryptography that it uses, and how it fails:
//! [`TlsTarget`], [`TlsError`] (RFC 6455, 4.1 item 5 and 10.6).
//!
//! The server's name is always checked, and this cannot be switched off.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::error::Error;

/// The settings of a TLS handshake with one server. RFC 6455, 4.1 item 5: the name is sent (SNI),
/// and any fault fails the connection.
#[derive(Clone, Debug)]
pub struct TlsTarget {
    /// The trusted roots, and more.
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

    /// Offers these protocols (RFC 7301) in place of those of the configuration. An empty
    /// list changes nothing.
    #[must_use]
    pub fn offering(mut self, protocols: &[&[u8]]) -> Self {
        if !protocols.is_empty() {
            // A copy of it shares the store of sessions.
            Arc::make_mut(&mut self.config).alpn_protocols =
                protocols.iter().map(|protocol| protocol.to_vec()).collect();
        }
        self
    }
}

/// RFC 7301: some servers speak HTTP/2 to a client that does not ask for HTTP/1.1.
const HTTP1: &[u8] = b"http/1.1";

/// The configuration of a caller, fit for the opening handshake.
pub(crate) fn put_right(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let multiplexed = |protocol: &Vec<u8>| protocol == b"h2" || protocol == b"h3";
    let protocols = &config.alpn_protocols;
    if !config.enable_sni || protocols.is_empty() || protocols.iter().any(multiplexed) {
        let config = Arc::make_mut(&mut config);
        config.enable_sni = true;
        config.alpn_protocols.retain(|protocol| !multiplexed(protocol));
        if config.alpn_protocols.is_empty() {
            config.alpn_protocols.push(HTTP1.to_vec());
        }
    }
    config
}

/// A configuration, that of the platform if none is given, that shows this certificate to a server
/// that asks for one.
pub(crate) fn with_client_certificate(
    config: Option<Arc<ClientConfig>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = match config {
        Some(config) => config,
        None => platform()?,
    };
    let certificate = CertifiedKey::from_der(chain, key, config.crypto_provider())
        .map_err(TlsError::ClientCertificate)?;
    let own = Arc::make_mut(&mut config);
    own.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certificate));
    // A session that began without the certificate would continue without it.
    own.resumption = Resumption::default();
    Ok(config)
}

/// The configuration with the platform's trusted roots. It is made once, so that later connections
/// resume the sessions of earlier ones.
fn platform() -> Result<Arc<ClientConfig>, TlsError> {
    static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = PLATFORM.get() {
        return Ok(Arc::clone(config));
    }
    let provider = provider()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::handshake)?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP1.to_vec()];
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

/// The reason why TLS failed. `Display` shows all of it, including the inner error, which is
/// therefore not a [`source`](std::error::Error::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The handshake failed: the server's certificate is not trusted, or not for this name, or
    /// the two have no version or cipher in common, or the server wants a client certificate.
    Handshake(Box<TlsFailure>),
    /// The client certificate, or its key, cannot be used.
    ClientCertificate(rustls::Error),
    /// The host is neither a DNS name nor an address, so no certificate can name it.
    ServerName,
    /// No root certificate was found on this machine.
    NoRoots(Option<io::Error>),
    /// The program has not chosen a cryptography provider.
    NoProvider,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(failure) => failure.fmt(f),
            Self::ClientCertificate(error) => write!(f, "the client certificate: {error}"),
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

impl std::error::Error for TlsError {}

impl TlsError {
    /// The error of TLS that an error of a TLS stream is, or else that error.
    pub(crate) fn downcast(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<rustls::Error>().map(Self::handshake)
    }

    /// The same error, which says in which phase it came.
    pub(super) fn in_phase(self, phase: &str) -> Self {
        match self {
            Self::Handshake(mut failure) => {
                failure.phase.get_or_insert_with(|| phase.into());
                Self::Handshake(failure)
            }
            other => other,
        }
    }

    /// An error of rustls, in a phase that is not known yet.
    pub(crate) fn handshake(error: rustls::Error) -> Self {
        Self::Handshake(Box::new(TlsFailure { phase: None, error }))
    }
}

/// An error of rustls, and where it came. `Display` shows all of it, with a remedy if there is one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TlsFailure {
    /// The phase, with the host and port: "the TLS handshake with example.com:443". `None` if the
    /// error came later, from the stream.
    pub phase: Option<Box<str>>,
    /// The error.
    pub error: rustls::Error,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.phase.as_deref().unwrap_or("TLS"))?;
        match explanation(&self.error) {
            Some(explanation) => f.write_str(&explanation),
            None => self.error.fmt(f),
        }
    }
}

/// Instructions to make a certificate for a server that is trusted by itself.
const MAKE_A_CERTIFICATE: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem \
     -subj /CN=localhost -addext subjectAltName=DNS:localhost \
     -addext basicConstraints=critical,CA:FALSE";

/// Explains errors for which the text of rustls is not enough.
fn explanation(error: &rustls::Error) -> Option<String> {
    let error = match error {
        rustls::Error::InvalidCertificate(error) => error,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            return Some("the server asks for a client certificate, and got none".to_owned());
        }
        _ => return None,
    };
    match error {
        // These are errors of a crate below rustls, which has no other names for them.
        CertificateError::Other(other) => {
            let name = other.to_string();
            let cause = if name.contains("CaUsedAsEndEntity") {
                "the server's certificate is that of a certificate authority (CA:TRUE), which \
                 cannot stand for a server: sign another with it, or make one with"
            } else if name.contains("UnsupportedCertVersion") {
                "the server's certificate is of version 1, which has no subjectAltName: make one \
                 of version 3 with"
            } else {
                return None;
            };
            Some(format!("{cause} `{MAKE_A_CERTIFICATE}`"))
        }
        CertificateError::NotValidForNameContext { expected, presented }
            if presented.is_empty() =>
        {
            let name = expected.to_str();
            Some(format!(
                "the server's certificate names no host in subjectAltName, so it is not one for \
                 {name} (its common name does not count): make one with \
                 `{MAKE_A_CERTIFICATE}`"
            ))
        }
        CertificateError::UnknownIssuer => Some(
            "the server's certificate is not signed by an authority that is trusted here \
             (UnknownIssuer)"
                .to_owned(),
        ),
        _ => None,
    }
}
