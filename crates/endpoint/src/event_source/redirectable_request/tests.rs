use super::*;

fn exchange(url: &str) -> RedirectableRequest {
    let request =
        EventSourceRequest::get(url).header("x-api-key", "secret").header("Accept-Language", "eo");
    RedirectableRequest::new(&request, Some("été".as_bytes()), false).unwrap()
}

fn location(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
}

fn names(request: &Request<Bytes>) -> Vec<&str> {
    let mut names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

/// E-021, E-027
#[test]
fn a_request_asks_for_an_event_stream_and_says_where_to_go_on() {
    let request = exchange("HTTPS://Example.COM:443/a b?c=d|e#f").http1();
    assert_eq!(request.uri(), "/a%20b?c=d|e");
    assert_eq!(request.headers()[header::HOST], "example.com");
    assert_eq!(request.headers()[header::ACCEPT], "text/event-stream");
    assert_eq!(request.headers()[header::CACHE_CONTROL], "no-cache");
    assert_eq!(request.headers()[LAST_EVENT_ID].as_bytes(), "été".as_bytes());
    let none = RedirectableRequest::new(&EventSourceRequest::get("http://x"), None, false)
        .unwrap()
        .http1();
    assert_eq!(names(&none), ["accept", "accept-encoding", "cache-control", "host"]);
    assert_eq!(none.uri(), "/");
}

#[test]
fn http2_has_it_all_in_the_uri() {
    let request = exchange("http://example.com:81/a").http2();
    assert_eq!(request.uri(), "http://example.com:81/a");
    assert!(!request.headers().contains_key(header::HOST));
}

#[test]
fn the_way_is_that_of_a_web_socket() {
    for (url, route) in [
        ("http://x/a", "ws://x/"),
        ("https://x:8443/a?b", "wss://x:8443/"),
        ("http://[::1]:80/", "ws://[::1]/"),
        ("https://bücher.example/", "wss://xn--bcher-kva.example/"),
    ] {
        assert_eq!(exchange(url).route(), route);
        assert!(tidings_handshake::WebSocketUri::parse(route).is_ok());
    }
}

/// E-022
#[test]
fn a_redirect_is_resolved_as_a_browser_does() {
    for (from, to, expected) in [
        ("http://x/a/b?q", "c", "http://x/a/c"),
        ("http://x/a/b", "/c?d#e", "http://x/c?d"),
        ("http://x/a/b", "../../..", "http://x/"),
        ("http://x/a/b", "//y/z", "http://y/z"),
        ("http://x/a/b", "?n", "http://x/a/b?n"),
        ("http://x/a/b", "https://x/", "https://x/"),
        ("http://x/a/b", "é", "http://x/a/%C3%A9"),
    ] {
        let mut exchange = exchange(from);
        exchange.follow(302, &location(to)).unwrap();
        assert_eq!(exchange.url(), expected);
    }
}

/// E-022
#[test]
fn a_redirect_that_must_not_be_followed_is_not() {
    for (from, to, fault) in [
        ("https://x/", "http://x/", RedirectFault::Downgrade),
        ("http://x/", "ftp://x/", RedirectFault::Scheme("ftp".to_owned())),
        ("http://x/", "javascript:1", RedirectFault::Scheme("javascript".to_owned())),
        ("http://x/", "http://u:p@y/", RedirectFault::Credentials),
        ("http://x/", "http://:0:0/", RedirectFault::Url("empty host".to_owned())),
    ] {
        let mut exchange = exchange(from);
        assert_eq!(exchange.follow(307, &location(to)), Err(fault), "{to}");
        assert_eq!(exchange.url(), from);
    }
    let mut twice = location("/a");
    twice.append(header::LOCATION, HeaderValue::from_static("/b"));
    for headers in [HeaderMap::new(), twice] {
        let followed = exchange("http://x/").follow(307, &headers);
        assert_eq!(followed, Err(RedirectFault::Location));
    }
}

/// E-022: a key of one origin is not shown to another, nor to the first again.
#[test]
fn credentials_stay_at_their_origin() {
    let mut exchange = exchange("https://x/");
    exchange.follow(302, &location("/elsewhere")).unwrap();
    assert!(exchange.http1().headers().contains_key("x-api-key"));
    for away in ["https://y/", "https://x/"] {
        exchange.follow(302, &location(away)).unwrap();
        let request = exchange.http1();
        assert_eq!(
            names(&request),
            [
                "accept",
                "accept-encoding",
                "accept-language",
                "cache-control",
                "host",
                "last-event-id"
            ]
        );
    }
}

#[test]
fn a_redirect_makes_a_get_of_a_post_or_not_by_its_status() {
    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "b"),
        (308, "POST", "b"),
    ] {
        let request = EventSourceRequest::post("http://x/", "b").header("Content-Type", "a/b");
        let mut exchange = RedirectableRequest::new(&request, None, false).unwrap();
        exchange.follow(status, &location("/y")).unwrap();
        let request = exchange.http1();
        assert_eq!((request.method().as_str(), &request.body()[..]), (method, body.as_bytes()));
        assert_eq!(request.headers().contains_key(header::CONTENT_TYPE), !body.is_empty());
    }
}

/// RFC 9112, 3.2.2
#[test]
fn a_proxy_that_passes_a_request_on_gets_its_whole_uri() {
    let proxy = Proxy::parse("http://user:secret@p:3128").unwrap();
    let request = exchange("http://Example.COM:80/a b?c=d#e").http1_through(Some(&proxy));
    assert_eq!(request.uri(), "http://example.com/a%20b?c=d");
    assert_eq!(request.headers()["host"], "example.com");
    assert_eq!(request.headers()["proxy-authorization"], "Basic dXNlcjpzZWNyZXQ=");
    let direct = exchange("http://x/").http1_through(None);
    assert_eq!(direct.uri(), "/");
    assert!(!direct.headers().contains_key("proxy-authorization"));
}
