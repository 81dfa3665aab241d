//! The client over TLS, with a certificate authority made for the test.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tidings_tokio::client::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Error, Message, accept,
    client::{Proxy, TlsError, TlsFailure},
    connect_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// A server whose certificate the authority has signed.
fn signed(authority: &Authority, params: &CertificateParams) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    server_config(certificate.der().clone(), &key)
}

fn trusting(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The server's view.
#[derive(Debug, Default)]
struct Seen {
    server_name: Option<String>,
    protocol: Option<Vec<u8>>,
    messages: usize,
}

/// Accepts one connection and echoes over TLS.
async fn serve(config: ServerConfig) -> (u16, JoinHandle<io::Result<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        echo(acceptor.accept(stream).await?).await
    });
    (port, server)
}

async fn echo(stream: tokio_rustls::server::TlsStream<TcpStream>) -> io::Result<Seen> {
    let connection = stream.get_ref().1;
    let mut seen = Seen {
        server_name: connection.server_name().map(str::to_owned),
        protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
        messages: 0,
    };
    let mut socket = accept(stream, Config::server()).await.unwrap();
    while let Some(message) = socket.recv().await.unwrap() {
        seen.messages += 1;
        socket.send(message).await.unwrap();
    }
    Ok(seen)
}

/// W-009, W-010, W-011, W-126
#[tokio::test]
async fn messages_go_through_tls_and_the_server_is_named() {
    let authority = authority();
    for (host, server_name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let config = signed(&authority, &params(&["localhost", "127.0.0.1"]));
        let (port, server) = serve(config).await;
        // A configuration that some other client left: neither harms.
        let mut config = trusting(&authority);
        config.enable_sni = false;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let options = ConnectOptions::new().tls_config(config);
        let mut socket = connect_with(&format!("wss://{host}:{port}/"), &options).await.unwrap();
        assert!(socket.get_ref().tls().unwrap().peer_certificates().is_some());
        // Both whole and in many TLS records.
        for message in [Message::text("grün"), Message::binary(vec![7; 300_000])] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some(message));
        }
        socket.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(socket.close_info().is_clean());
        let seen = server.await.unwrap().unwrap();
        // RFC 6066, 3: an address is not a name.
        assert_eq!(seen.server_name.as_deref(), server_name);
        assert_eq!((seen.messages, seen.protocol), (2, None));
    }
}

#[tokio::test]
async fn http2_is_not_offered() {
    let authority = authority();
    let mut config = signed(&authority, &params(&["localhost"]));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (port, server) = serve(config).await;
    let mut config = trusting(&authority);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let options = ConnectOptions::new().tls_config(config);
    let mut socket = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap();
    socket.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap().unwrap().protocol.as_deref(), Some(&b"http/1.1"[..]));
}

const fn is_untrusted(failure: &TlsFailure) -> bool {
    matches!(failure.error, rustls::Error::InvalidCertificate(_))
}

/// W-009: the server's TLS handshake fails, so it has decrypted no byte of a request.
#[tokio::test]
async fn a_server_that_cannot_be_trusted_sees_no_request() {
    let authority = authority();
    let mut expired = params(&["localhost"]);
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut premature = params(&["localhost"]);
    premature.not_before = date_time_ymd(2090, 1, 1);
    premature.not_after = date_time_ymd(2091, 1, 1);
    let key = KeyPair::generate().unwrap();
    let self_signed = params(&["localhost"]).self_signed(&key).unwrap();
    for (case, config) in [
        ("wrong name", signed(&authority, &params(&["example.com"]))),
        ("parent name", signed(&authority, &params(&["*.localhost"]))),
        ("address for a name", signed(&authority, &params(&["127.0.0.1"]))),
        ("expired", signed(&authority, &expired)),
        ("not yet valid", signed(&authority, &premature)),
        ("self-signed", server_config(self_signed.der().clone(), &key)),
        ("unknown authority", signed(&self::authority(), &params(&["localhost"]))),
    ] {
        let (port, server) = serve(config).await;
        let options = ConnectOptions::new().tls_config(trusting(&authority));
        let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
        let refused =
            matches!(&error, Error::Tls(TlsError::Handshake(failure)) if is_untrusted(failure));
        assert!(refused, "{case}: {error:?}");
        let phase = format!("the TLS handshake with localhost:{port}: ");
        assert!(error.to_string().starts_with(&phase), "{case}: {error}");
        assert!(server.await.unwrap().is_err(), "{case}");
    }
}

/// The certificates of the platform do not vouch for a test.
#[tokio::test]
async fn the_platforms_roots_are_trusted_by_default_and_no_others() {
    let (port, server) = serve(signed(&authority(), &params(&["localhost"]))).await;
    let error = tidings_tokio::connect(&format!("wss://localhost:{port}/")).await.unwrap_err();
    match error {
        Error::Tls(TlsError::Handshake(failure)) if is_untrusted(&failure) => {
            assert!(server.await.unwrap().is_err());
        }
        // On a machine without any: no connection is made.
        Error::Tls(TlsError::NoRoots(_)) => server.abort(),
        // Nor without a cryptography provider.
        Error::Tls(TlsError::NoProvider)
            if cfg!(not(any(feature = "ring", feature = "aws-lc-rs"))) =>
        {
            server.abort();
        }
        other => panic!("{other:?}"),
    }
}

/// A server that speaks no TLS fails the connection; it does not get it in plain text.
#[tokio::test]
async fn a_server_without_tls_sees_only_a_tls_record() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.windows(5).any(|bytes| bytes == b"HTTP/"));
        first[0]
    });
    let options = ConnectOptions::new().tls_config(trusting(&authority()));
    let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::Handshake(_))), "{error:?}");
    assert_eq!(server.await.unwrap(), 0x16);
}

#[tokio::test]
async fn a_timeout_during_the_tls_handshake_names_it_and_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_millis(100);
    let options = ConnectOptions::new().tls_config(trusting(&authority())).config(config);
    let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
    let Error::HandshakeTimeout(timeout) = error else { panic!("{error:?}") };
    assert_eq!(timeout.phase(), Some(&*format!("the TLS handshake with localhost:{port}")));
    assert_eq!(timeout.limit(), Duration::from_millis(100));
}

#[tokio::test]
async fn a_server_that_hangs_up_is_an_error_of_the_transport() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let options = ConnectOptions::new().tls_config(trusting(&authority()));
    let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    let phase = format!("the TLS handshake with localhost:{port}: ");
    assert!(error.to_string().starts_with(&phase), "{error}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_in_no_certificate_makes_no_connection() {
    let options = ConnectOptions::new().tls_config(trusting(&authority()));
    let error = connect_with("wss://a%20b/", &options).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::ServerName)), "{error:?}");
}

/// The proxy sees the name and nothing else; the certificate is that of the server beyond it.
#[tokio::test]
async fn tls_goes_through_the_tunnel_of_a_proxy() {
    let authority = authority();
    let config = signed(&authority, &params(&["server.invalid"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let proxy_and_server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut connect = Vec::new();
        while !connect.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut connect).await.unwrap();
        }
        assert!(connect.starts_with(b"CONNECT server.invalid:443 HTTP/1.1\r\n"));
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        echo(acceptor.accept(stream).await.unwrap()).await.unwrap()
    });
    let options = ConnectOptions::new()
        .tls_config(trusting(&authority))
        .proxy(Proxy::parse(&format!("127.0.0.1:{port}")).unwrap());
    let mut socket = connect_with("wss://server.invalid/", &options).await.unwrap();
    socket.send("through").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("through".into()));
    socket.close(CloseCode::NORMAL, "").await.unwrap();
    let seen = proxy_and_server.await.unwrap();
    assert_eq!(seen.server_name.as_deref(), Some("server.invalid"));
}

/// From `wss` no redirect leads to `ws`.
#[tokio::test]
async fn a_redirect_never_leaves_tls() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(signed(&authority, &params(&["localhost"]))));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let answer = format!("HTTP/1.1 302 \r\nLocation: http://localhost:{port}/\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let options = ConnectOptions::new().tls_config(trusting(&authority)).max_redirects(5);
    let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
    let refused =
        matches!(error, Error::Redirect(tidings_tokio::handshake::RedirectError::Downgrade));
    assert!(refused, "{error:?}");
    server.await.unwrap();
}

/// A server that asks for a certificate that this authority has signed.
fn asking(server: &Authority, clients: &Authority) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["localhost"]).signed_by(&key, server).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

/// In TLS 1.3 the server says so only after the client has taken the handshake for done.
#[tokio::test]
async fn a_client_certificate_that_is_missing_is_an_error_of_tls() {
    let authority = authority();
    let (port, server) = serve(asking(&authority, &authority)).await;
    let options = ConnectOptions::new().tls_config(trusting(&authority));
    let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::Handshake(_))), "{error:?}");
    let expected = format!(
        "the opening handshake with localhost:{port}: the server asks for a client certificate, and \
         got none"
    );
    assert_eq!(error.to_string(), expected);
    assert!(server.await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let authority = authority();
    let (port, server) = serve(asking(&authority, &authority)).await;
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["client"]).signed_by(&key, &authority).unwrap();
    let der = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let options = ConnectOptions::new()
        .tls_config(trusting(&authority))
        .client_certificate(vec![certificate.der().clone()], der())
        .unwrap();
    let mut socket = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap();
    socket.close(CloseCode::NORMAL, "").await.unwrap();
    server.await.unwrap().unwrap();

    // The key of another.
    let wrong = ConnectOptions::new()
        .tls_config(trusting(&authority))
        .client_certificate(vec![authority.der().clone()], der())
        .unwrap_err();
    assert!(matches!(wrong, Error::Tls(TlsError::ClientCertificate(_))), "{wrong:?}");
}

/// By default `openssl req -x509` makes the certificate of an authority.
#[tokio::test]
async fn a_certificate_that_cannot_stand_for_a_server_is_refused_in_words() {
    for (is_ca, names, words) in [
        (true, &["localhost"][..], "that of a certificate authority (CA:TRUE)"),
        (false, &[], "names no host in subjectAltName, so it is not one for localhost"),
    ] {
        let mut params = params(names);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (port, server) = serve(server_config(certificate.der().clone(), &key)).await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let options = ConnectOptions::new().tls_config(config);
        let error = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(words) && error.contains("`openssl req -x509 "), "{error}");
        assert!(server.await.unwrap().is_err());
    }
}

/// Such as the instructions above make.
#[tokio::test]
async fn a_certificate_of_its_own_is_trusted_if_it_is_one_of_a_server() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&["localhost"]);
    params.is_ca = IsCa::ExplicitNoCa;
    let certificate = params.self_signed(&key).unwrap();
    let mut config = server_config(certificate.der().clone(), &key);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (port, server) = serve(config).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    // A configuration as most are made: it offers no protocol by itself.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let options = ConnectOptions::new().tls_config(config);
    let mut socket = connect_with(&format!("wss://localhost:{port}/"), &options).await.unwrap();
    socket.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap().unwrap().protocol.as_deref(), Some(&b"http/1.1"[..]));
}
