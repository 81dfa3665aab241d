use std::borrow::ToOwned as _;

use super::*;
use crate::authority::AuthorityError;
use crate::client::response::DeclinedResponse;
use crate::headers::Headers;

fn follow(
    redirects: &mut Redirects,
    current: &str,
    status: u16,
    locations: &[&str],
) -> Result<Option<Redirect>, RedirectError> {
    let pairs: Vec<(&str, &[u8])> =
        locations.iter().map(|location| ("location", location.as_bytes())).collect();
    let answer = DeclinedResponse::new(status, "", Headers::from_pairs(&pairs), 0);
    redirects.follow(&WebSocketUri::parse(current).unwrap(), &answer)
}

/// The next URI, and whether it is of the same origin.
fn next(current: &str, location: &str) -> Result<(String, bool), RedirectError> {
    let redirect = follow(&mut Redirects::new(1), current, 302, &[location])?.unwrap();
    Ok((redirect.uri().to_owned(), redirect.is_same_origin()))
}

/// RFC 3986, 5.4, the examples that can be.
#[test]
fn references_are_resolved_as_rfc_3986_says() {
    for (reference, resolved) in [
        ("g", "ws://a/b/c/g"),
        ("./g", "ws://a/b/c/g"),
        ("g/", "ws://a/b/c/g/"),
        ("/g", "ws://a/g"),
        ("//g", "ws://g/"),
        ("?y", "ws://a/b/c/d;p?y"),
        ("g?y", "ws://a/b/c/g?y"),
        ("#s", "ws://a/b/c/d;p?q"),
        ("g#s", "ws://a/b/c/g"),
        ("g?y#s", "ws://a/b/c/g?y"),
        (";x", "ws://a/b/c/;x"),
        ("g;x?y#s", "ws://a/b/c/g;x?y"),
        ("", "ws://a/b/c/d;p?q"),
        (".", "ws://a/b/c/"),
        ("./", "ws://a/b/c/"),
        ("..", "ws://a/b/"),
        ("../", "ws://a/b/"),
        ("../g", "ws://a/b/g"),
        ("../..", "ws://a/"),
        ("../../g", "ws://a/g"),
        ("../../../g", "ws://a/g"),
        ("/./g", "ws://a/g"),
        ("/../g", "ws://a/g"),
        ("g.", "ws://a/b/c/g."),
        ("..g", "ws://a/b/c/..g"),
        ("./../g", "ws://a/b/g"),
        ("./g/.", "ws://a/b/c/g/"),
        ("g/./h", "ws://a/b/c/g/h"),
        ("g/../h", "ws://a/b/c/h"),
        ("g;x=1/../y", "ws://a/b/c/y"),
        ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ("/x//../y", "ws://a/x/y"),
        ("//g/x/..?y", "ws://g/?y"),
        ("//g?y/..", "ws://g/?y/.."),
        ("/a:b", "ws://a/a:b"),
        ("?a:b", "ws://a/b/c/d;p?a:b"),
        // White space around a header value is not part of it.
        (" \tg ", "ws://a/b/c/g"),
    ] {
        let (uri, _) = next("ws://a/b/c/d;p?q", reference)
            .unwrap_or_else(|error| panic!("{reference:?}: {error}"));
        // `//g` has an empty path, which WebSocketUri reads as `/`.
        let uri = WebSocketUri::parse(&uri).unwrap().to_string();
        assert_eq!(uri, resolved, "{reference:?}");
    }
}

/// The origin is scheme, host and port; nothing less counts as the same.
#[test]
fn the_origin_is_scheme_host_and_port() {
    for (current, location, uri, same_origin) in [
        ("ws://a/x", "/y", "ws://a/y", true),
        ("ws://a/x", "http://a/y", "ws://a/y", true),
        ("ws://a/x", "WS://A:80/y", "ws://A:80/y", true),
        ("wss://a/x", "https://a:443/y", "wss://a:443/y", true),
        ("wss://a:8443/x", "y", "wss://a:8443/y", true),
        ("wss://a:8443/x", "//a:8443/y", "wss://a:8443/y", true),
        ("ws://[::1]/x", "//[0::1]/y", "ws://[0::1]/y", true),
        ("ws://a/x", "wss://a/y", "wss://a/y", false),
        ("ws://a:443/x", "wss://a/y", "wss://a/y", false),
        ("ws://a/x", "//a:81/y", "ws://a:81/y", false),
        ("wss://a/x", "//a:8443/y", "wss://a:8443/y", false),
        ("ws://a/x", "//b/y", "ws://b/y", false),
        ("ws://a/x", "//www.a/y", "ws://www.a/y", false),
        ("ws://a/x", "//a./y", "ws://a./y", false),
        ("ws://127.0.0.1/x", "//localhost/y", "ws://localhost/y", false),
    ] {
        let found = next(current, location);
        assert_eq!(found, Ok((uri.to_owned(), same_origin)), "{current} {location}");
    }
}

#[test]
fn headers_stay_after_when_the_origin_changes() {
    let redirect =
        |location| follow(&mut Redirects::new(1), "wss://a/", 307, &[location]).unwrap().unwrap();
    let (near, far) = (redirect("/b"), redirect("//b/"));
    for name in ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "x"] {
        assert!(near.keeps_header(name), "{name}");
        assert!(!far.keeps_header(name), "{name}");
    }
    for name in ["User-Agent", "ACCEPT-language", "accept", "Accept-Encoding"] {
        assert!(near.keeps_header(name) && far.keeps_header(name), "{name}");
    }
}

/// W-023
#[test]
fn only_a_redirect_with_a_location_is_one() {
    for status in [301, 302, 303, 307, 308] {
        let redirect = follow(&mut Redirects::new(5), "ws://a/", status, &["/b"]).unwrap();
        assert_eq!(redirect.unwrap().into_uri(), "ws://a/b", "{status}");
        assert_eq!(follow(&mut Redirects::new(5), "ws://a/", status, &[]), Ok(None));
        // The default of a client.
        assert_eq!(follow(&mut Redirects::new(0), "ws://a/", status, &["/b"]), Ok(None));
    }
    for status in [200, 201, 300, 304, 305, 306, 309, 399, 401, 426, 503] {
        assert_eq!(follow(&mut Redirects::new(5), "ws://a/", status, &["/b"]), Ok(None));
    }
}

#[test]
fn the_redirects_are_counted() {
    let mut redirects = Redirects::new(5);
    for _ in 0..5 {
        assert!(follow(&mut redirects, "ws://a/", 302, &["/"]).unwrap().is_some());
    }
    let sixth = follow(&mut redirects, "ws://a/", 302, &["/"]);
    assert_eq!(sixth, Err(RedirectError::TooMany { max: 5 }));
    // An answer that is not a redirect is still an answer.
    assert_eq!(follow(&mut redirects, "ws://a/", 404, &[]), Ok(None));
}

#[test]
fn what_cannot_or_must_not_be_followed_is_an_error() {
    use RedirectError::{Downgrade, Location, LocationRepeated};
    use UriError::{Character, PercentEncoding, Scheme};
    for (location, error) in [
        ("ws://a/", Downgrade),
        ("http://a/", Downgrade),
        ("HTTP://b/", Downgrade),
        ("ftp://a/", Location(Scheme)),
        ("javascript:alert(1)", Location(Scheme)),
        ("https:chat", Location(Scheme)),
        ("https:/chat", Location(Scheme)),
        ("wss:", Location(Scheme)),
        ("://a/", Location(Scheme)),
        ("//", Location(AuthorityError::NoHost.into())),
        ("//u:p@a/", Location(AuthorityError::UserInfo { offset: 9 }.into())),
        ("//a b/", Location(AuthorityError::Host { offset: 7 }.into())),
        ("//a:x/", Location(AuthorityError::Port { offset: 8 }.into())),
        ("/a b", Location(Character { offset: 9 })),
        ("/\\a", Location(Character { offset: 8 })),
        ("/%", Location(PercentEncoding { offset: 8 })),
        ("/\u{e9}", Location(Character { offset: 8 })),
    ] {
        assert_eq!(next("wss://a/", location), Err(error), "{location:?}");
    }
    let repeated = follow(&mut Redirects::new(5), "ws://a/", 302, &["/b", "/b"]);
    assert_eq!(repeated, Err(LocationRepeated));
    let answer = DeclinedResponse::new(302, "", Headers::from_pairs(&[("Location", b"/\xff")]), 0);
    let followed = Redirects::new(1).follow(&WebSocketUri::parse("ws://a/").unwrap(), &answer);
    assert_eq!(followed, Err(Location(Character { offset: 1 })));
}

#[test]
fn an_error_says_where_the_redirect_leads() {
    for (error, shown) in [
        (RedirectError::TooMany { max: 5 }, "the server redirects once more after 5 redirects"),
        (RedirectError::Downgrade, "the server redirects from wss to ws, without TLS"),
        (RedirectError::LocationRepeated, "the redirect must have exactly one Location header"),
        (
            RedirectError::Location(UriError::Scheme),
            "the redirect's Location is not a valid URL: \
             the URI does not begin with ws:// or wss://",
        ),
    ] {
        assert_eq!(format!("{error}"), shown);
    }
}
