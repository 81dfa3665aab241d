use std::format;
use std::string::{String, ToString as _};

use proptest::prelude::*;

use super::*;

/// W-001, W-002, W-004
#[test]
fn uris_are_taken_apart() {
    for (text, secure, host, port, resource, authority) in [
        ("ws://example.com", false, "example.com", 80, "/", "example.com"),
        ("wss://example.com", true, "example.com", 443, "/", "example.com"),
        ("WSS://Example.com/", true, "Example.com", 443, "/", "Example.com"),
        ("wS://example.com:80/a", false, "example.com", 80, "/a", "example.com"),
        ("wss://example.com:443/a", true, "example.com", 443, "/a", "example.com"),
        ("ws://example.com:443/a", false, "example.com", 443, "/a", "example.com:443"),
        ("wss://example.com:80", true, "example.com", 80, "/", "example.com:80"),
        ("ws://example.com:", false, "example.com", 80, "/", "example.com"),
        ("ws://example.com?q", false, "example.com", 80, "/?q", "example.com"),
        ("ws://example.com?", false, "example.com", 80, "/", "example.com"),
        ("ws://example.com/chat?", false, "example.com", 80, "/chat", "example.com"),
        (
            "ws://example.com/a/b;c?x=1&y=/?",
            false,
            "example.com",
            80,
            "/a/b;c?x=1&y=/?",
            "example.com",
        ),
        (
            "ws://example.com/%23%20?a[]=%C3%A9",
            false,
            "example.com",
            80,
            "/%23%20?a[]=%C3%A9",
            "example.com",
        ),
        ("ws://example.com//x/../y", false, "example.com", 80, "//x/../y", "example.com"),
        ("ws://[::1]:8080/", false, "::1", 8080, "/", "[::1]:8080"),
        ("wss://[2001:db8::1]:443/", true, "2001:db8::1", 443, "/", "[2001:db8::1]"),
        ("ws://127.0.0.1:9001/x@y", false, "127.0.0.1", 9001, "/x@y", "127.0.0.1:9001"),
    ] {
        let uri = WebSocketUri::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!((uri.is_secure(), uri.host(), uri.port()), (secure, host, port), "{text:?}");
        assert_eq!(uri.resource_name().to_string(), resource, "{text:?}");
        let (path, query) = match resource.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (resource, None),
        };
        assert_eq!((uri.path(), uri.query()), (path, query), "{text:?}");
        assert_eq!(uri.authority().to_string(), authority, "{text:?}");
    }
}

/// W-003, W-005
#[test]
fn what_is_wrong_is_named_with_its_place() {
    use UriError::{Character, Fragment, PercentEncoding, Scheme};
    for (text, error) in [
        ("", Scheme),
        ("example.com", Scheme),
        ("http://example.com", Scheme),
        ("wsss://example.com", Scheme),
        ("ws:/example.com", Scheme),
        (" ws://example.com", Scheme),
        ("://example.com", Scheme),
        ("ws://example.com/#x", Fragment { offset: 17 }),
        ("ws://example.com#", Fragment { offset: 16 }),
        ("ws://example.com/?a#b", Fragment { offset: 19 }),
        ("ws://example.com/a b", Character { offset: 18 }),
        ("ws://example.com/\u{e9}", Character { offset: 17 }),
        ("ws://example.com/?\u{e9}", Character { offset: 18 }),
        ("ws://example.com/\r\nX: y", Character { offset: 17 }),
        ("ws://example.com/?a\n", Character { offset: 19 }),
        ("ws://example.com/\0", Character { offset: 17 }),
        ("ws://example.com/\u{7f}", Character { offset: 17 }),
        ("ws://example.com/[", Character { offset: 17 }),
        ("ws://example.com/a\\b", Character { offset: 18 }),
        ("ws://example.com/\"", Character { offset: 17 }),
        ("ws://example.com/<", Character { offset: 17 }),
        ("ws://example.com/?{", Character { offset: 18 }),
        ("ws://example.com/%", PercentEncoding { offset: 17 }),
        ("ws://example.com/%2", PercentEncoding { offset: 17 }),
        ("ws://example.com/?%gg", PercentEncoding { offset: 18 }),
        ("ws://example.com/%2g", PercentEncoding { offset: 17 }),
        ("ws://", AuthorityError::NoHost.into()),
        ("ws:///chat", AuthorityError::NoHost.into()),
        ("ws://:80/", AuthorityError::NoHost.into()),
        ("ws://user@example.com/", AuthorityError::UserInfo { offset: 9 }.into()),
        ("ws://user:pass@example.com/", AuthorityError::UserInfo { offset: 14 }.into()),
        ("ws://exa mple.com/", AuthorityError::Host { offset: 8 }.into()),
        ("ws://b\u{fc}cher.example/", AuthorityError::Host { offset: 6 }.into()),
        ("ws://example.com\\@evil/", AuthorityError::UserInfo { offset: 17 }.into()),
        ("ws://example.com:99999/", AuthorityError::Port { offset: 17 }.into()),
        ("ws://example.com:8a/", AuthorityError::Port { offset: 17 }.into()),
        ("ws://[::1/", AuthorityError::Ipv6 { offset: 5 }.into()),
        ("ws://[::1]x/", AuthorityError::Port { offset: 10 }.into()),
    ] {
        assert_eq!(WebSocketUri::parse(text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (error, shown) in [
        (UriError::Scheme, "the URI does not begin with ws:// or wss://"),
        (
            UriError::Fragment { offset: 17 },
            "a WebSocket URI has no fragment: write %23 for the number sign at offset 17",
        ),
        (UriError::Authority(AuthorityError::NoHost), "the host is empty"),
        (
            UriError::Character { offset: 18 },
            "the character at offset 18 of the URI must be percent-encoded",
        ),
        (
            UriError::PercentEncoding { offset: 17 },
            "the percent sign at offset 17 of the URI lacks two hexadecimal digits",
        ),
    ] {
        assert_eq!(error.to_string(), shown);
    }
}

proptest! {
    /// W-002
    #[test]
    fn a_uri_reads_back_from_what_it_writes(
        secure: bool,
        host in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}|\\[::[0-9a-f]{1,4}\\]",
        port in prop::option::of(any::<u16>()),
        path in "(/[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,6}(%[0-9A-F]{2})?){0,3}",
        query in prop::option::of("[a-z0-9/?=&\\[\\]]{0,8}"),
    ) {
        let scheme = if secure { "wss" } else { "ws" };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let text = format!("{scheme}://{host}{port}{path}{query}");
        let uri = WebSocketUri::parse(&text).unwrap();
        let written = uri.to_string();
        let again = WebSocketUri::parse(&written).unwrap();
        prop_assert_eq!(again.to_string(), written.as_str());
        prop_assert_eq!(
            (again.is_secure(), again.host(), again.port(), again.path(), again.query()),
            (uri.is_secure(), uri.host(), uri.port(), uri.path(), uri.query())
        );
        // W-014: the resource name is that of the text, character for character.
        let resource_name = uri.resource_name().to_string();
        let path = if path.is_empty() { "/" } else { &path };
        let query = if query == "?" { "" } else { &query };
        prop_assert_eq!(resource_name, format!("{path}{query}"));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = WebSocketUri::parse(&text);
        let _ = WebSocketUri::parse(&format!("ws://{text}"));
        let _ = WebSocketUri::parse(&format!("ws://host/{text}"));
    }
}
