//! A TLS server with its own authority, and a client that trusts it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tidings_tokio::ConnectOptions;
use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tidings_tokio::client::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) type Authority = Arc<CertifiedIssuer<'static, KeyPair>>;

/// A server at `localhost`.
pub(crate) struct Tls {
    pub(crate) authority: Authority,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// A server that speaks these protocols.
    pub(crate) async fn new(protocols: &[&[u8]]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { authority: Arc::new(authority), listener, acceptor }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/events?a=b", self.listener.local_addr().unwrap().port())
    }

    pub(crate) async fn accept(&self) -> TlsStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.acceptor.accept(stream).await.unwrap()
    }
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
