//! The causes that an error shows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::error::Error as _;

use tidings_handshake::HeadError;

use super::*;

/// A transport of the caller's that shows its cause as a source alone.
#[derive(Debug)]
struct Layer;

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tunnel broke")
    }
}

impl std::error::Error for Layer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&UriError::Scheme)
    }
}

fn examples() -> Vec<Error> {
    let response = ResponseError::Head(HeadError::WrongKind);
    vec![
        Error::Io(io::ErrorKind::ConnectionReset.into()),
        Error::Io(io::Error::new(io::ErrorKind::BrokenPipe, "the cable was cut")),
        Error::Io(io::Error::from_raw_os_error(104)),
        Error::Io(io::Error::other(Layer)),
        Error::Request(RequestError::Version),
        Error::Refused { status: 404 },
        Error::Response(response),
        HandshakeTimeout::new(Duration::from_secs(1)).into(),
        Error::Uri(UriError::Scheme),
        Error::TlsUnsupported,
        Error::Proxy { proxy: "p:1".into(), status: 407, challenge: Some("Basic".into()) },
        Error::ProxyResponse { proxy: "p:1".into(), error: response },
        Error::ProxyUri(ProxyUriError::Scheme),
        Error::Redirect(RedirectError::Location(UriError::Scheme)),
        Error::RequestBuild(RequestBuildError::Origin),
        Error::WriteTimeout(Duration::from_secs(1)),
        Error::MessageUnfinished,
        Error::QueueFull { len: 2, max_len: 1 },
        #[cfg(feature = "rustls")]
        Error::Tls(TlsError::handshake(rustls::Error::DecryptError)),
        #[cfg(feature = "rustls")]
        Error::Tls(TlsError::NoRoots(Some(io::Error::other("no such directory")))),
    ]
}

#[test]
fn no_error_of_a_chain_is_shown_twice() {
    for error in examples() {
        chain(&error);
    }
    // The source of the transport's own error is not lost.
    let error = Error::Io(io::Error::other(Layer));
    assert_eq!(error.to_string(), "the tunnel broke");
    assert_eq!(error.source().unwrap().to_string(), UriError::Scheme.to_string());
}

/// Returns the texts of a chain, as programs print it, unless one has another in it.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        assert!(!shown.iter().any(|shown| shown.contains(&text)), "{text:?} in {shown:?}");
        shown.push(text);
        source = error.source();
    }
    shown
}

#[cfg(feature = "event-source")]
#[test]
fn no_error_of_an_event_sources_chain_is_shown_twice() {
    use crate::event_source::{DisconnectCause, EventError, StreamError};
    use tidings_sse::event_source::{DisconnectReason, GiveUp};

    let errors = || {
        examples().into_iter().map(StreamError::Connect).chain([
            StreamError::Http(Layer.into()),
            StreamError::Unprocessed(Layer.into()),
            StreamError::NotMade(Layer.into()),
        ])
    };
    for error in errors() {
        chain(&error);
    }
    for reason in [GiveUp::Failed, GiveUp::AttemptsExhausted] {
        for error in errors() {
            let cause = DisconnectCause {
                reason: DisconnectReason::Unreachable,
                error: Some(error),
                answer: None,
            };
            chain(&cause);
            chain(&EventError::Closed { cause, reason });
        }
    }
}

#[test]
fn what_is_inside_an_error_is_shown_by_it() {
    let proxy = Error::Proxy {
        proxy: "proxy.example:3128".into(),
        status: 407,
        challenge: Some("Basic realm=\"office\"".into()),
    };
    for (error, expected) in [
        (
            proxy,
            "the proxy proxy.example:3128 answered with status 407 and asks \
             for credentials: Basic realm=\"office\"",
        ),
        (Error::Uri(UriError::Scheme), "the URI does not begin with ws:// or wss://"),
        (
            Error::Request(RequestError::Version),
            "the client's opening handshake: the header Sec-WebSocket-Version is not 13",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
    }
}

#[cfg(feature = "rustls")]
#[test]
fn an_error_of_tls_is_one_whenever_the_stream_brings_it() {
    use rustls::AlertDescription;

    let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    let error = Error::from(io::Error::new(io::ErrorKind::InvalidData, alert));
    assert!(matches!(error, Error::Tls(TlsError::Handshake(_))), "{error:?}");
    assert_eq!(error.to_string(), "TLS: the server asks for a client certificate, and got none");
    assert!(matches!(Error::from(io::Error::other("x")), Error::Io(_)));
}

#[test]
fn each_kind_of_end_is_known_by_one_question() {
    let second = Duration::from_secs(1);
    for (error, is_timeout, is_closed, is_disconnect, is_user) in [
        (HandshakeTimeout::new(second).into(), true, false, false, false),
        (Error::Timeout(Timeout::Pong), true, false, false, false),
        (Error::WriteTimeout(second), true, false, false, false),
        (Error::Io(io::ErrorKind::TimedOut.into()), true, false, false, false),
        (Error::Send(SendError::NotOpen), false, true, false, false),
        (Error::Io(io::ErrorKind::UnexpectedEof.into()), false, false, true, false),
        (Error::Io(io::ErrorKind::ConnectionReset.into()), false, false, true, false),
        (Error::Uri(UriError::Scheme), false, false, false, true),
        (Error::TlsUnsupported, false, false, false, true),
        (Error::MessageUnfinished, false, false, false, false),
    ] {
        let answers =
            (error.is_timeout(), error.is_closed(), error.is_disconnect(), error.is_user());
        assert_eq!(answers, (is_timeout, is_closed, is_disconnect, is_user), "{error:?}");
    }
}

/// A slow reader gets this error as well as one that is gone.
#[test]
fn a_write_timeout_does_not_claim_that_the_peer_took_nothing() {
    assert_eq!(
        Error::WriteTimeout(Duration::from_secs(10)).to_string(),
        "the transport had no room for 10s: the peer reads too slowly or not at all"
    );
}
