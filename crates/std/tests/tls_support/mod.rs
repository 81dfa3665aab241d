//! Both ends of TLS, with a certificate authority made for the test.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tidings_std::ConnectOptions;
use tidings_std::client::rustls::crypto::ring;
use tidings_std::client::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tidings_std::client::rustls::server::WebPkiClientVerifier;
use tidings_std::client::rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server of this name that asks for a certificate that the authority has signed.
#[allow(dead_code, reason = "not every test of those that share this file asks")]
pub(crate) fn asking(authority: &Authority, name: &str) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build();
    let (chain, key) = certificate(authority, name);
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(chain, key)
        .unwrap()
}

/// The certificate of a client, and its key.
#[allow(dead_code, reason = "not every test of those that share this file shows one")]
pub(crate) fn client_certificate(
    authority: &Authority,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    certificate(authority, "client")
}

fn certificate(
    authority: &Authority,
    name: &str,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().der().clone();
    (vec![certificate], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

/// A server whose certificate, for this name, the authority has signed.
pub(crate) fn signed(authority: &Authority, name: &str) -> ServerConfig {
    let (chain, key) = certificate(authority, name);
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

pub(crate) fn trusting(authority: &Authority) -> ConnectOptions {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ConnectOptions::new().tls_config(config)
}

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Accepts one TLS connection and hands it to `serve`.
pub(crate) fn serve<T: Send + 'static>(
    config: ServerConfig,
    serve: impl FnOnce(Tls) -> T + Send + 'static,
) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        serve(StreamOwned::new(connection, stream))
    });
    (port, serving)
}
