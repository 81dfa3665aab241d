//! Special openings: an answer that is decided later, a server at another address, a proxy that
//! gets the request itself; and the texts of their errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use tidings_tokio::handshake::{MissingOrigin, OriginPolicy, Rejection, RequestError};
use tidings_tokio::server::read_request;
use tidings_tokio::{Config, ConnectOptions, Error, accept_with, connect_with};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: backend:8080\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nCookie: id=7\r\n";

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// However long the decision takes, it is not the client that is late.
#[tokio::test(start_paused = true)]
async fn an_answer_may_be_decided_later() {
    for allows in [true, false] {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(REQUEST.as_bytes()).await.unwrap();
        far.write_all(b"\r\n\x81\x81abcd\x09").await.unwrap();
        let look = |request: &tidings_tokio::handshake::ServerRequest<'_>| {
            request.header("Cookie").map(Vec::from)
        };
        let (cookie, pending) = read_request(near, Config::server(), look).await.unwrap();
        assert_eq!(cookie.as_deref(), Some(&b"id=7"[..]));
        sleep(Config::server().handshake_timeout * 3).await;
        let answered = pending
            .answer(|request| match allows {
                true => Ok(request.accept().header("X-User", "seven")?),
                false => Err(Rejection::new(401, "sign in first\n")?),
            })
            .await;
        let answer = read_head(&mut far).await;
        if allows {
            assert!(
                answer.starts_with("HTTP/1.1 101 ") && answer.contains("\r\nX-User: seven\r\n")
            );
            // The bytes that came with the request are the first message.
            let message = answered.unwrap().recv().await.unwrap();
            assert_eq!(message, Some("h".into()));
        } else {
            assert!(matches!(answered, Err(Error::Refused { status: 401 })), "{answered:?}");
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_request_is_refused_before_anybody_decides() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let looked = read_request(near, Config::server(), |_| panic!("there is none")).await;
    assert!(matches!(looked, Err(Error::Request(RequestError::Missing(_)))));
    assert!(read_head(&mut far).await.starts_with("HTTP/1.1 426 "));
    // And a client that sends nothing at all has no more time than elsewhere.
    let (near, _far) = tokio::io::duplex(1 << 16);
    let looked = read_request(near, Config::server(), |_| ()).await;
    assert!(matches!(looked, Err(Error::HandshakeTimeout(_))));
}

/// The page's host is compared with the host that the browser asked the proxy for.
#[tokio::test]
async fn after_a_proxy_that_names_the_host_pages_of_it_may_connect() {
    for (lines, trusts, expected) in [
        ("X-Forwarded-Host: a.example\r\nX-Forwarded-Proto: https\r\n", true, "101"),
        ("Forwarded: for=1.1.1.1;host=a.example;proto=https\r\n", true, "101"),
        ("X-Forwarded-Host: b.example\r\n", true, "b.example by its proxy"),
        ("X-Forwarded-Host: a.example\r\n", false, "backend:8080 by Host"),
        ("", true, "backend:8080 by Host"),
    ] {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let origin = "Origin: https://a.example\r\n";
        far.write_all(format!("{REQUEST}{origin}{lines}\r\n").as_bytes()).await.unwrap();
        let accepting = tokio::spawn(accept_with(near, Config::server(), move |request| {
            let policy = OriginPolicy::same_origin(MissingOrigin::Accept).over_any_transport();
            let policy = if trusts { policy.behind_proxy() } else { policy };
            request.check_origin(&policy, true)?;
            Ok(request.accept())
        }));
        let mut answer = read_head(&mut far).await;
        if expected != "101" {
            far.shutdown().await.unwrap();
            far.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains("the origin https://a.example is not that of"), "{answer}");
        }
        assert!(answer.contains(expected), "{answer}");
        drop(accepting.await.unwrap());
    }
}

/// A request that hyper has read is asked the same.
#[cfg(feature = "hyper")]
#[test]
fn after_a_proxy_a_framework_compares_the_same_hosts() {
    for (forwarded, status) in [("a.example", 101), ("b.example", 403)] {
        let mut request = http::Request::get("/chat")
            .header("Host", "backend:8080")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==")
            .header("Origin", "https://a.example")
            .header("X-Forwarded-Host", forwarded)
            .body(())
            .unwrap();
        let upgraded = tidings_tokio::upgrade(&mut request, Config::server(), |request| {
            let policy = OriginPolicy::same_origin(MissingOrigin::Accept).behind_proxy();
            request.check_origin(&policy, true)?;
            Ok(request.accept())
        });
        match upgraded {
            Ok((response, _)) => assert_eq!(response.status(), status),
            Err(refusal) => {
                assert_eq!(refusal.status(), status);
                assert!(refusal.body().contains("https://b.example by its proxy"), "{refusal:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_may_be_elsewhere_than_its_name_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").await.unwrap();
        request
    });
    let options = ConnectOptions::new().connect_to("chat.invalid", address).host("other.invalid");
    // A URI of another type is one too.
    let uri = String::from("ws://chat.invalid/room");
    #[cfg(feature = "hyper")]
    let uri: http::Uri = uri.parse().unwrap();
    let declined = connect_with(&uri, &options).await.unwrap_err();
    assert!(matches!(declined, Error::Declined(_)), "{declined}");
    let request = server.await.unwrap();
    assert!(request.starts_with("GET /room HTTP/1.1\r\nHost: other.invalid\r\n"), "{request}");

    // Now nobody is there.
    let error = connect_with("ws://chat.invalid/", &options).await.unwrap_err().to_string();
    let expected = format!("connecting to chat.invalid:80 at {address}: ");
    assert!(error.starts_with(&expected), "{error}");
}

/// RFC 1928, RFC 1929. The proxy gets the name, and looks it up.
#[cfg(feature = "socks")]
#[tokio::test]
async fn a_socks_proxy_connects_to_the_server_by_its_name() {
    use tidings_tokio::client::Socks5Proxy;

    for (reply, words) in [(0, None), (5, Some("refused"))] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 2];
            stream.read_exact(&mut greeting).await.unwrap();
            let mut methods = vec![0; usize::from(greeting[1])];
            stream.read_exact(&mut methods).await.unwrap();
            assert!(greeting[0] == 5 && methods.contains(&2), "{greeting:?} {methods:?}");
            stream.write_all(&[5, 2]).await.unwrap();
            let mut user = [0; 9];
            stream.read_exact(&mut user).await.unwrap();
            assert_eq!(&user, b"\x01\x02me\x04pass");
            stream.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 19];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"\x05\x01\x00\x03\x0cchat.invalid\x00\x51");
            stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            if reply == 0 {
                let request = read_head(&mut stream).await;
                assert!(request.starts_with("GET / HTTP/1.1\r\nHost: chat.invalid:81\r\n"));
                stream.write_all(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        });
        let socks = Socks5Proxy::parse(&address.to_string()).unwrap().credentials("me", "pass");
        let options = ConnectOptions::new().socks5_proxy(socks);
        let error = connect_with("ws://chat.invalid:81/", &options).await.unwrap_err();
        proxy.await.unwrap();
        match words {
            None => assert!(matches!(error, Error::Declined(_)), "{error}"),
            Some(words) => {
                let error = error.to_string().to_lowercase();
                let place =
                    format!("asking the proxy {address} for a connection to chat.invalid:81: ");
                assert!(error.starts_with(&place) && error.contains(words), "{error}");
            }
        }
    }
}

#[cfg(not(feature = "socks"))]
#[tokio::test]
async fn without_its_feature_a_socks_proxy_is_an_error_before_anything_is_sent() {
    let socks = tidings_endpoint::opening::Socks5Proxy::parse("127.0.0.1:1").unwrap();
    let options = ConnectOptions::new().socks5_proxy(socks);
    let error = connect_with("ws://chat.invalid/", &options).await.unwrap_err();
    assert!(error.to_string().contains("the feature `socks`"), "{error}");
}

#[cfg(feature = "event-source")]
mod event_source {
    use std::time::Duration;

    use tidings_tokio::client::Proxy;
    use tidings_tokio::sse::EventSource;

    use super::*;

    /// A server, or proxy, that answers one request with a stream of one event.
    async fn serve_one(head: String) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_head(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(b"\r\ndata: here\n\n").await.unwrap();
            sleep(Duration::from_millis(100)).await;
            request
        });
        (port, server)
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

    /// RFC 9112, 3.2.2
    #[tokio::test]
    async fn a_proxy_gets_plain_requests_of_http_itself() {
        let (port, proxy) = serve_one(HEAD.to_owned()).await;
        let proxy_uri = format!("http://user:secret@127.0.0.1:{port}");
        let options = ConnectOptions::new().proxy(Proxy::parse(&proxy_uri).unwrap());
        let source = EventSource::get("http://events.invalid:81/all?from=1").unwrap();
        let mut source = source.with_connect_options(options);
        assert_eq!(source.event().await.unwrap().unwrap().data, "here");
        let request = proxy.await.unwrap();
        let expected = "GET http://events.invalid:81/all?from=1 HTTP/1.1\r\n";
        assert!(request.starts_with(expected), "{request}");
        let request = request.to_lowercase();
        assert!(request.contains("\r\nhost: events.invalid:81\r\n"), "{request}");
        assert!(request.contains("\r\nproxy-authorization: basic "), "{request}");
    }

    /// HTTP/2 is for a tunnel.
    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel_to_a_server_of_http2() {
        let (port, proxy) = serve_one("HTTP/1.1 403 \r\n".to_owned()).await;
        let options =
            ConnectOptions::new().proxy(Proxy::parse(&format!("127.0.0.1:{port}")).unwrap());
        let source = EventSource::get("http://events.invalid/").unwrap();
        let mut source = source.with_connect_options(options).with_http2_prior_knowledge();
        drop(source.next().await);
        assert!(proxy.await.unwrap().starts_with("CONNECT events.invalid:80 HTTP/1.1\r\n"));
    }

    #[tokio::test]
    async fn as_many_headers_of_a_stream_are_read_as_are_configured() {
        let lines: String = (0..300).map(|index| format!("X-{index}: {index}\r\n")).collect();
        let (port, server) = serve_one(format!("{HEAD}X-Folded: a\r\n b\r\n{lines}")).await;
        let mut config = Config::client();
        config.head_limits.max_headers = 500;
        let source = EventSource::get(format!("http://127.0.0.1:{port}/")).unwrap();
        let mut source = source.with_connect_options(ConnectOptions::new().config(config));
        assert_eq!(source.event().await.unwrap().unwrap().data, "here");
        drop(server.await);
    }
}
