//! Both halves over the types of the `http` crate, from end to end.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use http::{Method, Request, StatusCode, Version};
use tidings_handshake::{
    ClientRequest, Extension, Key, Rejection, RequestError, Response, ResponseError, ServerRequest,
    WebSocketUri,
};

fn client<'a>(uri: &'a str, extensions: &'a [Extension<'a>]) -> ClientRequest<'a> {
    ClientRequest::new(WebSocketUri::parse(uri).unwrap(), Key::from_nonce([7; 16]))
        .subprotocols(&["chat", "superchat"])
        .unwrap()
        .extensions(extensions)
        .headers(&[("x-token", "t")])
        .unwrap()
}

/// H-009, H-012, H-013
#[test]
fn a_client_and_a_server_agree_over_both_versions() {
    let params = [("client_max_window_bits", None)];
    let extensions = [Extension::new("permessage-deflate", &params).unwrap()];
    let client = client("wss://a.example:8443/chat?x=1", &extensions);
    for (request, protocol, status) in [
        (client.to_http(), None, StatusCode::SWITCHING_PROTOCOLS),
        (client.to_http2(), Some("websocket"), StatusCode::OK),
    ] {
        let server = ServerRequest::from_http(&request, protocol).unwrap();
        assert_eq!((server.target(), server.path()), ("/chat?x=1", "/chat"));
        assert_eq!(server.host().to_string(), "a.example:8443");
        assert_eq!(server.header("X-Token"), Some(&b"t"[..]));
        assert_eq!(server.is_over_http2(), protocol.is_some());
        let answer = [Extension::new("permessage-deflate", &[]).unwrap()];
        let acceptance =
            server.accept().subprotocol(Some("superchat")).unwrap().extensions(&answer).unwrap();
        let response = acceptance.to_http();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("upgrade"), protocol.is_none());
        let Ok(Response::Opened(opened)) = client.check_http(&response) else { panic!() };
        assert_eq!(opened.subprotocol(), Some("superchat"));
        assert_eq!(opened.extensions().count(), 1);
    }
    assert_eq!(client.to_http().uri(), "/chat?x=1");
    assert_eq!(client.to_http2().uri(), "https://a.example:8443/chat?x=1");
    assert_eq!(self::client("ws://a", &[]).to_http2().uri(), "http://a/");
    assert_eq!(client.to_http2().method(), Method::CONNECT);
    assert!(!client.to_http2().headers().contains_key("sec-websocket-key"));
}

#[test]
fn every_uri_that_parses_becomes_a_request() {
    let resource = "/a-._~!$&'()*+,;=:@/%20b?c-._~!$&'()*+,;=:@/?[]%20";
    for authority in ["a", "[::1]", "[::1]:81", "127.0.0.1:81", "a_b.example."] {
        let uri = format!("ws://{authority}{resource}");
        let request = client(&uri, &[]).to_http();
        assert_eq!(request.uri(), resource);
        assert_eq!(request.headers()["host"], authority);
        assert_eq!(
            client(&uri, &[]).to_http2().uri(),
            format!("http://{authority}{resource}").as_str()
        );
    }
}

/// H-008, H-010, P-008, P-011, W-041
#[test]
fn a_plain_request_is_refused_with_a_response() {
    let request = Request::get("http://a.example/").header("host", "a.example").body(()).unwrap();
    let error = ServerRequest::from_http(&request, None).unwrap_err();
    let response = Rejection::from(error).to_http(request.version());
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    assert_eq!(response.body(), "the header Upgrade is missing\n");
    let content_length = response.headers()["content-length"].to_str().unwrap();
    assert_eq!(content_length, response.body().len().to_string());

    let mut old = client("ws://a", &[]).to_http();
    *old.version_mut() = Version::HTTP_10;
    let error = ServerRequest::from_http(&old, None).unwrap_err();
    assert_eq!(error, RequestError::HttpVersion);

    let mut post = client("ws://a", &[]).to_http();
    *post.method_mut() = Method::POST;
    let error = ServerRequest::from_http(&post, None).unwrap_err();
    assert_eq!(Rejection::from(error).to_http(Version::HTTP_11).headers()["allow"], "GET");

    // H-007, H-008, H-010: over HTTP/2 no header of the connection is sent.
    let connect = client("ws://a", &[]).to_http2();
    let error = ServerRequest::from_http(&connect, Some("foo")).unwrap_err();
    let response = Rejection::from(error).to_http(Version::HTTP_2);
    assert_eq!(response.status(), 501);
    assert!(!response.headers().contains_key("connection"));
}

/// H-013, W-029
#[test]
fn the_status_that_opens_is_that_of_the_version() {
    let client = client("ws://a", &[]);
    let response = |status, version| {
        http::Response::builder().status(status).version(version).body(()).unwrap()
    };
    for (status, version, expected) in [
        (101, Version::HTTP_2, Some(ResponseError::SwitchingOverHttp2)),
        (101, Version::HTTP_10, Some(ResponseError::HttpVersion)),
        (101, Version::HTTP_11, Some(ResponseError::UpgradeMissing)),
        (200, Version::HTTP_2, None),
        (200, Version::HTTP_3, None),
    ] {
        let response = response(status, version);
        let answer = client.check_http(&response);
        assert_eq!(answer.err(), expected, "{status} {version:?}");
    }
    let plain = response(200, Version::HTTP_11);
    assert!(matches!(client.check_http(&plain), Ok(Response::Declined(_))));
}
