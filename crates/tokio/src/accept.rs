//! The server's side of the opening handshake, on the caller's stream.

use tidings_endpoint::Error;
use tidings_endpoint::opening::{
    Opened, PendingRequest, RequestHandshake, ServerHandshake, accept_same_origin,
};
use tidings_endpoint::websocket::Config;
use tidings_handshake::{Decision, ServerRequest};
use tidings_websocket::Server;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::opening::{Clock, drive};
use crate::socket::WebSocket;

/// Accepts a WebSocket at any path, from clients that are not browsers and from pages of the same
/// host (RFC 6455, 10.2). For other rules see [`accept_with`].
///
/// A task keeps everything that its `async` block captures for as long as it runs. A block that
/// captures the future of this function, instead of the stream and the configuration, is some 250
/// bytes smaller:
///
/// ```
/// # use tidings_tokio::{Config, Error, accept};
/// # fn serve(stream: tokio::net::TcpStream) {
/// let accepting = accept(stream, Config::server());
/// tokio::spawn(async move {
///     let mut socket = accepting.await?;
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok::<_, Error>(())
/// });
/// # }
/// ```
///
/// # Errors
/// The handshake failed. If the client could be answered, it has already received its answer.
///
/// # Cancel safety
/// Not safe: a dropped future drops the stream, and the client sees it end.
pub fn accept<S>(stream: S, config: Config) -> impl Future<Output = Result<WebSocket<S>, Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_with(stream, config, accept_same_origin)
}

/// Reads a request and leaves the answer for later: for a decision that has to wait for something,
/// such as a database. `look` gets a request that fulfils every MUST of RFC 6455, 4.2.1, and
/// returns the values that the decision needs.
///
/// ```
/// # async fn user_of(cookie: Option<Vec<u8>>) -> Option<String> { None }
/// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::handshake::{MissingOrigin, OriginPolicy, Rejection};
/// use tidings_tokio::{Config, server::read_request};
///
/// let (cookie, pending) =
///     read_request(stream, Config::server(), |request| request.header("Cookie").map(Vec::from))
///         .await?;
/// let user = user_of(cookie).await;
/// let socket = pending
///     .answer(|request| {
///         // A browser sends the cookie for a page of any host. `true`: clients use TLS.
///         request.check_origin(&OriginPolicy::same_origin(MissingOrigin::Refuse), true)?;
///         match user {
///             Some(user) => Ok(request.accept().header("X-User", user)?),
///             None => Err(Rejection::new(401, "sign in first\n")?),
///         }
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`accept`].
///
/// # Cancel safety
/// Same as [`accept`].
pub fn read_request<S, T, F>(
    stream: S,
    config: Config,
    look: F,
) -> impl Future<Output = Result<(T, PendingAccept<S>), Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnOnce(&ServerRequest<'_>) -> T,
{
    // On the heap while it lasts, as in `accept_with`.
    Box::pin(async move {
        let (mut stream, clock) = (stream, Clock::start());
        let mut handshake = RequestHandshake::new(&config, clock.now(), look);
        drive(&mut stream, &mut handshake, clock).await;
        let (looked, request) = handshake.finish()?;
        Ok((looked, PendingAccept { stream, request }))
    })
}

/// A client that waits for the answer to its request, from [`read_request`]. Dropping it hangs up.
#[derive(Debug)]
#[must_use = "the client waits for the answer"]
pub struct PendingAccept<S> {
    stream: S,
    request: PendingRequest,
}

impl<S> PendingAccept<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Answers the request; `decide` is that of [`accept_with`]. The time since it was read does
    /// not count against the client.
    ///
    /// # Errors
    /// Those of [`accept`].
    ///
    /// # Cancel safety
    /// Same as [`accept`].
    pub fn answer<F>(self, decide: F) -> impl Future<Output = Result<WebSocket<S>, Error>>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
    {
        // On the heap while it lasts, as in `accept_with`.
        Box::pin(async move {
            let (Self { stream, request }, clock) = (self, Clock::start());
            let config = *request.config();
            complete(stream, config, clock, request.answer(clock.now(), decide)).await
        })
    }

    /// Returns the stream, for example to find out who the client is.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }
}

/// Accepts a WebSocket if `decide` does: it gets a request that fulfils every MUST of RFC 6455,
/// 4.2.1, and returns an acceptance (perhaps with a subprotocol) or a rejection.
///
/// ```
/// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::{Config, accept_with, handshake::Rejection};
///
/// let socket = accept_with(stream, Config::server(), |request| match request.path() {
///     "/chat" => request
///         .accept()
///         .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
///         .map_err(|_| Rejection::forbidden("no such subprotocol")),
///     path => Err(Rejection::not_found(format!("no WebSocket at {path}"))),
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`accept`].
///
/// # Cancel safety
/// Same as [`accept`].
pub fn accept_with<S, F>(
    stream: S,
    config: Config,
    decide: F,
) -> impl Future<Output = Result<WebSocket<S>, Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    // Allocated on the heap while it lasts: in the caller's future its space would stay reserved.
    Box::pin(async move {
        let clock = Clock::start();
        let handshake = ServerHandshake::new(&config, clock.now(), decide);
        complete(stream, config, clock, handshake).await
    })
}

/// Drives the handshake to its end.
async fn complete<S, F>(
    mut stream: S,
    config: Config,
    clock: Clock,
    mut handshake: ServerHandshake<F>,
) -> Result<WebSocket<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    drive(&mut stream, &mut handshake, clock).await;
    let Opened { negotiated, received } = handshake.finish()?;
    Ok(WebSocket::from_negotiated(stream, Server, config, &received, negotiated))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task keeps the room of every future that it has waited for.
    #[test]
    fn a_handshake_takes_no_room_in_the_task_that_waits_for_it() {
        let (stream, _peer) = tokio::io::duplex(1);
        assert!(size_of_val(&accept(stream, Config::server())) <= size_of::<usize>());
    }
}
