//! A program that has chosen its cryptography keeps it, whatever features are on. In a separate
//! program, because the choice belongs to the process.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::Acceptor;
use tidings_tokio::{Error, client::TlsError, connect};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// It differs from all others by its offer.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..ring::default_provider()
    }
}

#[tokio::test]
async fn the_default_provider_of_the_program_is_used_and_kept() {
    provider().install_default().unwrap();
    let installed = Arc::clone(CryptoProvider::get_default().unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut acceptor = Acceptor::default();
        let mut received = [0; 4096];
        loop {
            let len = stream.read(&mut received).await.unwrap();
            assert_ne!(len, 0, "the client hung up");
            acceptor.read_tls(&mut &received[..len]).unwrap();
            if let Some(accepted) = acceptor.accept().ok().unwrap() {
                return accepted.client_hello().cipher_suites().to_vec();
            }
        }
    });
    match connect(&uri).await.unwrap_err() {
        Error::Tls(TlsError::NoRoots(_)) => server.abort(),
        _ => {
            let mut offered = server.await.unwrap();
            offered.retain(|suite| *suite != CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
            assert_eq!(offered, [CipherSuite::TLS13_CHACHA20_POLY1305_SHA256]);
        }
    }

    assert!(Arc::ptr_eq(&installed, CryptoProvider::get_default().unwrap()));
    // This panics in a program with two providers and no default.
    let _ = rustls::ClientConfig::builder();
}
