//! Talks with tokio-tungstenite over loopback, in both roles.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tidings_tokio::websocket::Role;
use tidings_tokio::websocket::frame::ControlPayload;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Message, WebSocket, accept_with,
    client::{ClientRole, ClientStream},
    connect_with,
    message::MessageKind,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{
    CloseCode as TheirCode, Data, OpCode,
};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame as TheirClose, Frame};
use tokio_tungstenite::tungstenite::{Error as TheirError, Message as Theirs, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

type Peer = WebSocketStream<TcpStream>;

fn config() -> Config {
    let mut config = Config::server();
    config.deliver_control_frames = true;
    config
}

/// Our client and their server, which chooses the second subprotocol.
async fn our_client() -> (WebSocket<ClientStream, ClientRole>, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/talk?x=1", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[allow(clippy::result_large_err, reason = "the type of their callback")]
        let choose = |request: &Request, mut response: Response| {
            assert_eq!(request.uri(), "/talk?x=1");
            assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "v1, v2");
            response.headers_mut().insert("Sec-WebSocket-Protocol", "v2".parse().unwrap());
            Ok(response)
        };
        accept_hdr_async(stream, choose).await.unwrap()
    });
    let options = ConnectOptions::new().config(config()).subprotocols(["v1", "v2"]);
    let ours = connect_with(&uri, &options).await.unwrap();
    assert_eq!(ours.subprotocol(), Some("v2"));
    (ours, accepting.await.unwrap())
}

/// Our server, which prefers the second subprotocol, and their client.
async fn our_server() -> (WebSocket<TcpStream>, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = tokio::spawn(async move {
        let mut request = format!("ws://{address}/talk?x=1").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "v1, v2".parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        let (theirs, response) = client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "v2");
        theirs
    });
    let (stream, _) = listener.accept().await.unwrap();
    let ours = accept_with(stream, config(), |request| {
        assert_eq!(request.path(), "/talk");
        let chosen = request.choose_subprotocol(&["v2", "v1"]);
        Ok(request.accept().subprotocol(chosen).unwrap())
    });
    let ours = ours.await.unwrap();
    assert_eq!(ours.subprotocol(), Some("v2"));
    (ours, connecting.await.unwrap())
}

/// The same talk with both roles, in 20 s at most.
macro_rules! in_both_roles {
    ($name:ident, $talk:ident) => {
        #[tokio::test]
        async fn $name() {
            let talks = async {
                let (ours, theirs) = our_client().await;
                $talk(ours, theirs).await;
                let (ours, theirs) = our_server().await;
                $talk(ours, theirs).await;
            };
            tokio::time::timeout(Duration::from_secs(20), talks).await.unwrap();
        }
    };
}

in_both_roles!(messages_of_every_length_are_echoed_both_ways, echo);
in_both_roles!(fragments_are_put_together_both_ways, fragments);
in_both_roles!(pings_are_answered_both_ways, pings);
in_both_roles!(our_close_is_answered_with_its_code, our_close);
in_both_roles!(their_close_is_seen_with_code_and_reason, their_close);
in_both_roles!(their_close_without_a_code_is_seen, their_bare_close);
in_both_roles!(their_vanishing_is_an_error, their_vanishing);

const LENGTHS: [usize; 10] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000, 1_000_000];

/// First they echo, then we do.
async fn echo<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let echoing = tokio::spawn(async move {
        for _ in 0..2 * LENGTHS.len() {
            let message = theirs.next().await.unwrap().unwrap();
            theirs.send(message).await.unwrap();
        }
        for len in LENGTHS {
            for message in [Theirs::text("é".repeat(len / 2)), Theirs::binary(vec![0xA5; len])] {
                theirs.send(message.clone()).await.unwrap();
                assert_eq!(theirs.next().await.unwrap().unwrap(), message);
            }
        }
    });
    for len in LENGTHS {
        for message in [Message::text("é".repeat(len / 2)), Message::binary(vec![0x5A; len])] {
            ours.send(&message).await.unwrap();
            assert_eq!(ours.recv().await.unwrap(), Some(message));
        }
    }
    for _ in 0..2 * LENGTHS.len() {
        let message = ours.recv().await.unwrap().unwrap();
        ours.send(message).await.unwrap();
    }
    echoing.await.unwrap();
}

/// Ours are cut inside a character; theirs have a Ping between them.
async fn fragments<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let mut writer = ours.writer(MessageKind::Text).unwrap();
    for piece in [&b"gr"[..], &[0xC3], &[0xBC, b'n']] {
        writer.write(piece).await.unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(theirs.next().await.unwrap().unwrap(), Theirs::text("grün"));

    let frames = [
        Frame::message("gr".as_bytes().to_vec(), OpCode::Data(Data::Text), false),
        Frame::message(vec![0xC3], OpCode::Data(Data::Continue), false),
        Frame::ping("between".as_bytes().to_vec()),
        Frame::message(vec![0xBC, b'n'], OpCode::Data(Data::Continue), true),
    ];
    for frame in frames {
        theirs.send(Theirs::Frame(frame)).await.unwrap();
    }
    let ping = ControlPayload::new(b"between").unwrap();
    assert_eq!(ours.recv().await.unwrap(), Some(Message::ping(ping)));
    assert_eq!(ours.recv().await.unwrap(), Some("grün".into()));
    ours.flush().await.unwrap();
    assert_eq!(theirs.next().await.unwrap().unwrap(), Theirs::Pong("between".into()));
}

async fn pings<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Role + Send + 'static,
{
    let payload = ControlPayload::new(b"to them").unwrap();
    ours.send(Message::ping(payload)).await.unwrap();
    let answering = tokio::spawn(async move {
        assert_eq!(theirs.next().await.unwrap().unwrap(), Theirs::Ping("to them".into()));
        theirs.send(Theirs::Ping("to us".into())).await.unwrap();
        assert_eq!(theirs.next().await.unwrap().unwrap(), Theirs::Pong("to us".into()));
        theirs.close(None).await.unwrap();
        while let Some(Ok(_)) = theirs.next().await {}
    });
    // Their Pong may follow their Ping: they queue it, and write it later.
    let ping = Message::ping(ControlPayload::new(b"to us").unwrap());
    let mut received = [ours.recv().await.unwrap(), ours.recv().await.unwrap()];
    if received[0].as_ref() == Some(&ping) {
        received.reverse();
    }
    assert_eq!(received, [Some(Message::pong(payload)), Some(ping)]);
    // The Pong goes out while the next message is waited for.
    assert_eq!(ours.recv().await.unwrap(), Some(Message::close(None)));
    assert_eq!(ours.recv().await.unwrap(), None);
    answering.await.unwrap();
}

async fn our_close<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let answering = tokio::spawn(async move {
        let close = theirs.next().await.unwrap().unwrap();
        let expected = TheirClose { code: TheirCode::Library(4321), reason: "gründlich".into() };
        assert_eq!(close, Theirs::Close(Some(expected)));
        assert!(theirs.next().await.is_none(), "a clean end");
    });
    ours.close(CloseCode::new(4321).unwrap(), "gründlich").await.unwrap();
    let close_info = ours.close_info();
    assert!(close_info.is_clean());
    assert_eq!((close_info.sent.code(), close_info.received.code()), (4321, 4321));
    answering.await.unwrap();
}

async fn their_close<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let closing = tokio::spawn(async move {
        let close = TheirClose { code: TheirCode::Away, reason: Utf8Bytes::from("bis später") };
        theirs.close(Some(close.clone())).await.unwrap();
        let answer = theirs.next().await.unwrap().unwrap();
        let Theirs::Close(Some(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!(answer.code, close.code);
        let end = theirs.next().await;
        assert!(matches!(end, None | Some(Err(TheirError::ConnectionClosed))), "{end:?}");
    });
    let close = ours.recv().await.unwrap();
    let Some(Message::Close(Some(close))) = close else { panic!("{close:?}") };
    assert_eq!((close.code.get(), close.reason.as_str()), (1001, "bis später"));
    assert_eq!(ours.recv().await.unwrap(), None);
    assert!(ours.close_info().is_clean());
    closing.await.unwrap();
}

async fn their_bare_close<S, R>(mut ours: WebSocket<S, R>, mut theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let closing = tokio::spawn(async move {
        theirs.close(None).await.unwrap();
        assert_eq!(theirs.next().await.unwrap().unwrap(), Theirs::Close(None));
        assert!(theirs.next().await.is_none());
    });
    assert_eq!(ours.recv().await.unwrap(), Some(Message::close(None)));
    assert_eq!(ours.recv().await.unwrap(), None);
    // 7.1.5: no code is 1005.
    assert_eq!(ours.close_info().received.code(), 1005);
    closing.await.unwrap();
}

async fn their_vanishing<S, R>(mut ours: WebSocket<S, R>, theirs: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    drop(theirs);
    let error = ours.recv().await.unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    assert_eq!(ours.recv().await.unwrap(), None);
    assert_eq!(ours.close_info().received.code(), 1006);
}
