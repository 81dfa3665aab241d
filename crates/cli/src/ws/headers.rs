//! Headers and subprotocols of the arguments, checked one by one so that an error names the one that
//! cannot be sent: [`with_headers`], [`check_origin`], [`check_subprotocols`].

use std::fmt::Display;

use tidings_tokio::ConnectOptions;
use tidings_tokio::handshake::{
    ClientRequest, ExtraHeaderError, Key, RequestBuildError, SubprotocolError, WebSocketUri,
};

use crate::UsageError;

/// Adds these headers, some of which belong to the handshake.
pub(super) fn with_headers(
    mut options: ConnectOptions,
    headers: Vec<(String, String)>,
) -> Result<ConnectOptions, UsageError> {
    let mut has_host = false;
    for (name, value) in headers {
        let refused = |why: &dyn Display| UsageError(format!("--header {name}: {why}"));
        options = match &*name.to_ascii_lowercase() {
            "host" if has_host => return Err(refused(&"a request has one host")),
            "host" => {
                has_host = true;
                probe()?.host(&value).map_err(|error| refused(&error))?;
                options.host(value)
            }
            "origin" => {
                probe()?.origin(&value).map_err(|error| refused(&error))?;
                options.origin(value)
            }
            "sec-websocket-protocol" => {
                let names: Vec<_> = value.split(',').map(|name| name.trim().to_owned()).collect();
                check_subprotocols(&names)?;
                options.subprotocols(names)
            }
            _ => {
                check_header(&name, &value)?;
                options.header(name, value)
            }
        };
    }
    Ok(options)
}

/// Checks a header that does not belong to the handshake.
fn check_header(name: &str, value: &str) -> Result<(), UsageError> {
    let Err(error) = probe()?.headers(&[(name, value)]) else { return Ok(()) };
    Err(UsageError(match error {
        RequestBuildError::Header(ExtraHeaderError::Reserved { .. }) => {
            format!("--header {name}: the WebSocket handshake sets this header itself")
        }
        RequestBuildError::Header(ExtraHeaderError::Value { offset, .. }) => {
            format!("--header {name}: the value has a control character at offset {offset}")
        }
        // The name is not shown: it may be a secret, with a colon in it.
        _ => "--header: a header is written NAME: VALUE; a name has no spaces".to_owned(),
    }))
}

pub(super) fn check_origin(origin: &str) -> Result<(), UsageError> {
    let checked = probe()?.origin(origin);
    checked.map(drop).map_err(|error| UsageError(format!("--origin {origin}: {error}")))
}

pub(super) fn check_subprotocols(names: &[String]) -> Result<(), UsageError> {
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    let Err(error) = probe()?.subprotocols(&list) else { return Ok(()) };
    let name = |index| list.get(index).copied().unwrap_or_default();
    Err(UsageError(match error {
        RequestBuildError::Subprotocols(SubprotocolError::NotToken { index }) => format!(
            "--subprotocol '{}': a name has no comma or space; give the option once for each",
            name(index)
        ),
        RequestBuildError::Subprotocols(SubprotocolError::Repeated { index }) => {
            format!("--subprotocol {} is there twice", name(index))
        }
        _ => format!("--subprotocol: {error}"),
    }))
}

/// A request that is not sent: the rules of the handshake, for one thing at a time.
fn probe() -> Result<ClientRequest<'static>, UsageError> {
    let uri = WebSocketUri::parse("ws://localhost/");
    let uri = uri.map_err(|error| UsageError(error.to_string()))?;
    Ok(ClientRequest::new(uri, Key::from_nonce([0; 16])))
}
