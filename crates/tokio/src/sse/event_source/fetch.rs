//! One request, up to the head of its response: [`fetch`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidings_endpoint::Error;
use tidings_endpoint::event_source::{RedirectableRequest, StreamError};
use tidings_endpoint::opening::{ConnectOptions, Deadline, Head, Route};

use crate::connect::{ClientStream, open};
use crate::opening::Clock;

pub(super) type Fetching = Pin<Box<dyn Future<Output = Result<Fetched, StreamError>> + Send>>;

/// The future to poll so that a response arrives and its body moves. It ends with the connection.
pub(super) type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A response.
pub(super) struct Fetched {
    pub(super) head: Parts,
    pub(super) body: Incoming,
    /// `None`: it has ended, and the body is whole.
    pub(super) connection: Option<Connection>,
}

/// hyper's smallest buffer. Heads up to this or the limit of the options are read.
const BUFFER_LEN_MIN: usize = 8 * 1024;
/// The number of header lines that hyper reads by default.
const HYPER_MAX_HEADERS: usize = 100;
/// The maximum number of header lines for hyper: it allocates space for all of them at once.
const MAX_HEADERS: usize = 10_000;

/// Makes the request over a separate connection.
pub(super) fn fetch(
    options: &ConnectOptions,
    target: &RedirectableRequest,
    http2_prior_knowledge: bool,
) -> Fetching {
    let (options, target) = (options.clone(), target.clone());
    Box::pin(async move {
        let uri = target.route();
        // HTTP/2 without TLS, to a server that is known to speak it, is only for a tunnel: a proxy
        // itself speaks HTTP/1.1.
        let route = match http2_prior_knowledge {
            true => options.route(&uri),
            false => options.http_route(&uri),
        };
        let route = route.map_err(StreamError::Connect)?;
        let proxy = route.forwarding_proxy();
        let stream = connect(route).await.map_err(StreamError::Connect)?;
        if stream.speaks_http2() || (http2_prior_knowledge && stream.is_plain()) {
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .map_err(failure)?;
            let request = target.http2().map(Full::new);
            observe_request(&options, &request, Version::HTTP_2);
            let fetched =
                drive(Box::pin(connection), async move { sender.send_request(request).await })
                    .await?;
            observe_response(&options, &fetched.head);
            Ok(fetched)
        } else {
            let limits = options.head_limits();
            let mut builder = http1::Builder::new();
            // RFC 9112, 5.2: folded header lines are made one.
            builder
                .max_buf_size(limits.max_head_len.max(BUFFER_LEN_MIN))
                .allow_obsolete_multiline_headers_in_responses(true);
            if limits.max_headers > HYPER_MAX_HEADERS {
                builder.max_headers(limits.max_headers.min(MAX_HEADERS));
            }
            let (mut sender, connection) =
                builder.handshake(TokioIo::new(stream)).await.map_err(failure)?;
            let request: Request<Full<Bytes>> = target.http1_through(proxy).map(Full::new);
            observe_request(&options, &request, Version::HTTP_11);
            let fetched =
                drive(Box::pin(connection), async move { sender.send_request(request).await })
                    .await?;
            observe_response(&options, &fetched.head);
            RedirectableRequest::check_forwarded(proxy, &fetched.head)?;
            Ok(fetched)
        }
    })
}

/// Shows a request, as HTTP/1.1 would write it, to the function that wants to see it.
fn observe_request<B>(options: &ConnectOptions, request: &Request<B>, version: Version) {
    if options.observes_heads() {
        let first_line = format!("{} {} {version:?}", request.method(), request.uri());
        options.observe_head(Head::Request(&head_bytes(&first_line, request.headers())));
    }
}

/// Shows the head of a response to the function that wants to see it.
fn observe_response(options: &ConnectOptions, head: &Parts) {
    if options.observes_heads() {
        let first_line = format!("{:?} {}", head.version, head.status);
        options.observe_head(Head::Response(&head_bytes(&first_line, &head.headers)));
    }
}

fn head_bytes(first_line: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut bytes = format!("{first_line}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The way to an HTTP server, of either version, is that of a WebSocket to it.
async fn connect(route: Route<'_>) -> Result<ClientStream, Error> {
    let route = route.offering(&[b"h2", b"http/1.1"]);
    let clock = Clock::start();
    // The machine of the event source has the time limits.
    open(&route, Deadline::new(clock.now(), Duration::MAX), clock).await
}

/// Polls a connection until the response is there.
async fn drive(
    mut connection: Connection,
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<Fetched, StreamError> {
    let mut response = pin!(response);
    let mut ended = None;
    let response = poll_fn(|cx| {
        if ended.is_none() {
            ended = match connection.as_mut().poll(cx) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            };
        }
        response.as_mut().poll(cx)
    })
    .await;
    match (response, ended) {
        (Ok(response), ended) => {
            let (head, body) = response.into_parts();
            Ok(Fetched { head, body, connection: ended.is_none().then_some(connection) })
        }
        (Err(response), _) if is_unprocessed(&response) => Err(failure(response)),
        // Why the connection ended says more than that it did.
        (Err(_), Some(Err(error))) | (Err(error), _) => Err(StreamError::Http(error.into())),
    }
}

fn failure(error: hyper::Error) -> StreamError {
    if is_unprocessed(&error) {
        StreamError::Unprocessed(error.into())
    } else {
        StreamError::Http(error.into())
    }
}

/// Returns whether the server has certainly not processed the request: it was not sent, or was
/// refused unseen.
fn is_unprocessed(error: &hyper::Error) -> bool {
    if error.is_canceled() {
        return true;
    }
    // hyper gives the reason of a stream's end only as text, which is that of `h2`.
    let Some(reason) = std::error::Error::source(error).map(ToString::to_string) else {
        return false;
    };
    // RFC 9113, 8.7: the two ways "of providing a guarantee to clients that a request has not been
    // processed". GOAWAY ends only those streams early that are above the last one it names; with
    // another code than NO_ERROR it may be the end of the connection as well.
    reason.starts_with(REFUSED_STREAM) || reason.starts_with(GOAWAY)
}

/// The words of `h2` for a stream that the server reset with `REFUSED_STREAM`.
const REFUSED_STREAM: &str = "stream error received: refused stream";

/// The words of `h2` for a stream that is above the last one of a `GOAWAY` with `NO_ERROR`.
const GOAWAY: &str = "connection error received: not a result of an error";
