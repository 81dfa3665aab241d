//! The reason why there is no WebSocket, for a reader who has to do something about it: the cause,
//! the place, and what helps. [`describe`].

use std::borrow::Cow;
use std::io;

use tidings_tokio::Error;
use tidings_tokio::client::rustls::{self, CertificateError};
use tidings_tokio::client::{Declined, TlsError};
use tidings_tokio::handshake::ResponseError;
use tidings_tokio::websocket::Violation;
use tidings_tokio::websocket::frame::{DecodeError, DecodeErrorKind};

use crate::heads::without_secrets;
use crate::terminal::escape_controls;

/// Describes a failed connection to this URL, which has no password in it. The text may have several
/// lines, and is safe to print.
pub(crate) fn describe(error: &Error, url: &str) -> String {
    match error {
        Error::Declined(declined) => declined_text(declined, url),
        // It says where, and which phase.
        Error::Io(_) | Error::Proxy { .. } | Error::ProxyResponse { .. } | Error::ProxyUri(_) => {
            with_hint(&error.to_string(), hint(error, url))
        }
        _ => with_hint(&format!("{}: {error}", without_query(url)), hint(error, url)),
    }
}

/// Returns what may help against an error, if that is known.
pub(crate) fn hint(error: &Error, url: &str) -> Option<String> {
    let secure = url.starts_with("wss:") || url.starts_with("https:");
    let (secure_scheme, plain_scheme) = match url.starts_with("http") {
        true => ("https", "http"),
        false => ("wss", "ws"),
    };
    Some(match error {
        Error::Io(error) if secure && is_cut_tls(error) => {
            format!("the server may not speak TLS on this port: write {plain_scheme}://")
        }
        Error::Io(error) => return io_hint(error, secure, secure_scheme),
        Error::Tls(error) => return tls_hint(error, plain_scheme),
        Error::Uri(_) => uri_hint(url),
        Error::ProxyUri(_) => "for a SOCKS5 proxy write --socks5 HOST:PORT".to_owned(),
        Error::Response(ResponseError::Head(_)) if !secure => format!(
            "what answers there does not speak HTTP; if it expects TLS, write {secure_scheme}:// \
             instead of {plain_scheme}://"
        ),
        Error::Response(ResponseError::Head(_)) => {
            "what answers there does not speak HTTP: is the port right?".to_owned()
        }
        Error::Response(ResponseError::SubprotocolNotOffered) => {
            "--verbose shows which subprotocol the server chose; offer it with --subprotocol"
                .to_owned()
        }
        Error::Response(_) => "--verbose shows the answer of the server".to_owned(),
        Error::Proxy { proxy, status: 407, .. } => format!(
            "put the credentials into the variable that names the proxy: \
             http://user:password@{proxy}"
        ),
        Error::Redirect(_) => {
            "the redirect was not followed; --verbose shows where it leads".to_owned()
        }
        Error::HandshakeTimeout(_) => {
            "nothing answered in time: check host and port, or whether a \
                                       firewall drops the packets"
                .to_owned()
        }
        Error::Violation(
            Violation::MessageTooLong { .. }
            | Violation::Frame(DecodeError { kind: DecodeErrorKind::PayloadTooLong(_), .. }),
        ) => "--max-message raises the limit of a message".to_owned(),
        _ => return None,
    })
}

/// Returns whether a text without a scheme may begin with a host.
pub(crate) fn may_be_host(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with([':', '/', '?', '#'])
        && !text.contains(char::is_whitespace)
}

fn uri_hint(url: &str) -> String {
    match url.split_once("://") {
        Some(("http", rest)) => format!("write ws://{}", without_query(rest)),
        Some(("https", rest)) => format!("write wss://{}", without_query(rest)),
        None if may_be_host(url) => {
            format!("write ws://{0}, or wss://{0} for TLS", without_query(url))
        }
        _ => "a WebSocket has a URL such as ws://127.0.0.1:8080/chat".to_owned(),
    }
}

/// Returns whether the server closed where TLS begins.
fn is_cut_tls(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
        && error.to_string().starts_with("the TLS handshake with")
}

fn io_hint(error: &io::Error, secure: bool, secure_scheme: &str) -> Option<String> {
    let text = error.to_string();
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: is the server running, and is the port right?".to_owned()
        }
        io::ErrorKind::NotFound if text.contains("Unix socket") => {
            "there is no such file: is the server running?".to_owned()
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            if !secure && text.contains("handshake with") =>
        {
            format!("if the server expects TLS, write {secure_scheme}://")
        }
        _ if text.starts_with("resolving ") => {
            "check the spelling of the host; --connect-to connects without a lookup".to_owned()
        }
        _ => return None,
    })
}

fn tls_hint(error: &TlsError, plain_scheme: &str) -> Option<String> {
    let TlsError::Handshake(failure) = error else { return None };
    Some(match &failure.error {
        rustls::Error::InvalidMessage(_) => format!(
            "the server does not speak TLS on this port: write {plain_scheme}://, or another port"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "--ca FILE trusts the certificate in that file; --insecure trusts any, for a test"
            .to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use a name from the certificate in the URL, and --connect-to for the address"
            .to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => {
            "the server needs a new certificate, or the clock of this machine is wrong; --insecure \
              connects anyway, for a test"
                .to_owned()
        }
        _ => return None,
    })
}

fn declined_text(declined: &Declined, url: &str) -> String {
    let status = escape_controls(&format!("{} {}", declined.status, declined.reason)).into_owned();
    let mut text = format!(
        "the server did not open a WebSocket at {}, it answered {}",
        without_query(url),
        status.trim_end()
    );
    if is_event_stream(declined) {
        let stream = with_scheme(url, "http");
        text.push_str(&format!(" with an event stream\nhint: tidings sse {stream}"));
        return text;
    }
    if let Some(hint) = declined_hint(declined, url) {
        text.push_str("; ");
        text.push_str(&hint);
    }
    let body = shown_body(&declined.body_start, header(declined, "content-type").as_deref());
    if !body.is_empty() {
        text.push('\n');
        text.push_str(&body);
    }
    text
}

/// The body of an answer, safe to print. Nobody reads a page for browsers here, but its title may help,
/// so only its beginning is shown.
pub(crate) fn shown_body(body: &[u8], media_type: Option<&str>) -> String {
    let is_page = media_type
        .is_some_and(|media_type| media_type.trim().to_ascii_lowercase().starts_with("text/html"));
    let max_lines = if is_page { MAX_PAGE_LINES } else { usize::MAX };
    let body = String::from_utf8_lossy(body);
    let mut lines = body.trim_end().lines();
    let mut text: Vec<_> = lines.by_ref().take(max_lines).map(escape_controls).collect();
    let more = lines.count();
    if more > 0 {
        text.push(format!("… and {more} more lines of HTML").into());
    }
    text.join("\n")
}

/// The lines that are shown of a page.
const MAX_PAGE_LINES: usize = 8;

/// Returns whether the answer is a stream for `tidings sse`. It has no end, so its body is not there.
fn is_event_stream(declined: &Declined) -> bool {
    declined.status == 200
        && header(declined, "content-type").is_some_and(|value| {
            let media_type = value.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case("text/event-stream")
        })
}

/// The URL to show with this scheme, or its secure form if that is what the URL has.
pub(crate) fn with_scheme(url: &str, scheme: &str) -> String {
    let url = without_query(url);
    let (old, rest) = url.split_once("://").unwrap_or(("", &url));
    let is_secure = old.eq_ignore_ascii_case("wss") || old.eq_ignore_ascii_case("https");
    format!("{scheme}{}://{rest}", if is_secure { "s" } else { "" })
}

/// The hint for the status 401 with this `WWW-Authenticate`.
pub(crate) fn credentials_hint(challenge: Option<&str>) -> String {
    let challenge = challenge.map(|wanted| format!("it asks for {wanted}: ")).unwrap_or_default();
    format!("{challenge}pass --user USER:PASSWORD or --header 'Authorization: …'")
}

/// The hint where something else than expected answers.
pub(crate) const PATH_HINT: &str = "is the path right?";

/// The first header of this name, safe to print.
fn header(declined: &Declined, name: &str) -> Option<String> {
    let mut headers = declined.headers.iter();
    let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    Some(escape_controls(&String::from_utf8_lossy(value)).into_owned())
}

fn declined_hint(declined: &Declined, url: &str) -> Option<String> {
    let header = |name| header(declined, name);
    Some(match declined.status {
        301 | 302 | 303 | 307 | 308 => match header("location") {
            Some(location) => {
                let location = without_secrets(&location);
                format!("it redirects to {location}: --location follows it")
            }
            None => "it redirects, and does not say to where".to_owned(),
        },
        200..=299 => "this is an ordinary page or API: is the path right?".to_owned(),
        400 if url.starts_with("ws:")
            && String::from_utf8_lossy(&declined.body_start)
                .to_ascii_lowercase()
                .contains("https") =>
        {
            "it expects TLS: write wss://".to_owned()
        }
        401 => credentials_hint(header("www-authenticate").as_deref()),
        // A text says why; often it is the Origin that was sent.
        403 if !declined.body_start.is_empty() => return None,
        403 => "it may want credentials (--user, --header) or an Origin (--origin)".to_owned(),
        404 | 410 => PATH_HINT.to_owned(),
        407 => "a proxy asks for credentials: put them into the variable that names it".to_owned(),
        426 => match header("sec-websocket-version") {
            Some(versions) if !versions.split(',').any(|version| version.trim() == "13") => {
                format!("it speaks WebSocket version {versions}, and this client 13")
            }
            _ => "a proxy may not pass on the headers Upgrade and Connection".to_owned(),
        },
        429 | 503 => match header("retry-after") {
            Some(time) => format!("it asks to try again after {time} (Retry-After)"),
            None => "try again later".to_owned(),
        },
        _ => return None,
    })
}

fn with_hint(text: &str, hint: Option<String>) -> String {
    let text = escape_controls(text);
    match hint {
        Some(hint) => format!("{text}\nhint: {hint}"),
        None => text.into_owned(),
    }
}

/// The URL to show: without its query and fragment, where tokens are, and without credentials.
pub(crate) fn without_query(url: &str) -> Cow<'_, str> {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("//") else { return Cow::Borrowed(url) };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let Some((_, host)) = authority.rsplit_once('@') else { return Cow::Borrowed(url) };
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    Cow::Owned(format!("{scheme}//{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_query_and_credentials() {
        for (url, shown) in [
            ("ws://h/@u/ev?token=t", "ws://h/@u/ev"),
            ("ws://h?mail=a@b", "ws://h"),
            ("ws://h/a#token=t", "ws://h/a"),
            ("wss://u:p@h:1/a", "wss://h:1/a"),
            ("wss://u:p@h", "wss://h"),
            ("h:1/a?b=http://c@d", "h:1/a"),
        ] {
            assert_eq!(without_query(url), shown, "{url}");
        }
    }
}
