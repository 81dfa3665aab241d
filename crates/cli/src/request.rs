//! The options that `ws` and `sse` share: headers, trusted certificates, client certificate,
//! address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tidings_tokio::ConnectOptions;
use tidings_tokio::client::Socks5Proxy;
use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::pem::PemObject as _;
use tidings_tokio::client::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidings_tokio::client::rustls::{ClientConfig, RootCertStore};

use crate::{Error, UsageError};

/// Reads `NAME: VALUE`.
pub(crate) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Reads a time in seconds, which may be a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a time is a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The way to the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Way {
    /// Trust the certificates of this file (PEM) and no others.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Present the certificate in this file (PEM, with its chain) to a server that asks for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Connect to this address instead of looking up the host of the URL. The request still names
    /// that host, and its certificate is checked.
    #[arg(long, value_name = "IP:PORT")]
    connect_to: Option<SocketAddr>,
    /// Use this SOCKS5 proxy instead of those that the variables name. It looks up the host.
    #[arg(long, value_name = "HOST:PORT", value_parser = Socks5Proxy::parse)]
    socks5: Option<Socks5Proxy>,
}

impl Way {
    /// The options with all of this.
    pub(crate) fn apply(
        &self,
        mut options: ConnectOptions,
        url: &str,
    ) -> Result<ConnectOptions, Error> {
        if let Some(file) = &self.ca {
            options = options.tls_config(in_file(file, trust_only)?);
        }
        if let (Some(certificate), Some(key_file)) = (&self.cert, &self.key) {
            let chain = in_file(certificate, read_certificates)?;
            let key = in_file(key_file, |file| Ok(PrivateKeyDer::from_pem_file(file)?))?;
            options = options.client_certificate(chain, key).map_err(|error| {
                let (certificate, key) = (certificate.display(), key_file.display());
                UsageError(format!("{certificate} with the key {key}: {error}"))
            })?;
        }
        if let Some(proxy) = &self.socks5 {
            options = options.socks5_proxy(proxy.clone());
        }
        if let Some(address) = self.connect_to {
            let unusable = |why: &dyn std::fmt::Display| UsageError(format!("{url}: {why}"));
            let uri: http::Uri = url.parse().map_err(|error| unusable(&error))?;
            let host = uri.host().ok_or_else(|| unusable(&"there is no host"))?;
            options = options.connect_to(host.trim_matches(['[', ']']), address);
        }
        Ok(options)
    }
}

/// An error of `read` names the file.
fn in_file<T>(file: &Path, read: impl FnOnce(&Path) -> Result<T, Error>) -> Result<T, Error> {
    read(file).map_err(|error| UsageError(format!("{}: {error}", file.display())).into())
}

/// The certificates of a PEM file as the only roots.
fn trust_only(file: &Path) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        roots.add(certificate)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(certificates)
}
