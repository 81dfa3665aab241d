//! TLS from the files and flags of the command line: whom the clients trust, and what a listener
//! presents.

use std::path::Path;
use std::sync::Arc;

use tidings_tokio::client::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tidings_tokio::client::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tidings_tokio::client::rustls::pki_types::pem::{self, PemObject as _};
use tidings_tokio::client::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, UnixTime,
};
use tidings_tokio::client::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::{Error, UsageError};

/// A certificate with its chain, and its private key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A client that trusts the certificates of this PEM file and no others.
pub(crate) fn trust_only(file: &Path) -> Result<Arc<ClientConfig>, Error> {
    in_file("--ca", file, |file| {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(file)? {
            roots.add(certificate)?;
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    })
}

/// A client that trusts whoever answers, for `--insecure`.
pub(crate) fn trust_anyone() -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A server with this certificate.
pub(crate) fn server((chain, key): Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads a certificate and its key from PEM files.
pub(crate) fn read_identity(certificate: &Path, key: &Path) -> Result<Identity, Error> {
    let chain = in_file("--cert", certificate, read_certificates)?;
    let key = in_file("--key", key, |file| PrivateKeyDer::from_pem_file(file).map_err(pem_error))?;
    Ok((chain, key))
}

/// An error of `read` names the option and the file.
fn in_file<T>(
    option: &str,
    file: &Path,
    read: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    read(file).map_err(|error| UsageError(format!("{option} {}: {error}", file.display())).into())
}

/// An error of the system says by itself what it is.
fn pem_error(error: pem::Error) -> Error {
    match error {
        pem::Error::Io(error) => error.into(),
        error => error.into(),
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem_error)?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(certificates)
}

/// The cryptography of this program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Accepts every certificate. The signatures are still checked, so the server has the key of the
/// certificate that it presents.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
