//! Peers that break the rules of permessage-deflate, or send harmful data: each gets the right
//! code, and the error says whose fault it was.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "each test needs another part")]
mod compression_peer;

use compression_peer::*;
use tidings_testkit::ForeignDeflate;
use tidings_tokio::compression::deflate::{Offer, WindowBits};
use tidings_tokio::handshake::Extension;
use tidings_tokio::websocket::{Role, Violation};
use tidings_tokio::{
    Config, ConnectOptions, Error, Message, WebSocket, accept_with,
    client::client_handshake,
    compression::{ClientOffer, Compression},
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const OFFER: &[&str] = &["permessage-deflate"];

/// Its first byte and its payload.
type Frame<'a> = (u8, &'a [u8]);

/// These frames are refused by a server and by a client of ours, with this code.
async fn refuses(config: Config, frames: &[Frame<'_>], code: u16) -> [Violation; 2] {
    let (server, peer, _) = server_and_peer(config, OFFER).await;
    let of_server = refused(server, peer, frames, code).await;
    let (client, peer) = client_and_peer(config).await;
    [of_server, refused(client, peer, frames, code).await]
}

async fn refused<R: Role + Send + 'static>(
    mut socket: WebSocket<TcpStream, R>,
    mut peer: Peer,
    frames: &[Frame<'_>],
    code: u16,
) -> Violation {
    let receiving = tokio::spawn(async move {
        let error = loop {
            match socket.recv().await {
                Ok(message) => assert_eq!(message, Some("before".into())),
                Err(error) => break error,
            }
        };
        // Once, and then it is over.
        assert_eq!(socket.recv().await.unwrap(), None);
        assert!(socket.send("after").await.is_err());
        error
    });
    peer.send(FIN | TEXT, b"before").await;
    for (first, payload) in frames {
        peer.send(*first, payload).await;
    }
    assert_eq!(peer.recv_close().await, code, "{frames:?}");
    peer.stream.shutdown().await.unwrap();
    match receiving.await.unwrap() {
        Error::Violation(violation) => violation,
        other => panic!("{other}"),
    }
}

/// D-012, D-027: data that cannot be inflated is the peer's fault, and 1007.
#[tokio::test]
async fn a_corrupt_message_is_refused() {
    let good = ForeignDeflate::new().compress(prose(2000, 1).as_bytes());
    let cut = &good[..good.len() / 2];
    let whole = [&good[..], &[0, 0, 0xFF, 0xFF]].concat();
    let cases: [(&str, &[Frame<'_>]); 6] = [
        ("a block of the type that there is not", &[(FIN | RSV1 | TEXT, &[0x07])]),
        ("a match before the beginning", &[(FIN | RSV1 | TEXT, &[0xF2, 0x00, 0x11, 0x00, 0x00])]),
        ("a stored block whose lengths differ", &[(FIN | RSV1 | BINARY, &[0, 5, 0, 0, 0, 1])]),
        ("an end inside a block", &[(FIN | RSV1 | TEXT, cut)]),
        ("an end inside a block, in fragments", &[(RSV1 | TEXT, cut), (FIN | CONTINUATION, &[])]),
        ("a fault in the second fragment", &[(RSV1 | BINARY, &whole), (CONTINUATION, &[0x07])]),
    ];
    for (what, frames) in cases {
        for violation in refuses(with_takeover(), frames, 1007).await {
            assert_eq!(violation, Violation::CorruptCompression, "{what}");
            let error = Error::Violation(violation).to_string();
            assert!(error.contains("a compressed message cannot be inflated"), "{error}");
        }
    }
}

/// D-012: the rules of text apply to the inflated bytes.
#[tokio::test]
async fn text_that_is_not_utf8_after_inflating_is_refused() {
    for text in [&b"\xFF"[..], b"cut \xE2\x82", b"\xED\xA0\x80", b"\xC0\xAF"] {
        let payload = ForeignDeflate::new().compress(text);
        let (one, two) = payload.split_at(2);
        for frames in [
            &[(FIN | RSV1 | TEXT, &payload[..])][..],
            &[(RSV1 | TEXT, one), (FIN | CONTINUATION, two)],
        ] {
            for violation in refuses(with_takeover(), frames, 1007).await {
                assert!(matches!(violation, Violation::InvalidUtf8(_)), "{violation}");
                let error = Error::Violation(violation).to_string();
                assert!(error.contains("in a text message"), "{error}");
            }
        }
    }
}

/// D-009, D-010: RSV1 where it may not be, and anywhere without an agreement.
#[tokio::test]
async fn rsv1_is_refused_where_it_means_nothing() {
    for frames in [
        &[(FIN | RSV1 | PING, &[][..])][..],
        &[(FIN | RSV1 | PONG, &[])],
        &[(RSV1 | TEXT, &[0x00]), (FIN | RSV1 | CONTINUATION, &[0x00])],
        &[(TEXT, b"plain"), (FIN | RSV1 | CONTINUATION, &[0x00])],
        &[(FIN | RSV1 | 0x20 | TEXT, &[0x00])],
    ] {
        refuses(with_takeover(), frames, 1002).await;
    }
    let compressed = ForeignDeflate::new().compress(b"well-formed");
    for first in [FIN | RSV1 | TEXT, RSV1 | BINARY] {
        refuses(Config::server(), &[(first, &compressed)], 1002).await;
    }
}

/// D-006, D-010: a server whose configuration the client's offer did not fit.
#[tokio::test]
async fn rsv1_is_refused_after_a_declined_offer() {
    let offers = ["permessage-deflate; server_max_window_bits=8"];
    let (server, peer, head) = server_and_peer(with_takeover(), &offers).await;
    assert_eq!(extensions_of(&head), None);
    refused(server, peer, &[(FIN | RSV1 | TEXT, &[0x00])], 1002).await;
}

/// D-012: the limit applies to the inflated bytes, exactly.
#[tokio::test]
async fn the_limit_counts_what_comes_out() {
    let mut config = with_takeover();
    config.limits.max_message_len = 5000;
    let whole = prose(5001, 1).into_bytes();
    let (mut server, mut peer, _) = server_and_peer(config, OFFER).await;
    let mut foreign = ForeignDeflate::new();
    for _ in 0..3 {
        let payload = foreign.compress(&whole[..5000]);
        peer.send(FIN | RSV1 | BINARY, &payload).await;
        let received = server.recv().await.unwrap();
        assert_eq!(received, Some(Message::binary(whole[..5000].to_vec())));
    }
    let payload = ForeignDeflate::new().compress(&whole);
    let frames = [(FIN | RSV1 | BINARY, &payload[..])];
    for violation in refuses(config, &frames, 1009).await {
        let expected = Violation::MessageTooLong { message_len: 5001, max_len: 5000 };
        assert_eq!(violation, expected);
    }
}

/// A message of a thousand frames of a byte is read; one of more frames than allowed is refused as
/// a plain one is.
#[tokio::test]
async fn a_compressed_message_in_tiny_fragments_is_bounded() {
    let payload = ForeignDeflate::new().compress(&noise(1000, 1));
    let mut frames: Vec<Frame<'_>> = vec![(RSV1 | BINARY, &[])];
    frames.extend(payload.chunks(1).map(|byte| (CONTINUATION, byte)));
    frames.push((FIN | CONTINUATION, &[]));
    let mut config = with_takeover();
    config.limits.max_fragments = u32::try_from(frames.len()).unwrap();
    let (mut server, mut peer, _) = server_and_peer(config, OFFER).await;
    for (first, payload) in &frames {
        peer.send(*first, payload).await;
    }
    assert_eq!(server.recv().await.unwrap(), Some(Message::binary(noise(1000, 1))));

    config.limits.max_fragments -= 1;
    for violation in refuses(config, &frames, 1008).await {
        assert!(matches!(violation, Violation::TooManyFragments { .. }), "{violation}");
    }
}

/// D-004, D-007, D-017, D-018, D-019, D-020, D-023, D-024, D-025: a client whose server answers
/// something that was not offered, or nonsense, sends 1010 and the reason.
#[tokio::test]
async fn a_wrong_answer_fails_the_connection() {
    let mut narrow = Compression::default();
    narrow.offer = ClientOffer {
        first: Offer::new().server_no_context_takeover().server_max_window_bits(WindowBits::TWELVE),
        fallback: None,
    };
    let generous = compression((15, true), (15, true));
    type Params = &'static [(&'static str, Option<&'static str>)];
    let cases: [(Compression, Params); 11] = [
        (generous, &[("unknown", None)]),
        (generous, &[("server_max_window_bits", Some("1000"))]),
        (generous, &[("server_max_window_bits", Some("08"))]),
        (generous, &[("client_max_window_bits", None)]),
        (generous, &[("client_max_window_bits", Some("7"))]),
        (generous, &[("server_no_context_takeover", Some("true"))]),
        (generous, &[("client_no_context_takeover", None), ("client_no_context_takeover", None)]),
        // Not as offered.
        (narrow, &[]),
        (narrow, &[KEPT, ("server_max_window_bits", Some("13"))]),
        (narrow, &[KEPT]),
        (
            narrow,
            &[KEPT, ("server_max_window_bits", Some("12")), ("client_max_window_bits", Some("12"))],
        ),
    ];
    for (compression, parameters) in cases {
        let (near, far) = streams().await;
        let extension = Extension::new("permessage-deflate", parameters).unwrap();
        // The acceptance is of any lifetime.
        let extensions: &'static [Extension<'static>] = Box::leak(Box::new([extension]));
        let server = async {
            let accepting = accept_with(near, Config::server(), |request| {
                Ok(request.accept().extensions(extensions).unwrap())
            });
            let mut server = accepting.await.unwrap();
            assert_eq!(server.recv().await.unwrap(), None);
            server.close_info().received.code()
        };
        let options = ConnectOptions::new().config(compressing(compression));
        let (code, client) =
            tokio::join!(server, async { client_handshake(far, URI, &options).await.map(drop) });
        assert_eq!(code, 1010, "{parameters:?}");
        let error = client.unwrap_err();
        assert!(matches!(error, Error::Compression(_)), "{parameters:?}: {error}");
        assert!(error.to_string().starts_with("the server's permessage-deflate: "), "{error}");
        assert!(!error.is_user());
    }
}

/// The part of an answer that is in order.
const KEPT: (&str, Option<&str>) = ("server_no_context_takeover", None);

/// A gibibyte of zeros in a message of one mebibyte is refused at the limit of one mebibyte, and
/// the memory of the process grows by that and less than a mebibyte. In a separate process, because
/// it measures the peak.
#[test]
fn a_bomb_is_refused_in_bounded_memory() {
    if std::env::var_os(ALONE).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_bomb_is_refused_in_bounded_memory", "--nocapture"]);
        let output = child.env(ALONE, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let frames = bomb();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Once for the code that is paged in and values that are created once.
    runtime.block_on(is_refused(&frames, 1 << 12));
    // Forgets the peak so far (Linux).
    let is_reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = peak_kib();
    runtime.block_on(is_refused(&frames, 1 << 20));
    if let (true, Some(before), Some(after)) = (is_reset, before, peak_kib()) {
        // The system counts roughly; the limit is 1 MiB, and the message would be a gibibyte.
        let grown = after.saturating_sub(before);
        assert!((512..8192).contains(&grown), "{grown} KiB");
    }
}

/// Set in the process that measures.
const ALONE: &str = "TIDINGS_TEST_ALONE";

/// A gibibyte of zeros in 1024 fragments of some thousand bytes.
fn bomb() -> Vec<(u8, Vec<u8>)> {
    let mut foreign = ForeignDeflate::new();
    let zeros = vec![0; 1 << 20];
    // With the window full of zeros, all are alike but for the tail, which the last lacks.
    let [first, last] = [(); 2].map(|()| foreign.compress(&zeros));
    assert!(last.len() < 2000);
    let tail = [0, 0, 0xFF, 0xFF];
    let mut frames = vec![(RSV1 | BINARY, [&first[..], &tail].concat())];
    frames.resize(1023, (CONTINUATION, [&last[..], &tail].concat()));
    frames.push((FIN | CONTINUATION, last));
    frames
}

/// Sends the bomb to a server with this limit.
async fn is_refused(frames: &[(u8, Vec<u8>)], limit: u64) {
    let mut config = with_takeover();
    config.limits.max_message_len = limit;
    let (mut server, mut peer, _) = server_and_peer(config, OFFER).await;
    let receiving = async {
        let error = server.recv().await.unwrap_err();
        assert!(server.recv().await.unwrap().is_none());
        error
    };
    let sending = async {
        for (first, payload) in frames {
            let frame = peer.frame(*first, payload);
            // It may have hung up by now.
            if peer.stream.write_all(&frame).await.is_err() {
                break;
            }
        }
        let code = peer.recv_close().await;
        peer.stream.shutdown().await.unwrap();
        code
    };
    let (error, code) = tokio::join!(receiving, sending);
    assert_eq!(code, 1009);
    let expected = Violation::MessageTooLong { message_len: limit + 1, max_len: limit };
    assert!(matches!(error, Error::Violation(violation) if violation == expected), "{error}");
}

/// The most memory that the process has had since that was forgotten.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
