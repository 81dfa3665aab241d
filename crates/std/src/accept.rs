//! The server's side of the opening handshake, on the caller's stream.

use tidings_endpoint::Error;
use tidings_endpoint::opening::{
    Opened, PendingRequest, RequestHandshake, ServerHandshake, accept_same_origin,
};
use tidings_endpoint::websocket::Config;
use tidings_handshake::{Decision, ServerRequest};
use tidings_websocket::Server;

use crate::deadline::Deadline;
use crate::opening::drive;
use crate::socket::WebSocket;
use crate::transport::Transport;

/// Accepts a WebSocket at any path, from clients that are not browsers and from pages of the same
/// host (RFC 6455, 10.2). For other rules see [`accept_with`].
///
/// Make a stream nonblocking only after this.
///
/// # Errors
/// The handshake failed. If the client could be answered, it has already received its answer.
pub fn accept<S: Transport>(stream: S, config: Config) -> Result<WebSocket<S>, Error> {
    accept_with(stream, config, accept_same_origin)
}

/// Reads a request and leaves the answer for later: for a decision that takes longer than
/// [`Config::handshake_timeout`], or that another thread makes. `look` gets a request that fulfils
/// every MUST of RFC 6455, 4.2.1, and returns the values that the decision needs.
///
/// ```
/// # fn user_of(cookie: Option<Vec<u8>>) -> Option<String> { None }
/// # fn serve(stream: std::net::TcpStream) -> Result<(), tidings_std::Error> {
/// use tidings_std::handshake::{MissingOrigin, OriginPolicy, Rejection};
/// use tidings_std::{Config, server::read_request};
///
/// let (cookie, pending) =
///     read_request(stream, Config::server(), |request| request.header("Cookie").map(Vec::from))?;
/// let user = user_of(cookie);
/// let socket = pending.answer(|request| {
///     // A browser sends the cookie for a page of any host. `true`: clients use TLS.
///     request.check_origin(&OriginPolicy::same_origin(MissingOrigin::Refuse), true)?;
///     match user {
///         Some(user) => Ok(request.accept().header("X-User", user)?),
///         None => Err(Rejection::new(401, "sign in first\n")?),
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`accept`].
pub fn read_request<S, T, F>(
    mut stream: S,
    config: Config,
    look: F,
) -> Result<(T, PendingAccept<S>), Error>
where
    S: Transport,
    F: FnOnce(&ServerRequest<'_>) -> T,
{
    let deadline = Deadline::after(config.handshake_timeout);
    let mut handshake = RequestHandshake::new(&config, deadline.now(), look);
    drive(&mut stream, &mut handshake, deadline);
    let (looked, request) = handshake.finish()?;
    Ok((looked, PendingAccept { stream, request }))
}

/// A client that waits for the answer to its request, from [`read_request`]. A drop hangs up.
#[derive(Debug)]
#[must_use = "the client waits for the answer"]
pub struct PendingAccept<S> {
    stream: S,
    request: PendingRequest,
}

impl<S: Transport> PendingAccept<S> {
    /// Answers the request; `decide` is that of [`accept_with`]. The time since it was read is not
    /// counted against the client.
    ///
    /// # Errors
    /// Those of [`accept`].
    pub fn answer<F>(self, decide: F) -> Result<WebSocket<S>, Error>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
    {
        let Self { stream, request } = self;
        let config = *request.config();
        let deadline = Deadline::after(config.handshake_timeout);
        complete(stream, config, deadline, request.answer(deadline.now(), decide))
    }

    /// Returns the stream, for example to find out who the client is.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }
}

/// Accepts a WebSocket if `decide` does: it sees a request that holds every MUST of RFC 6455,
/// 4.2.1, and answers with its acceptance (perhaps with a subprotocol) or with a rejection.
///
/// ```
/// # fn serve(stream: std::net::TcpStream) -> Result<(), tidings_std::Error> {
/// use tidings_std::{Config, accept_with, handshake::Rejection};
///
/// let socket = accept_with(stream, Config::server(), |request| match request.path() {
///     "/chat" => request
///         .accept()
///         .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
///         .map_err(|_| Rejection::forbidden("no such subprotocol")),
///     path => Err(Rejection::not_found(format!("no WebSocket at {path}"))),
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`accept`].
pub fn accept_with<S, F>(stream: S, config: Config, decide: F) -> Result<WebSocket<S>, Error>
where
    S: Transport,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    let deadline = Deadline::after(config.handshake_timeout);
    complete(stream, config, deadline, ServerHandshake::new(&config, deadline.now(), decide))
}

/// Drives the handshake to its end.
fn complete<S, F>(
    mut stream: S,
    config: Config,
    deadline: Deadline,
    mut handshake: ServerHandshake<F>,
) -> Result<WebSocket<S>, Error>
where
    S: Transport,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    drive(&mut stream, &mut handshake, deadline);
    let Opened { negotiated, received } = handshake.finish()?;
    Ok(WebSocket::from_negotiated(stream, Server, config, &received, negotiated))
}
