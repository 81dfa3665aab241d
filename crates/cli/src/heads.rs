//! The heads that `--verbose` shows, without the secrets in them: [`show`].

use std::borrow::Cow;

use tidings_tokio::client::Head;

use crate::terminal::{escape_controls, note};

/// Shows a head on stderr: lines of a request begin with `>`, those of a response with `<`.
pub(crate) fn show(head: &Head<'_>) {
    let (sign, bytes) = match head {
        Head::Request(bytes) => ('>', bytes),
        Head::Response(bytes) => ('<', bytes),
        _ => return,
    };
    for (index, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let line = if index == 0 { first_line(line) } else { header_line(line) };
        if !line.is_empty() {
            note(&format!("{sign} {}", escape_controls(&line)));
        }
    }
}

/// Hides values in the query of a request's target.
fn first_line(line: &str) -> Cow<'_, str> {
    match line.split_once(' ') {
        Some((method, rest)) if rest.contains('?') => {
            let (target, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
            Cow::Owned(format!("{method} {} {version}", without_secrets(target)))
        }
        _ => Cow::Borrowed(line),
    }
}

fn header_line(line: &str) -> Cow<'_, str> {
    let Some((name, value)) = line.split_once(':') else { return Cow::Borrowed(line) };
    let lower = name.to_ascii_lowercase();
    match &*lower {
        // They are public, or the server's demands.
        "sec-websocket-key" | "www-authenticate" | "proxy-authenticate" | "authority"
        | ":authority" => Cow::Borrowed(line),
        "authorization" | "proxy-authorization" => {
            let scheme = value.split_whitespace().next().unwrap_or_default();
            let has_more = value.split_whitespace().count() > 1;
            Cow::Owned(format!(
                "{name}: {}{HIDDEN}",
                if has_more { format!("{scheme} ") } else { String::new() }
            ))
        }
        "location" | "referer" => Cow::Owned(format!("{name}: {}", without_secrets(value.trim()))),
        _ if names_a_secret(&lower) => Cow::Owned(format!("{name}: {HIDDEN}")),
        _ => Cow::Borrowed(line),
    }
}

const HIDDEN: &str = "[hidden]";

/// Returns the URL with the values of such parameters hidden.
fn without_secrets(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let parameters: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, value))
                if !value.is_empty() && names_a_secret(&name.to_ascii_lowercase()) =>
            {
                Cow::Owned(format!("{name}={HIDDEN}"))
            }
            _ => Cow::Borrowed(parameter),
        })
        .collect();
    format!("{path}?{}", parameters.join("&"))
}

/// Returns whether a header or parameter of this name, in lower case, probably has a secret.
fn names_a_secret(name: &str) -> bool {
    ["auth", "cookie", "key", "token", "secret", "passw", "session", "signature", "credential"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_headers_are_hidden() {
        for (line, shown) in [
            ("Authorization: Basic YTpi", "Authorization: Basic [hidden]"),
            ("authorization: secret", "authorization: [hidden]"),
            ("Proxy-Authorization: Digest a=b, c=d", "Proxy-Authorization: Digest [hidden]"),
            ("Cookie: a=b", "Cookie: [hidden]"),
            ("Set-Cookie: a=b; Secure", "Set-Cookie: [hidden]"),
            ("X-Api-Key: 1", "X-Api-Key: [hidden]"),
            ("X-Auth-Token: 1", "X-Auth-Token: [hidden]"),
            ("Location: /a?b=c&access_token=d", "Location: /a?b=c&access_token=[hidden]"),
            ("Sec-WebSocket-Key: AQ==", "Sec-WebSocket-Key: AQ=="),
            ("WWW-Authenticate: Basic realm=\"x\"", "WWW-Authenticate: Basic realm=\"x\""),
            ("Host: example.com:80", "Host: example.com:80"),
        ] {
            assert_eq!(header_line(line), shown);
        }
    }

    #[test]
    fn secrets_in_a_query_are_hidden() {
        for (line, shown) in [
            ("GET /a?Token=x&b=c&key= HTTP/1.1", "GET /a?Token=[hidden]&b=c&key= HTTP/1.1"),
            ("GET /token HTTP/1.1", "GET /token HTTP/1.1"),
            ("HTTP/1.1 404 What is that?", "HTTP/1.1 404 What is that?"),
        ] {
            assert_eq!(first_line(line), shown);
        }
    }
}
