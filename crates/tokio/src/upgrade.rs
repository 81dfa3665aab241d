//! A WebSocket out of a request that hyper, or a framework on hyper, has read.

mod stream;

use http::{Request, Response};
use hyper::upgrade::OnUpgrade;
use tidings_endpoint::opening::negotiate;
use tidings_endpoint::websocket::{Config, Negotiated};
use tidings_handshake::{Decision, Rejection, ServerRequest};
use tidings_websocket::Server;

use crate::socket::WebSocket;

pub use crate::upgrade::stream::UpgradedStream;

/// The WebSocket to come: ready once the 101 response was sent.
#[derive(Debug)]
#[must_use = "await it in a task of its own, after returning the response"]
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    config: Config,
    negotiated: Negotiated,
}

/// Checks an upgrade request and makes the response to it. `decide` is that of
/// [`accept_with`](crate::accept_with).
///
/// ```
/// use http::{Request, Response};
/// use tidings_tokio::{Config, server::accept_same_origin, upgrade};
///
/// fn serve(mut request: Request<hyper::body::Incoming>) -> Response<String> {
///     match upgrade(&mut request, Config::server(), accept_same_origin) {
///         Ok((response, upgrade)) => {
///             tokio::spawn(async move {
///                 let mut socket = upgrade.socket().await?;
///                 while let Some(message) = socket.recv().await? {
///                     socket.send(message).await?;
///                 }
///                 Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
///             });
///             response.map(|()| String::new())
///         }
///         Err(rejection) => rejection,
///     }
/// }
/// ```
///
/// # Errors
/// The response to a request that is not an opening handshake, or that `decide` rejects.
#[expect(clippy::result_large_err, reason = "both ways lead to a response, once per connection")]
pub fn upgrade<B, F>(
    request: &mut Request<B>,
    config: Config,
    decide: F,
) -> Result<(Response<()>, Upgrade), Response<String>>
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    let on_upgrade = hyper::upgrade::on(&mut *request);
    let reject = |rejection: Rejection<'_>| rejection.to_http(request.version());
    // No `:protocol`: WebSocket over HTTP/2 (RFC 8441) is refused as any other CONNECT.
    let handshake =
        ServerRequest::from_http(request, None).map_err(|error| reject(error.into()))?;
    let acceptance = decide(&handshake).map_err(reject)?;
    let (response, negotiated) =
        negotiate(&handshake, acceptance, &config, |acceptance, negotiated| {
            (acceptance.to_http(), negotiated)
        });
    Ok((response, Upgrade { on_upgrade, config, negotiated }))
}

impl Upgrade {
    /// Waits until hyper hands the connection over.
    ///
    /// # Errors
    /// The connection failed before.
    pub async fn socket(self) -> Result<WebSocket<UpgradedStream>, hyper::Error> {
        let Self { on_upgrade, config, negotiated } = self;
        let stream = UpgradedStream::new(on_upgrade.await?);
        // hyper keeps the bytes received after the request, and returns them first.
        Ok(WebSocket::from_negotiated(stream, Server, config, &[], negotiated))
    }
}
