//! The place that a client connects to, and its name in an error.

use std::error::Error as _;
use std::net::SocketAddr;

use super::*;

#[test]
fn an_error_of_the_transport_names_the_phase_and_the_host() {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let address: SocketAddr = ([127, 0, 0, 1], 9).into();
    for (options, uri, resolving, connecting) in [
        (
            ConnectOptions::new(),
            "ws://a.example/",
            "resolving a.example:80: connection refused",
            "connecting to a.example:80: connection refused",
        ),
        (
            ConnectOptions::new().connect_to("A.example", address),
            "ws://a.example:81/",
            "resolving a.example:81: connection refused",
            "connecting to a.example:81 at 127.0.0.1:9: connection refused",
        ),
        (
            ConnectOptions::new().proxy(Proxy::parse("[::1]:3128").unwrap()),
            "ws://a.example/",
            "resolving the proxy [::1]:3128: connection refused",
            "connecting to the proxy [::1]:3128: connection refused",
        ),
    ] {
        let route = options.route(uri).unwrap();
        assert_eq!(route.failed(Phase::Resolving, refused()).to_string(), resolving);
        let error = route.failed(Phase::Connecting, refused());
        assert_eq!(error.to_string(), connecting);
        assert!(error.source().is_none());
        assert!(
            matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
        );
    }

    let options = ConnectOptions::new();
    let route = options.route("ws://a.example/").unwrap();
    let deadline = Deadline::new(Timestamp::default(), Duration::from_secs(10));
    for (phase, expected) in [
        (Phase::Resolving, "resolving a.example:80"),
        (Phase::Connecting, "connecting to a.example:80"),
        (Phase::Socks, "asking a.example:80 for a connection to a.example:80"),
        (Phase::Tls, "the TLS handshake with a.example:80"),
    ] {
        let error = route.timed_out(phase, deadline).to_string();
        assert_eq!(error, format!("{expected}: timed out 10s after the attempt began"));
    }

    for (proxy, from, expected) in [
        (
            None,
            usize::MAX,
            "the opening handshake with a.example:80: the server ended the connection",
        ),
        (None, 0, "the opening handshake with a.example:80: broken pipe"),
        (
            Some("p:3128"),
            usize::MAX,
            "asking the proxy p:3128 for a tunnel: the proxy ended the connection",
        ),
        (Some("p:3128"), 0, "asking the proxy p:3128 for a tunnel: broken pipe"),
    ] {
        let mut options = ConnectOptions::new();
        if let Some(proxy) = proxy {
            options = options.proxy(Proxy::parse(proxy).unwrap());
        }
        let mut transport = Memory::answering(|_| String::new(), Cut::Whole);
        transport.max_written = from;
        let now = transport.now;
        let mut connecting = Connecting::new(&options, "ws://a.example/", now).unwrap();
        let tunnel = connecting.route().unwrap().tunnel(connecting.deadline());
        let error = match tunnel {
            Some(mut tunnel) => {
                transport.drive(&mut tunnel);
                tunnel.finish().unwrap_err()
            }
            None => {
                let mut handshake = connecting.handshake();
                transport.drive(&mut handshake);
                handshake.finish().unwrap_err()
            }
        };
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(error.is_disconnect() && error.source().is_none(), "{error:?}");
    }
}

#[test]
fn a_proxy_that_refuses_is_named_with_what_it_asks_for() {
    for (lines, expected) in [
        ("", "the proxy p:3128 answered with status 407"),
        (
            "Proxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=\"the office\"\r\n",
            "the proxy p:3128 answered with status 407 and asks for \
             credentials: Negotiate, Basic realm=\"the office\"",
        ),
    ] {
        let options = ConnectOptions::new().proxy(Proxy::parse("p:3128").unwrap());
        let route = options.route("ws://a/").unwrap();
        let deadline = Deadline::new(Timestamp::default(), TIMEOUT);
        let mut tunnel = route.tunnel(deadline).unwrap();
        let answer = move |_: &str| format!("HTTP/1.1 407 Who?\r\n{lines}\r\n");
        Memory::answering(answer, Cut::Whole).drive(&mut tunnel);
        assert_eq!(tunnel.finish().unwrap_err().to_string(), expected);
    }
    let options = ConnectOptions::new().proxy(Proxy::parse("p:3128").unwrap());
    let route = options.route("ws://a/").unwrap();
    let mut tunnel = route.tunnel(Deadline::new(Timestamp::default(), TIMEOUT)).unwrap();
    let answer =
        |_: &str| format!("HTTP/1.1 407\r\nProxy-Authenticate: {}\u{85}\r\n\r\n", "x".repeat(9000));
    Memory::answering(answer, Cut::Whole).drive(&mut tunnel);
    assert!(tunnel.finish().unwrap_err().to_string().len() < 400);
}

/// RFC 9112, 3.2.2; many proxies let CONNECT through to port 443 alone.
#[test]
fn only_plain_requests_of_http_are_for_the_proxy_itself() {
    let proxy = Proxy::parse("http://user:secret@p:3128").unwrap();
    let options = ConnectOptions::new().proxy(proxy);
    let deadline = Deadline::new(Timestamp::default(), TIMEOUT);
    let route = options.http_route("ws://a:81/").unwrap();
    assert_eq!((route.host(), route.port()), ("p", 3128));
    assert!(route.tunnel(deadline).is_none());
    let authorization = route.forwarding_proxy().and_then(Proxy::authorization);
    assert_eq!(authorization, Some("Basic dXNlcjpzZWNyZXQ="));
    // A WebSocket always has a tunnel.
    let route = options.route("ws://a:81/").unwrap();
    assert!(route.tunnel(deadline).is_some() && route.forwarding_proxy().is_none());
    // Without a proxy there is neither.
    let direct = ConnectOptions::new();
    let route = direct.http_route("ws://a:81/").unwrap();
    assert!(route.tunnel(deadline).is_none() && route.forwarding_proxy().is_none());
}

#[test]
fn a_host_may_be_elsewhere_and_have_another_name() {
    let address: SocketAddr = ([127, 0, 0, 1], 8443).into();
    let other: SocketAddr = ([127, 0, 0, 2], 1).into();
    let options = ConnectOptions::new()
        .connect_to("a.example", other)
        .connect_to("A.EXAMPLE", address)
        .host("b.example:1");
    let route = options.route("ws://a.example:81/").unwrap();
    assert_eq!((route.host(), route.port(), route.address()), ("a.example", 81, Some(address)));
    assert_eq!(options.route("ws://c.example/").unwrap().address(), None);
    // The proxy looks the server up, and is itself a host.
    let proxied = options.clone().proxy(Proxy::parse("p:1").unwrap());
    assert_eq!(proxied.route("ws://a.example/").unwrap().address(), None);
    let proxied = proxied.connect_to("p", other);
    assert_eq!(proxied.route("ws://a.example/").unwrap().address(), Some(other));

    let options = options.max_redirects(2);
    let now = Timestamp::default();
    let mut connecting = Connecting::new(&options, "ws://a.example/", now).unwrap();
    for (location, host) in [
        ("/elsewhere", "Host: b.example:1"),
        ("ws://c.example/", "Host: b.example:1"),
        ("", "Host: c.example"),
    ] {
        let answer = move |_: &str| format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n");
        let mut transport = Memory::answering(answer, Cut::Whole);
        let mut handshake = connecting.handshake();
        transport.drive(&mut handshake);
        assert!(has_line(transport.request(), host), "{}", transport.request());
        let finished = handshake.finish();
        assert_eq!(finished.is_err(), location.is_empty());
    }
    let wrong = ConnectOptions::new().host("a b");
    let error = Connecting::new(&wrong, "ws://a/", now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the Host to send: the byte at offset 1 is not allowed in a host name"
    );
}
