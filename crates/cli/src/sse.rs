//! `tidings sse URL`: shows the events of an event stream as they come.
//!
//! Exit codes: 0 when the stream ended between two events, 1 for anything else (clap uses 2 for
//! wrong arguments).

use std::io;
use std::process::ExitCode;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tidings_sse::{Decoder, EndOfStream, Item, MessageEvent};
use tokio::net::TcpStream;

use crate::Error;
use crate::terminal::{escape_controls, print_line};

const MEDIA_TYPE: &str = "text/event-stream";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to watch, for example `http://127.0.0.1:8080/events`
    url: Uri,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let mut body = open(&arguments.url).await?;
    eprintln!("connected");
    let mut decoder = Decoder::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            print_items(&mut decoder, &data)?;
        }
    }
    match decoder.finish() {
        EndOfStream::BetweenEvents => {
            eprintln!("the stream ended");
            Ok(ExitCode::SUCCESS)
        }
        end => Err(format!("the stream ended inside an event: {end:?}").into()),
    }
}

/// Requests the stream (WHATWG HTML, 9.2.2): only 200 with the right media type is one.
async fn open(url: &Uri) -> Result<Incoming, Error> {
    match url.scheme_str() {
        Some("http") => {}
        Some("https") => return Err("https is not supported yet".into()),
        _ => return Err("the URL must begin with http://".into()),
    }
    let authority = url.authority().ok_or("the URL has no host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);

    let target = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(target)
        .header(header::HOST, authority.as_str())
        .header(header::ACCEPT, MEDIA_TYPE)
        .header(header::CACHE_CONTROL, "no-cache")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;

    if response.status() != http::StatusCode::OK {
        return Err(format!("the server answered {}", response.status()).into());
    }
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = media_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        return Err(format!(
            "the server answered with the media type {:?}, not {MEDIA_TYPE}",
            essence.trim()
        )
        .into());
    }
    Ok(response.into_body())
}

fn print_items(decoder: &mut Decoder<tidings_sse::GrowableStorage>, data: &[u8]) -> io::Result<()> {
    let mut input = data;
    while let Some(item) = decoder.decode(&mut input) {
        match item {
            Item::Event(event) => print_event(&event)?,
            Item::Overflow(limit) => eprintln!("an event was dropped: {limit}"),
            _ => {}
        }
    }
    Ok(())
}

/// An event as the lines of an event stream, so that the output can be read by the same rules.
fn print_event(event: &MessageEvent<'_>) -> io::Result<()> {
    if event.event_type != "message" {
        print_line(&format!("event: {}", event.event_type))?;
    }
    if !event.last_event_id.is_empty() {
        print_line(&format!("id: {}", event.last_event_id))?;
    }
    for line in escape_controls(event.data).split('\n') {
        print_line(&format!("data: {line}"))?;
    }
    print_line("")
}
