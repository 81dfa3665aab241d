//! The client: from a URI to an open WebSocket. [`connect`], [`connect_with`] options, and
//! [`client_handshake`] on the caller's stream.
//!
//! `opening` of `tidings-endpoint` decides what to ask of the server and of proxies. This module
//! makes the connections: `dial` those of TCP, `open` adds the tunnel of a proxy and TLS.

mod dial;
mod stream;

use std::fmt::Display;
#[cfg(feature = "rustls")]
use std::io;

#[cfg(feature = "rustls")]
use tidings_endpoint::opening::Phase;
use tidings_endpoint::opening::{ConnectOptions, Connecting, Opened, Route};
use tidings_endpoint::websocket::Config;
use tidings_endpoint::{ClientRole, Error, RandomMasks};
use tidings_websocket::{Client, Timestamp};

use crate::connect::dial::dial;
use crate::deadline::Deadline;
use crate::opening::drive;
use crate::socket::WebSocket;
use crate::transport::Transport;

pub use crate::connect::stream::ClientStream;

/// Connects to a `ws://` URI or, with the feature `rustls`, to a `wss://` URI whose server has a
/// certificate that the platform trusts. For anything else see [`connect_with`].
///
/// The URI is a `&str` or a reference to a type that displays as one, such as `url::Url` and
/// `http::Uri`.
///
/// ```no_run
/// # fn talk() -> Result<(), tidings_std::Error> {
/// let mut socket = tidings_std::connect("ws://127.0.0.1:8080/chat")?;
/// socket.send("hello")?;
/// let answer = socket.recv()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`connect_with`].
pub fn connect(
    uri: &(impl Display + ?Sized),
) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    connect_with(uri, &ConnectOptions::new())
}

/// Connects to a `ws://` or, with the feature `rustls`, `wss://` URI.
///
/// ```no_run
/// # fn talk() -> Result<(), tidings_std::Error> {
/// use tidings_std::{ConnectOptions, connect_with};
///
/// let options = ConnectOptions::new()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header("Authorization", "Bearer 12345")
///     .proxy_from_environment();
/// let mut socket = connect_with("ws://chat.example/room/1", &options)?;
/// println!("they speak {:?}", socket.subprotocol());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The connection or the handshake failed. [`Error::Declined`] if the server answered something
/// else, with up to 64 KiB of its body. An invalid URI or option is reported before any connection
/// is made.
pub fn connect_with(
    uri: &(impl Display + ?Sized),
    options: &ConnectOptions,
) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    let mut connecting = Connecting::new(options, &uri.to_string(), Timestamp::default())?;
    let deadline = Deadline::of(connecting.deadline());
    loop {
        let mut stream = open(&connecting.route()?, deadline)?;
        let mut handshake = connecting.handshake();
        drive(&mut stream, &mut handshake, deadline);
        if let Some(opened) = handshake.finish()? {
            return Ok(client(stream, *connecting.config(), opened));
        }
    }
}

/// Does the opening handshake on your own stream, for example one with your own TLS: then a
/// `wss://` URI works without the feature `rustls`. The URI supplies the host and the path of the
/// request. Proxies, TLS and redirects are up to the caller.
///
/// # Errors
/// Those of [`connect_with`].
pub fn client_handshake<S: Transport>(
    mut stream: S,
    uri: &(impl Display + ?Sized),
    options: &ConnectOptions,
) -> Result<WebSocket<S, ClientRole>, Error> {
    let mut connecting = Connecting::on_stream(options, &uri.to_string(), Timestamp::default())?;
    let deadline = Deadline::of(connecting.deadline());
    let mut handshake = connecting.handshake();
    drive(&mut stream, &mut handshake, deadline);
    let opened = handshake.finish_on_stream()?;
    Ok(client(stream, *connecting.config(), opened))
}

fn client<S: Transport>(
    stream: S,
    config: Config,
    Opened { negotiated, received }: Opened,
) -> WebSocket<S, ClientRole> {
    let role = Client::new(RandomMasks);
    WebSocket::from_negotiated(stream, role, config, &received, negotiated)
}

/// Makes the connection to a server: everything below HTTP.
pub(crate) fn open(route: &Route<'_>, deadline: Deadline) -> Result<ClientStream, Error> {
    #[cfg(not(feature = "rustls"))]
    if route.is_secure() {
        return Err(Error::TlsUnsupported);
    }
    let mut stream = dial(route, deadline)?;
    if let Some(mut tunnel) = route.tunnel(deadline.value()) {
        drive(&mut stream, &mut tunnel, deadline);
        tunnel.finish()?;
    }
    // RFC 6455, 4.1 item 5: TLS comes before the opening handshake.
    #[cfg(feature = "rustls")]
    if let Some(tls) = route.tls() {
        return ClientStream::secure(stream, tls, deadline).map_err(|error| {
            let is_late = error.kind() == io::ErrorKind::TimedOut;
            match is_late && deadline.time_left().is_zero() {
                true => route.timed_out(Phase::Tls, deadline.value()),
                false => route.failed(Phase::Tls, error),
            }
        });
    }
    Ok(ClientStream::plain(stream))
}
