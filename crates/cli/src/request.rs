//! What `ws` and `sse` take alike: headers, and whom to trust.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::CertificateDer;
use tidings_tokio::client::rustls::pki_types::pem::PemObject as _;
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

/// The certificates of a PEM file as the only roots.
pub(crate) fn trust_only(file: &Path) -> Result<Arc<ClientConfig>, Error> {
    let trusted = || {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".into());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    };
    trusted().map_err(|error: Error| UsageError(format!("{}: {error}", file.display())).into())
}
