//! Connections through a SOCKS5 proxy, by `tokio-socks`: [`connect_through`].

use std::io;

use tidings_endpoint::opening::Socks5Proxy;
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;

/// Has the proxy connect to the server, by its name. Afterwards the stream leads there.
pub(super) async fn connect_through(
    stream: TcpStream,
    server: (&str, u16),
    proxy: &Socks5Proxy,
) -> io::Result<TcpStream> {
    let connected = match proxy.user_and_password() {
        None => Socks5Stream::connect_with_socket(stream, server).await,
        Some((user, password)) => {
            let with_password = Socks5Stream::connect_with_password_and_socket;
            with_password(stream, server, user, password).await
        }
    };
    match connected {
        Ok(stream) => Ok(stream.into_inner()),
        Err(tokio_socks::Error::Io(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}
