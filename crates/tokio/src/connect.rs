//! The client: from a URI to an open WebSocket. [`connect`], [`connect_with`] options, and
//! [`client_handshake`] on the caller's stream.
//!
//! `opening` of `tidings-endpoint` decides what to ask of the server and of proxies. This module
//! makes the connections: `dial` those of TCP, `open` adds the tunnel of a proxy and TLS.

mod dial;
#[cfg(feature = "socks")]
mod socks;
mod stream;

use std::fmt::Display;

use tidings_endpoint::opening::{ConnectOptions, Connecting, Deadline, Opened, Route};
use tidings_endpoint::websocket::Config;
use tidings_endpoint::{ClientRole, Error, RandomMasks};
use tidings_websocket::Client;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect::dial::dial;
use crate::connect::stream::Socket;
use crate::opening::{Clock, drive};
use crate::socket::WebSocket;

pub use crate::connect::stream::ClientStream;

/// Connects to a `ws://` URI or, with the feature `rustls`, to a `wss://` URI whose server has a
/// certificate that the platform trusts. For anything else see [`connect_with`].
///
/// The URI is a `&str` or a reference to a type that displays as one, such as `url::Url` and
/// `http::Uri`.
///
/// ```no_run
/// # async fn talk() -> Result<(), tidings_tokio::Error> {
/// let mut socket = tidings_tokio::connect("ws://127.0.0.1:8080/chat").await?;
/// socket.send("hello").await?;
/// let answer = socket.recv().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`connect_with`].
///
/// # Cancel safety
/// Same as [`connect_with`].
pub async fn connect(
    uri: &(impl Display + ?Sized),
) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    let connecting = async { connect_with(uri, &ConnectOptions::new()).await };
    Box::pin(connecting).await // as in `connect_with`
}

/// Connects to a `ws://` or, with the feature `rustls`, `wss://` URI.
///
/// ```no_run
/// # async fn talk() -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::{ConnectOptions, connect_with};
///
/// let options = ConnectOptions::new()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header("Authorization", "Bearer 12345")
///     .proxy_from_environment();
/// let mut socket = connect_with("ws://chat.example/room/1", &options).await?;
/// println!("they speak {:?}", socket.subprotocol());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The connection or the handshake failed. [`Error::Declined`] if the server answered something
/// else, with up to 64 KiB of its body. An invalid URI or option is reported before any connection
/// is made.
///
/// # Cancel safety
/// Not safe: dropping the future drops the unfinished connection. Nothing else is lost.
pub async fn connect_with(
    uri: &(impl Display + ?Sized),
    options: &ConnectOptions,
) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    // Allocated on the heap while it lasts: in the caller's future its space would stay reserved.
    Box::pin(async {
        let clock = Clock::start();
        let mut connecting = Connecting::new(options, &uri.to_string(), clock.now())?;
        let deadline = connecting.deadline();
        loop {
            let route = connecting.route()?;
            let mut stream = clock.within(deadline, open(&route, deadline, clock)).await?;
            let mut handshake = connecting.handshake();
            drive(&mut stream, &mut handshake, clock).await;
            if let Some(opened) = handshake.finish()? {
                return Ok(client(stream, *connecting.config(), opened));
            }
        }
    })
    .await
}

/// Does the opening handshake on your own stream, for example one with your own TLS: then a
/// `wss://` URI works without the feature `rustls`. The URI supplies the host and the path of the
/// request. Proxies, TLS and redirects are up to the caller.
///
/// ```
/// # async fn talk(stream: tokio::net::UnixStream) -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::{ConnectOptions, client::client_handshake};
///
/// let options = ConnectOptions::new().subprotocols(["chat"]);
/// let mut socket = client_handshake(stream, "ws://localhost/chat", &options).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`connect_with`].
///
/// # Cancel safety
/// Same as [`connect_with`].
pub async fn client_handshake<S>(
    stream: S,
    uri: &(impl Display + ?Sized),
    options: &ConnectOptions,
) -> Result<WebSocket<S, ClientRole>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(async {
        let clock = Clock::start();
        let mut stream = stream;
        let mut connecting = Connecting::on_stream(options, &uri.to_string(), clock.now())?;
        let mut handshake = connecting.handshake();
        drive(&mut stream, &mut handshake, clock).await;
        let opened = handshake.finish_on_stream()?;
        Ok(client(stream, *connecting.config(), opened))
    })
    .await // as in `connect_with`
}

fn client<S>(stream: S, config: Config, opened: Opened) -> WebSocket<S, ClientRole>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (role, Opened { negotiated, received }) = (Client::new(RandomMasks), opened);
    WebSocket::from_negotiated(stream, role, config, &received, negotiated)
}

/// Makes the connection to a server: everything below HTTP.
pub(crate) async fn open(
    route: &Route<'_>,
    deadline: Deadline,
    clock: Clock,
) -> Result<ClientStream, Error> {
    #[cfg(not(feature = "rustls"))]
    if route.is_secure() {
        return Err(Error::TlsUnsupported);
    }
    #[cfg(not(feature = "socks"))]
    if route.socks().is_some() {
        return Err(route.socks_unsupported("tidings-tokio needs the feature `socks` for it"));
    }
    if route.unix_socket().is_some() {
        return open_unix(route).await;
    }
    let mut stream = dial(route).await?;
    #[cfg(feature = "socks")]
    if let Some(proxy) = route.socks() {
        stream = socks::connect_through(stream, route, proxy).await?;
    }
    if let Some(mut tunnel) = route.tunnel(deadline) {
        drive(&mut stream, &mut tunnel, clock).await;
        tunnel.finish()?;
    }
    secure(route, Socket::Tcp(stream)).await
}

#[cfg(unix)]
async fn open_unix(route: &Route<'_>) -> Result<ClientStream, Error> {
    let path = route.unix_socket().unwrap_or(std::path::Path::new(""));
    let stream = tokio::net::UnixStream::connect(path).await;
    let stream = stream.map_err(|error| route.unix_failed(error))?;
    secure(route, Socket::Unix(stream)).await
}

#[cfg(not(unix))]
async fn open_unix(route: &Route<'_>) -> Result<ClientStream, Error> {
    Err(route.unix_unsupported("this system has no Unix sockets that tokio knows"))
}

/// RFC 6455, 4.1 item 5: TLS, if the URI asks for it, comes before the opening handshake.
async fn secure(route: &Route<'_>, socket: Socket) -> Result<ClientStream, Error> {
    #[cfg(feature = "rustls")]
    if let Some(tls) = route.tls() {
        let secured = ClientStream::secure(socket, tls).await;
        return secured.map_err(|error| route.securing_failed(error));
    }
    #[cfg(not(feature = "rustls"))]
    let _ = route;
    Ok(ClientStream::plain(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task keeps the space of every future that it has awaited.
    #[test]
    fn a_connection_in_the_making_takes_no_room_in_the_task_that_waits_for_it() {
        let options = ConnectOptions::new();
        let (stream, _peer) = tokio::io::duplex(1);
        let futures = [
            size_of_val(&connect("ws://h/")),
            size_of_val(&connect_with("ws://h/", &options)),
            size_of_val(&client_handshake(stream, "ws://h/", &options)),
        ];
        assert!(futures.iter().all(|size| *size <= 128), "{futures:?}");
    }
}
