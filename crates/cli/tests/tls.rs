//! The clients over TLS, as processes: their trusted certificates, their client certificates, and
//! their messages.
//!
//! The certificates are made by openssl: `authority.pem` as `openssl req -x509` makes one by default,
//! `server.pem` with `basicConstraints=critical,CA:FALSE`. Their keys are for these tests alone, and
//! trusted by nobody.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::pem::PemObject as _;
use tidings_tokio::client::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidings_tokio::client::rustls::server::WebPkiClientVerifier;
use tidings_tokio::client::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

fn path(file: &str) -> String {
    format!("{}/tests/certificates/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// The server's view of one client.
#[derive(Debug, Default)]
struct Seen {
    protocol: Option<String>,
    has_certificate: bool,
    request: String,
}

/// Serves one client with this certificate, and answers its request with 404.
fn serve(name: &str, asks: bool) -> (u16, JoinHandle<Option<Seen>>) {
    let chain = vec![CertificateDer::from_pem_file(path(&format!("{name}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(path(&format!("{name}.key.pem"))).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(path("server.pem")).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        answer(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream))
    });
    (port, serving)
}

/// `None`: the TLS handshake failed.
fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) -> Option<Seen> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.extend_from_slice(&byte);
    }
    stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?;
    let protocol = stream.conn.alpn_protocol();
    Some(Seen {
        protocol: protocol.map(|protocol| String::from_utf8(protocol.to_vec()).unwrap()),
        has_certificate: stream.conn.peer_certificates().is_some(),
        request: String::from_utf8(request).unwrap(),
    })
}

fn tidings(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(arguments)
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_certificate_of_its_own_is_trusted_and_http1_is_offered() {
    for (command, scheme) in [("ws", "wss"), ("sse", "https")] {
        let (port, server) = serve("server", false);
        let url = format!("{scheme}://localhost:{port}/");
        let mut arguments = vec![command, &*url, "--ca"];
        let ca = path("server.pem");
        arguments.push(&ca);
        if command == "sse" {
            arguments.push("--once");
        }
        let output = tidings(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("404"), "{said}");
        assert_eq!(server.join().unwrap().unwrap().protocol.as_deref(), Some("http/1.1"));
    }
}

#[test]
fn what_a_default_certificate_lacks_is_told_and_how_to_make_another() {
    let (port, server) = serve("authority", false);
    let output =
        tidings(&["ws", &format!("wss://localhost:{port}/"), "--ca", &path("authority.pem")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("that of a certificate authority (CA:TRUE)"), "{said}");
    assert!(said.contains("`openssl req -x509 ") && said.contains("CA:FALSE"), "{said}");
    assert!(!output.status.success() && server.join().unwrap().is_none());
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks() {
    let (ca, key) = (path("server.pem"), path("server.key.pem"));
    for shows in [true, false] {
        let (port, server) = serve("server", true);
        let url = format!("wss://localhost:{port}/");
        let mut arguments = vec!["ws", &*url, "--ca", &*ca];
        if shows {
            arguments.extend(["--cert", &*ca, "--key", &*key]);
        }
        let said = tidings(&arguments).stderr;
        let said = String::from_utf8_lossy(&said);
        if shows {
            assert!(said.contains("404"), "{said}");
            assert!(server.join().unwrap().unwrap().has_certificate);
        } else {
            assert!(said.contains("the server asks for a client certificate"), "{said}");
            assert!(server.join().unwrap().is_none());
        }
    }
    let output = tidings(&["ws", "wss://localhost/", "--cert", &ca]);
    assert_eq!(output.status.code(), Some(2), "there is no key");
    let other = path("authority.key.pem");
    for arguments in [["ws", "wss://localhost/"], ["sse", "https://localhost/"]] {
        let arguments = [&arguments[..], &["--cert", &ca, "--key", &other]].concat();
        let output = tidings(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("server.pem") && said.contains("authority.key.pem"), "{said}");
    }
}

#[test]
fn the_server_may_be_elsewhere_than_its_name_says() {
    let (port, server) = serve("server", false);
    let (ca, address) = (path("server.pem"), format!("127.0.0.1:{port}"));
    let output = tidings(&[
        "ws",
        "wss://localhost/chat",
        "--ca",
        &ca,
        "--connect-to",
        &address,
        "--header",
        "Host: other.example",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("404"), "{said}");
    let request = server.join().unwrap().unwrap().request;
    assert!(request.starts_with("GET /chat HTTP/1.1\r\nHost: other.example\r\n"), "{request}");
}

#[test]
fn a_file_without_a_certificate_is_named() {
    let file = path("server.key.pem");
    let output = tidings(&["ws", "wss://localhost/", "--ca", &file]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("{file}: there is no certificate in it")), "{said}");
}

/// RFC 1928, 3: it offers not to authenticate.
#[test]
fn a_socks_proxy_is_asked_first() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let proxy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).unwrap();
        stream.write_all(&[5, 0xff]).unwrap();
        greeting
    });
    let output = tidings(&["ws", "ws://chat.invalid/", "--socks5", &address]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("asking the proxy {address} for a connection to")), "{said}");
    assert_eq!(proxy.join().unwrap(), [5, 1, 0]);
}
