//! An echo server and a client over TLS, with a certificate made on the spot.
//!
//! ```text
//! cargo run -p tidings-tokio --example tls_echo --features rustls
//! ```
//!
//! With an address and a file, the server stays for other clients, and the file has its
//! certificate: `... -- 127.0.0.1:9003 /tmp/echo.pem`, then
//! `cargo run --release -- ws wss://localhost:9003/ --ca /tmp/echo.pem`

use std::error::Error;
use std::sync::Arc;

use tidings_tokio::client::rustls::crypto::ring;
use tidings_tokio::client::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tidings_tokio::client::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tidings_tokio::{CloseCode, Config, ConnectOptions, accept, connect_with};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());

    // The server: TLS first, and its stream is accepted like any other.
    let acceptor = TlsAcceptor::from(server_config(certificate.clone(), key.into())?);
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let uri = format!("wss://localhost:{}/", listener.local_addr()?.port());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Err(error) = serve(acceptor, stream).await {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    if let Some(file) = arguments.next() {
        std::fs::write(file, certified.cert.pem())?;
        println!("echoing at {uri}");
        return Ok(serving.await?);
    }

    // The client: trusts this certificate. Without `tls_config` it trusts the platform's roots.
    let options = ConnectOptions::new().tls_config(client_config(certificate)?);
    let mut socket = connect_with(&uri, &options).await?;
    socket.send("hello").await?;
    println!("{:?}", socket.recv().await?);
    socket.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let stream = acceptor.accept(stream).await?;
    let mut socket = accept(stream, Config::server()).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

fn client_config(
    certificate: CertificateDer<'static>,
) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
