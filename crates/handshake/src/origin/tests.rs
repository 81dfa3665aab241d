use std::format;

use super::*;

fn check(policy: OriginPolicy<'_>, origin: Option<&str>, host: &str, secure: bool) -> Checked {
    policy.check(origin, &Authority::parse(host).unwrap(), secure).map_err(without_values)
}

fn without_values(error: OriginError<'_>) -> OriginError<'static> {
    match error {
        OriginError::Missing => OriginError::Missing,
        OriginError::Null => OriginError::Null,
        OriginError::Malformed => OriginError::Malformed,
        OriginError::NotAccepted { .. } => OriginError::NotAccepted { origin: "", own: None },
    }
}

type Checked = Result<(), OriginError<'static>>;
const YES: Checked = Ok(());
const NO: Checked = Err(OriginError::NotAccepted { origin: "", own: None });
const MALFORMED: Checked = Err(OriginError::Malformed);

/// W-040
#[test]
fn the_same_origin_is_compared_in_parts() {
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
    for (origin, host, secure, outcome) in [
        ("https://example.com", "example.com", true, YES),
        ("http://example.com", "example.com", false, YES),
        ("HTTPS://EXAMPLE.com", "Example.COM", true, YES),
        ("https://example.com:443", "example.com", true, YES),
        ("https://example.com", "example.com:443", true, YES),
        ("http://example.com:80", "example.com", false, YES),
        ("http://example.com:", "example.com", false, YES),
        ("http://localhost:8080", "localhost:8080", false, YES),
        ("http://[::1]:8080", "[0::1]:8080", false, YES),
        ("http://127.0.0.1", "127.0.0.1", false, YES),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", true, YES),
        ("https://example.com.", "example.com.", true, YES),
        // The scheme counts.
        ("http://example.com", "example.com", true, NO),
        ("https://example.com", "example.com", false, NO),
        ("wss://example.com", "example.com", true, NO),
        ("ftp://example.com", "example.com", false, NO),
        // The port counts, and the default port depends on the scheme.
        ("https://example.com:8443", "example.com", true, NO),
        ("https://example.com", "example.com:8443", true, NO),
        ("https://example.com:80", "example.com", true, NO),
        ("http://example.com:443", "example.com", false, NO),
        ("http://localhost:3000", "localhost:8080", false, NO),
        // Another host, however it looks like this one.
        ("https://evil.com", "example.com", true, NO),
        ("https://example.com.evil.com", "example.com", true, NO),
        ("https://evilexample.com", "example.com", true, NO),
        ("https://www.example.com", "example.com", true, NO),
        ("https://example.co", "example.com", true, NO),
        ("https://example.com.", "example.com", true, NO),
        ("https://example.com", "example.com.", true, NO),
        ("https://example%2Ecom", "example.com", true, NO),
        ("https://127.0.0.1", "localhost", true, NO),
        ("https://[::1]", "localhost", true, NO),
        // Invalid origins.
        ("https://example.com/", "example.com", true, MALFORMED),
        ("https://example.com/path", "example.com", true, MALFORMED),
        ("https://example.com?", "example.com", true, MALFORMED),
        ("https://example.com#", "example.com", true, MALFORMED),
        ("https://example.com@evil.com", "example.com", true, MALFORMED),
        ("https://user:pass@example.com", "example.com", true, MALFORMED),
        ("https://evil.com\\@example.com", "example.com", true, MALFORMED),
        ("https://evil.com\\.example.com", "example.com", true, MALFORMED),
        ("https://b\u{fc}cher.example", "xn--bcher-kva.example", true, MALFORMED),
        ("https://example.com https://evil.com", "example.com", true, MALFORMED),
        ("https://example.com, https://evil.com", "example.com", true, MALFORMED),
        ("https://example.com:443:443", "example.com", true, MALFORMED),
        ("https://example.com:65979", "example.com", true, MALFORMED),
        ("https://[::1", "[::1]", true, MALFORMED),
        ("https://", "example.com", true, MALFORMED),
        ("https:example.com", "example.com", true, MALFORMED),
        ("//example.com", "example.com", true, MALFORMED),
        ("://example.com", "example.com", true, MALFORMED),
        ("example.com", "example.com", true, MALFORMED),
        ("*", "example.com", true, MALFORMED),
        ("", "example.com", true, MALFORMED),
        ("null ", "example.com", true, MALFORMED),
        ("NULL", "example.com", true, MALFORMED),
        ("null", "example.com", true, Err(OriginError::Null)),
        ("null", "null", true, Err(OriginError::Null)),
    ] {
        assert_eq!(check(policy, Some(origin), host, secure), outcome, "{origin:?} at {host:?}");
    }
}

#[test]
fn patterns_match_whole_parts() {
    for (pattern, origin, outcome) in [
        ("https://example.com", "https://example.com", YES),
        ("https://example.com:443", "https://EXAMPLE.com", YES),
        ("HTTPS://example.com", "https://example.com:443", YES),
        ("https://example.com", "http://example.com", NO),
        ("https://example.com", "https://a.example.com", NO),
        ("https://example.com", "https://example.com:8443", NO),
        ("https://example.com:8443", "https://example.com:8443", YES),
        ("https://example.com:8443", "https://example.com", NO),
        // Subdomains at any depth, never the domain itself, never its lookalikes.
        ("https://*.example.com", "https://a.example.com", YES),
        ("https://*.example.com", "https://A.B-c.d_e.EXAMPLE.com", YES),
        ("https://*.example.com", "https://example.com", NO),
        ("https://*.example.com", "https://evilexample.com", NO),
        ("https://*.example.com", "https://.example.com", NO),
        ("https://*.example.com", "https://a..example.com", NO),
        ("https://*.example.com", "https://a.example.com.", NO),
        ("https://*.example.com", "https://a.example.com.evil.com", NO),
        ("https://*.example.com", "https://a.example.com:8443", NO),
        ("https://*.example.com", "http://a.example.com", NO),
        ("https://*.example.com", "https://evil.com'.example.com", NO),
        ("https://*.example.com", "https://evil.com%2f.example.com", NO),
        ("https://*.example.com", "https://evil.com/.example.com", MALFORMED),
        ("https://*.example.com", "https://evil.com?.example.com", MALFORMED),
        ("https://*.example.com", "https://evil.com:80.example.com", MALFORMED),
        ("https://*.example.com:8443", "https://a.example.com:8443", YES),
        // Any port.
        ("http://localhost:*", "http://localhost", YES),
        ("http://localhost:*", "http://localhost:5173", YES),
        ("http://localhost:*", "https://localhost:5173", NO),
        ("http://localhost:*", "http://localhost.evil.com:5173", NO),
        ("http://[::1]:*", "http://[0:0::1]:3000", YES),
        // Other schemes.
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh", YES),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgi", NO),
        ("tauri://localhost", "tauri://localhost", YES),
        ("tauri://localhost", "http://localhost", NO),
        ("ws://example.com", "ws://example.com:80", YES),
        ("wss://example.com:443", "wss://example.com", YES),
        ("ws://example.com", "ws://example.com:443", NO),
        ("capacitor://localhost", "capacitor://localhost", YES),
        ("app://.", "app://.", YES),
        ("app://.", "app://", NO),
        // Only the web always has a host.
        ("file://", "file://", YES),
        ("FILE://", "file://", YES),
        ("file://", "file://host", NO),
        ("file://host", "file://", NO),
        ("file://", "app://", NO),
        ("file://", "file:///", MALFORMED),
        ("file://", "null", Err(OriginError::Null)),
        ("file://", "https://", MALFORMED),
        // A scheme without a default port has none.
        ("tauri://localhost", "tauri://localhost:80", NO),
        // A domain that is longer than the host.
        ("https://*.a.example.com", "https://example.com", NO),
        ("https://example.com", "null", Err(OriginError::Null)),
    ] {
        let patterns = [OriginPattern::parse(pattern).unwrap()];
        let policy = OriginPolicy::from_list(&patterns, MissingOrigin::Accept);
        let got = check(policy, Some(origin), "other.example:1", true);
        assert_eq!(got, outcome, "{pattern:?} with {origin:?}");
        // The list alone does not let the server's own pages in.
        assert_eq!(check(policy, Some("https://own.test"), "own.test", true), NO);
        let both = OriginPolicy::same_origin(MissingOrigin::Accept).or_from(&patterns);
        assert_eq!(check(both, Some("https://own.test"), "own.test", true), YES);
    }
}

#[test]
fn a_pattern_that_would_mislead_is_refused() {
    use OriginPatternError::{Scheme, Star};
    for (pattern, error) in [
        ("", Scheme),
        ("example.com", Scheme),
        ("*", Scheme),
        ("*://example.com", Scheme),
        ("1http://example.com", Scheme),
        ("https://*", Star),
        ("https://*example.com", Star),
        ("https://a.*.com", Star),
        ("https://*.*.com", Star),
        ("https://*:*", Star),
        ("https://*.[::1]", Star),
        ("https://a:1:*", Star),
        ("https://example.com/", AuthorityError::Host { offset: 11 }.into()),
        ("https://*.", AuthorityError::NoHost.into()),
        ("https://", AuthorityError::NoHost.into()),
        ("file://*.", AuthorityError::NoHost.into()),
        ("file://:*", AuthorityError::NoHost.into()),
        ("https://a@b", AuthorityError::UserInfo { offset: 1 }.into()),
    ] {
        assert_eq!(OriginPattern::parse(pattern).err(), Some(error), "{pattern:?}");
        assert!(!format!("{error}").is_empty());
    }
}

/// W-038
#[test]
fn a_missing_origin_is_the_callers_choice() {
    let accept = OriginPolicy::same_origin(MissingOrigin::Accept);
    let refuse = OriginPolicy::same_origin(MissingOrigin::Refuse);
    assert_eq!(check(accept, None, "a", true), YES);
    assert_eq!(check(refuse, None, "a", true), Err(OriginError::Missing));
    assert_eq!(check(refuse.or_null(), None, "a", true), Err(OriginError::Missing));
}

#[test]
fn null_is_let_in_only_when_asked() {
    let policy = OriginPolicy::same_origin(MissingOrigin::Refuse).or_null();
    assert_eq!(check(policy, Some("null"), "a", true), YES);
    assert_eq!(check(policy, Some("https://b"), "a", true), NO);
}

#[test]
fn an_error_says_why_the_origin_is_refused() {
    for (error, shown) in [
        (OriginError::Missing, "the request has no Origin header"),
        (OriginError::Null, "the opaque origin null is not accepted"),
        (OriginError::Malformed, "the Origin header is not one origin"),
        (
            OriginError::NotAccepted { origin: "app://a", own: None },
            "the origin app://a is not accepted",
        ),
    ] {
        assert_eq!(format!("{error}"), shown);
    }
    let host = OriginPatternError::Authority(AuthorityError::NoHost);
    for (error, shown) in [
        (OriginPatternError::Scheme, "the pattern does not begin with a scheme and ://"),
        (
            OriginPatternError::Star,
            "a star may stand for all labels before a domain, or for the port, only",
        ),
        (host, "the host is empty"),
    ] {
        assert_eq!(format!("{error}"), shown);
    }
}

/// W-040
#[test]
fn a_refusal_says_what_was_compared() {
    let host = Authority::parse("backend:8080").unwrap();
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
    let refusal = |policy: &OriginPolicy<'_>, origin, secure| {
        let refused = policy.check(Some(origin), &host, secure).unwrap_err();
        format!("{refused}")
    };
    for (policy, expected) in [
        (
            policy,
            "the origin https://a.example is not that of the request, https://backend:8080 by Host",
        ),
        (
            policy.over_any_transport(),
            "the origin https://a.example is not that of the request, backend:8080 by Host",
        ),
        (
            OriginPolicy::from_list(&[], MissingOrigin::Accept),
            "the origin https://a.example is not accepted",
        ),
    ] {
        assert_eq!(refusal(&policy, "https://a.example", true), expected);
    }
    // However long, it fits into a small buffer.
    let long = format!("https://{}", "a".repeat(9000));
    let shown = refusal(&policy, &long, false);
    assert!(shown.contains("aaa... is not that of") && shown.len() < 300, "{shown}");
}

/// The browser's host is the one that a proxy reports, and only if that proxy is trusted.
#[test]
fn after_a_proxy_the_host_of_the_browser_is_the_one_that_the_proxy_names() {
    let host = Authority::parse("backend:8080").unwrap();
    let direct = OriginPolicy::same_origin(MissingOrigin::Accept);
    let proxied = direct.behind_proxy();
    for (policy, origin, secure, name, proto, accepted) in [
        (proxied, "https://a.example", true, Some("a.example"), None, true),
        (proxied, "https://a.example", false, Some("a.example"), None, false),
        (proxied, "https://a.example", false, Some("a.example"), Some(true), true),
        (proxied, "https://a.example", true, Some("a.example"), Some(false), false),
        (proxied, "https://a.example:8443", true, Some("a.example"), None, false),
        (proxied, "https://a.example:8443", true, Some("a.example:8443"), None, true),
        (proxied, "https://evil.example", true, Some("a.example"), None, false),
        (proxied, "https://backend:8080", false, None, Some(true), true),
        // The values of the request itself count too.
        (proxied, "http://backend:8080", false, Some("a.example"), Some(true), true),
        (proxied, "https://a.example", true, None, None, false),
        (proxied.over_any_transport(), "http://a.example", true, Some("a.example"), None, true),
        (direct, "https://a.example", true, Some("a.example"), None, false),
        (direct, "https://backend:8080", false, None, Some(true), false),
    ] {
        let forwarded = Forwarded {
            host: name.map(|name| Authority::parse(name).unwrap()),
            port: None,
            secure: proto,
        };
        let checked = policy.check_forwarded(Some(origin), &host, secure, || forwarded);
        assert_eq!(checked.is_ok(), accepted, "{origin} {secure} {name:?} {proto:?}: {checked:?}");
    }
    for (origin, port, accepted) in [
        ("https://a.example:8443", Some(8443), true),
        ("https://a.example", Some(8443), true),
        ("https://a.example", Some(443), true),
        ("https://a.example:8444", Some(8443), false),
        ("https://backend:8443", Some(8443), false),
    ] {
        let forwarded = Forwarded { host: Authority::parse("a.example").ok(), port, secure: None };
        let checked = proxied.check_forwarded(Some(origin), &host, true, || forwarded);
        assert_eq!(checked.is_ok(), accepted, "{origin} {port:?}: {checked:?}");
    }
    let forwarded =
        Forwarded { host: Authority::parse("a.example").ok(), port: None, secure: Some(true) };
    let refused = proxied.check_forwarded(Some("https://b"), &host, false, || forwarded);
    let shown = "the origin https://b is not that of the request, https://a.example by its proxy";
    assert_eq!(format!("{}", refused.unwrap_err()), shown);
    let OriginError::NotAccepted { own: Some(own), .. } = refused.unwrap_err() else { panic!() };
    assert_eq!((own.host().host(), own.is_forwarded()), ("a.example", true));
}

#[test]
fn any_takes_everything() {
    for origin in [None, Some("null"), Some("https://evil.com"), Some("garbage")] {
        assert_eq!(check(OriginPolicy::any(), origin, "a", true), YES);
    }
}
