//! `tidings demo`: one page with a chat over WebSocket, a dashboard over Server-Sent Events and an
//! inspector of frames.
//!
//! | path | what it is |
//! | --- | --- |
//! | `/`, `/page.css`, `/page.js` | the page, which loads nothing from elsewhere |
//! | `/chat` | WebSocket: every text goes to everyone ([`chat`]) |
//! | `/events` | event stream: one event a second, resumable ([`dashboard`]) |
//! | `/inspect` | POST: the frames in these bytes, as JSON ([`inspector`]) |

mod chat;
mod dashboard;
mod inspector;
mod tap;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tidings_tokio::sse::server::{EventBodyError, WriteDeadline};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::watch;

use crate::terminal::{note, print_line};
use crate::{Error, address};
use chat::Chat;
use dashboard::Dashboard;

/// The time to send a request head, and the longest one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD_LEN: usize = 16 * 1024;
/// The time for which a client may take nothing before its connection is cut.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of ports that are tried if the first is taken.
const PORTS_TRIED: u16 = 100;
/// The time that open connections have to end once the server was asked to.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Listen on this address, PORT or HOST:PORT; if the port is taken, on the next free one.
    ///
    /// PORT alone listens on 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, default_value = "127.0.0.1:8080")]
    listen: String,
}

fn parse_address(text: &str) -> Result<String, String> {
    address::parse(text, "an address is written PORT or HOST:PORT")
}

type Body = BoxBody<Bytes, EventBodyError>;

/// The state shared by all connections.
struct Demo {
    chat: Chat,
    dashboard: Dashboard,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let listener = listen(resolve(&arguments.listen).await?).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    if let Err(error) = print_line(&format!("open {url}")) {
        note(&format!("tidings: stdout: {error}; the page is at {url}"));
    }

    let demo = Arc::new(Demo { chat: Chat::new(), dashboard: Dashboard::new() });
    let (stop, stopping) = watch::channel(());
    let ticking = Arc::clone(&demo);
    tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            ticking.dashboard.publish(ticking.chat.take_stats());
        }
    });
    tokio::select! {
        () = serve(&listener, &demo, &stopping) => {}
        interrupt = interrupted() => interrupt?,
    }

    // Open connections are notified, and waited for.
    drop(listener);
    drop(stopping);
    demo.dashboard.end();
    let _ = stop.send(());
    let _ = tokio::time::timeout(FAREWELL, stop.closed()).await;
    Ok(ExitCode::SUCCESS)
}

async fn resolve(address: &str) -> Result<SocketAddr, Error> {
    let found = lookup_host(address).await.and_then(|mut addresses| {
        addresses.next().ok_or_else(|| io::Error::other("the host has no address"))
    });
    found.map_err(|error| format!("resolving {address}: {error}").into())
}

async fn listen(mut address: SocketAddr) -> io::Result<TcpListener> {
    for _ in 0..PORTS_TRIED {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && address.port() < u16::MAX => {
                note(&format!("port {} is taken", address.port()));
                address.set_port(address.port().saturating_add(1));
            }
            bound => return bound,
        }
    }
    TcpListener::bind(address).await
}

/// Ctrl-C, or the signal that service managers send.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn serve(listener: &TcpListener, demo: &Arc<Demo>, stopping: &watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let demo = Arc::clone(demo);
                let stopping = stopping.clone();
                tokio::spawn(serve_connection(stream, demo, stopping));
            }
            // Out of file descriptors, most likely: open connections continue, new ones wait.
            Err(error) => {
                note(&format!("tidings: accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// An error on one connection ends only that connection.
async fn serve_connection(stream: TcpStream, demo: Arc<Demo>, stopping: watch::Receiver<()>) {
    // Messages are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let response = route(request, Arc::clone(&demo), stopping.clone());
        async { Ok::<_, Infallible>(response.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_LEN)
        .serve_connection(TokioIo::new(WriteDeadline::new(stream, WRITE_TIMEOUT)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut stopped = stopping.clone();
    tokio::select! {
        // hyper has answered where possible.
        _ = &mut connection => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn route(
    request: Request<Incoming>,
    demo: Arc<Demo>,
    stopping: watch::Receiver<()>,
) -> Response<Body> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/chat" => chat::upgrade(request, demo, stopping),
        "/inspect" if *request.method() == Method::POST => inspector::respond(request).await,
        "/inspect" => not_allowed("POST", "only POST here, with bytes in hexadecimal\n"),
        _ if !is_read => not_allowed("GET, HEAD", "only GET here\n"),
        "/" if asks_for_websocket(&request) => plain(StatusCode::NOT_FOUND, WEBSOCKET_PATH),
        "/" => page(),
        "/page.css" => asset("text/css; charset=utf-8", include_str!("demo/page.css")),
        "/page.js" => asset("text/javascript; charset=utf-8", include_str!("demo/page.js")),
        "/events" => dashboard::respond(&request, &demo.dashboard),
        "/favicon.ico" => respond(StatusCode::NO_CONTENT, "image/x-icon", ""),
        _ if asks_for_websocket(&request) => plain(StatusCode::NOT_FOUND, WEBSOCKET_PATH),
        _ => plain(StatusCode::NOT_FOUND, "nothing here; the page is at /\n"),
    }
}

/// The answer to a handshake that has the wrong path.
const WEBSOCKET_PATH: &str = "the WebSocket is at /chat\n";

fn asks_for_websocket(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn page() -> Response<Body> {
    let mut response = asset("text/html; charset=utf-8", include_str!("demo/page.html"));
    // Only this server's files and connections, and no text of a visitor ever as HTML.
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; \
             connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'",
        ),
    );
    response
}

/// A part of the page, which a browser checks for a newer one: the next `tidings` may listen here.
fn asset(media_type: &'static str, body: &'static str) -> Response<Body> {
    let mut response = respond(StatusCode::OK, media_type, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_allowed(allowed: &'static str, text: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: StatusCode, media_type: &'static str, body: &'static str) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A body that is all there.
fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed()
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
