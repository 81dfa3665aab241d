//! Messages in every form: whole, borrowed, in chunks and as bytes; and their order and number of
//! writes.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use tidings_std::websocket::{CloseStatus, SendError, Violation};
use tidings_std::{
    CloseCode, Config, Error, Message,
    message::{MessageKind, MessageRef},
};
use tidings_testkit::loopback;

use crate::loopback::{MASKED_HELLO, echo, pair, pair_with, server_on};

#[test]
fn messages_of_both_types_go_both_ways() {
    let (server, mut client) = pair();
    let echo = thread::spawn(|| echo(server));
    for len in [0, 1, 125, 126, 8191, 8192, 65_535, 65_536, 200_000] {
        for message in [Message::text("é".repeat(len / 2)), Message::binary(vec![7; len])] {
            client.send(&message).unwrap();
            assert_eq!(client.recv().unwrap(), Some(message));
        }
    }
    client.close(CloseCode::NORMAL, "done").unwrap();
    let server = echo.join().unwrap().unwrap();
    assert!(client.close_info().is_clean());
    assert_eq!(server.close_info().received.reason(), "done");
    assert!(matches!(client.send("late"), Err(Error::Send(SendError::NotOpen))));
    assert_eq!(client.recv().unwrap(), None);
}

/// A borrowed message is sent while it is borrowed, without a copy.
#[test]
fn a_borrowed_message_is_echoed() {
    let (mut server, mut client) = pair();
    let echo = thread::spawn(move || {
        let (mut receiver, mut sender) = server.split();
        let mut borrowed = 0;
        while let Some(message) = receiver.recv(&mut sender)? {
            if matches!(&message, MessageRef::Text(text) if matches!(text, std::borrow::Cow::Borrowed(_)))
            {
                borrowed += 1;
            }
            sender.send(message)?;
        }
        Ok::<_, Error>(borrowed)
    });
    for text in ["short", "grün", &"x".repeat(100_000)] {
        client.send(text).unwrap();
        assert_eq!(client.recv().unwrap(), Some(text.into()));
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(echo.join().unwrap().unwrap() >= 2);
}

#[test]
fn messages_go_in_pieces() {
    let (mut server, mut client) = pair();
    let serving = thread::spawn(move || {
        {
            let mut reader = server.recv_reader().unwrap().unwrap();
            assert_eq!(reader.kind(), MessageKind::Binary);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len(), 500_000);
            assert!(reader.chunk().unwrap().is_none());
        }
        {
            // Dropped early: the rest of it is passed over.
            let mut reader = server.recv_reader().unwrap().unwrap();
            reader.read_exact(&mut [0; 10]).unwrap();
        }
        assert_eq!(server.recv().unwrap(), Some("next".into()));
        let mut writer = server.writer(MessageKind::Text).unwrap();
        let error = writer.write(&[0xFF]).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(matches!(inner, Some(Error::NotUtf8(_))), "{error}");
        // Nothing of it was sent, so another may begin. Nobody finishes that one.
        let mut writer = server.writer(MessageKind::Binary).unwrap();
        writer.write_all(b"bytes").unwrap();
        assert!(matches!(server.send("no"), Err(Error::MessageUnfinished)));
        assert!(server.recv().unwrap().is_none());
    });
    for len in [500_000, 200_000] {
        let mut writer = client.writer(MessageKind::Binary).unwrap();
        writer.write_all(&vec![9; len]).unwrap();
        writer.finish().unwrap();
    }
    client.send("next").unwrap();
    client.close(CloseCode::NORMAL, "").unwrap();
    serving.join().unwrap();
}

#[test]
fn bytes_go_through_a_byte_stream() {
    let (server, client) = pair();
    let serving = thread::spawn(move || {
        let mut bytes = server.into_byte_stream();
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).unwrap();
        all
    });
    let mut bytes = client.into_byte_stream();
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    bytes.write_all(&sent).unwrap();
    bytes.flush().unwrap();
    bytes.into_inner().close(CloseCode::NORMAL, "").unwrap();
    assert!(serving.join().unwrap() == sent);

    let (server, mut client) = pair();
    client.send("text").unwrap();
    let error = server.into_byte_stream().read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

/// The rule of `WebSocket`: sixteen messages in one read are answered by one write, by the natural
/// loop, and nothing stays queued. And no timeout is set for each message.
#[test]
fn the_natural_loop_answers_one_read_with_one_write() {
    let (server, mut client) = pair();
    for number in 0..16 {
        client.feed(format!("message {number}")).unwrap();
    }
    client.flush().unwrap();
    let writes = Arc::clone(&server.get_ref().writes);
    let timeouts_set = Arc::clone(&server.get_ref().timeouts_set);
    let echo = thread::spawn(|| echo(server));
    for number in 0..16 {
        assert_eq!(client.recv().unwrap(), Some(format!("message {number}").into()));
    }
    assert_eq!(writes.load(Ordering::Relaxed), 1);

    // One message a read: written at once, without a further `recv` by anyone.
    let before = timeouts_set.load(Ordering::Relaxed);
    assert!(before <= 3, "{before}");
    for _ in 0..100 {
        client.send("alone").unwrap();
        assert_eq!(client.recv().unwrap(), Some("alone".into()));
    }
    let after = timeouts_set.load(Ordering::Relaxed);
    assert!(after - before <= 2, "{before} {after}");
    client.close(CloseCode::NORMAL, "").unwrap();
    echo.join().unwrap().unwrap();
}

/// Queued replies go out before the Close of a violation; the error has the violation.
#[test]
fn what_was_queued_goes_out_before_the_close_of_a_violation() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, Config::server());
    far.write_all(&[MASKED_HELLO, b"\x81\x00"].concat()).unwrap();
    let peer = thread::spawn(move || {
        let mut written = Vec::new();
        far.read_to_end(&mut written).unwrap();
        written
    });
    let message = server.recv().unwrap().unwrap();
    server.send(message).unwrap();
    let ended = server.recv();
    assert!(matches!(ended, Err(Error::Violation(Violation::UnmaskedFrame))), "{ended:?}");
    assert_eq!(peer.join().unwrap(), b"\x81\x05Hello\x88\x12\x03\xeaframe not masked");
    assert_eq!(server.recv().unwrap(), None, "an error is reported once");
    assert_eq!(server.close_info().received, CloseStatus::Missing);
}

/// The queue is bounded, exactly.
#[test]
fn feeding_is_refused_when_the_queue_is_full() {
    let mut config = Config::server();
    config.max_write_queue_len = 1000;
    let (mut server, mut client) = pair_with(config);
    server.feed(&[7; 996][..]).unwrap(); // 1000 with its header
    let refused = server.feed("one more");
    assert!(matches!(refused, Err(Error::QueueFull { len: 1000, max_len: 1000 })), "{refused:?}");
    server.flush().unwrap();
    server.feed("now").unwrap();
    server.flush().unwrap();
    assert_eq!(client.recv().unwrap().unwrap().as_binary(), Some(&[7; 996][..]));
    assert_eq!(client.recv().unwrap(), Some("now".into()));
}
