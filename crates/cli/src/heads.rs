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

/// Returns the URL with its credentials hidden, and the values of such parameters in its query and
/// fragment.
pub(crate) fn without_secrets(url: &str) -> String {
    let mut parts = url.split_inclusive(['?', '#', '&']);
    let mut shown = without_credentials(parts.next().unwrap_or_default());
    for part in parts {
        let parameter = part.trim_end_matches(['?', '#', '&']);
        match parameter.split_once('=') {
            Some((name, value))
                if !value.is_empty() && names_a_secret(&name.to_ascii_lowercase()) =>
            {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(HIDDEN);
                shown.push_str(part.strip_prefix(parameter).unwrap_or_default());
            }
            _ => shown.push_str(part),
        }
    }
    shown
}

/// Hides what is between `//` and the `@` before the host.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}//{HIDDEN}@{host}{path}"),
        None => url.to_owned(),
    }
}

/// Returns whether a header or parameter of this name, in lower case, probably has a secret.
fn names_a_secret(name: &str) -> bool {
    matches!(name, "jwt" | "pwd" | "sig")
        || [
            "auth",
            "cookie",
            "key",
            "token",
            "secret",
            "passw",
            "session",
            "signature",
            "credential",
        ]
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
            ("Location: ws://bob:hunter2@h/x", "Location: ws://[hidden]@h/x"),
            ("Location: //bob@h", "Location: //[hidden]@h"),
            ("Location: http://h/@x//a@b", "Location: http://h/@x//a@b"),
            ("Location: /a#access_token=d&b=c", "Location: /a#access_token=[hidden]&b=c"),
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
            (
                "GET /a?jwt=x&pwd=y&sig=z&design=w HTTP/1.1",
                "GET /a?jwt=[hidden]&pwd=[hidden]&sig=[hidden]&design=w HTTP/1.1",
            ),
            ("GET /token HTTP/1.1", "GET /token HTTP/1.1"),
            ("HTTP/1.1 404 What is that?", "HTTP/1.1 404 What is that?"),
        ] {
            assert_eq!(first_line(line), shown);
        }
    }
}
