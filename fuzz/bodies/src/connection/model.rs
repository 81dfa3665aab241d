//! The pending output of a connection and its permitted actions, tracked separately, from the rules
//! alone (RFC 6455, 5.4, 5.5, 7.1).

use tidings_websocket::frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, Decoder, Opcode, PayloadLimit, Rsv,
};
use tidings_websocket::{
    Client, CloseStatus, Connection, ControlFrameRate, Event, Limits, Role, SendError, Server,
    Timeouts, Timestamp,
};

use super::log::{Log, Other};
use super::script::{Content, Message};

pub(super) struct Model {
    is_server: bool,
    /// All that was written, in order.
    written: Vec<u8>,
    pong_pending: Option<ControlPayload>,
    ping_pending: bool,
    close: Close,
    /// The end of the transport is pending.
    shutdown_pending: bool,
    is_shut_down: bool,
    /// `Some(true)` while a text message that we send continues, `Some(false)` for a binary one.
    open_message: Option<bool>,
}

/// Our half of the closing handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Open,
    Pending(Expected),
    Sent(CloseStatus),
    Missed,
}

/// The expected content of our Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    This(Option<CloseFrame>),
    /// This code, with a reason of the connection's choice.
    Code(CloseCode),
    /// A code and a reason of the connection's choice.
    Any,
}

impl Model {
    pub(super) fn new(is_server: bool) -> Self {
        Self {
            is_server,
            written: Vec::new(),
            pong_pending: None,
            ping_pending: false,
            close: Close::Open,
            shutdown_pending: false,
            is_shut_down: false,
            open_message: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.close == Close::Open
    }

    /// Received events make output pending.
    pub(super) fn received(&mut self, log: &mut Log) {
        for other in log.take_news() {
            match other {
                // 5.5.3: the last Ping must be answered.
                Other::Ping(payload) => self.pong_pending = Some(payload),
                Other::Pong(_) => {}
                Other::Close(close) => {
                    // 5.5.1: the code is echoed; 7.4.1: but not 1010 by a server.
                    let echo = close.map(|close| match close.code {
                        CloseCode::MANDATORY_EXTENSION if self.is_server => CloseCode::NORMAL,
                        code => code,
                    });
                    let echo = echo.map(|code| CloseFrame::new(code, ""));
                    self.expect_close(Expected::This(echo));
                    // 7.1.1: the server ends the transport, the client waits.
                    self.shutdown_pending |= self.is_server;
                }
                Other::Violation(violation) => {
                    self.expect_close(Expected::Code(violation.close_code()));
                    self.shutdown_pending = true;
                }
            }
        }
    }

    pub(super) fn close_asked(&mut self, close: Option<CloseFrame>) {
        self.expect_close(Expected::This(close));
    }

    pub(super) fn timed_out(&mut self) {
        self.expect_close(Expected::Any);
        self.shutdown_pending = true;
    }

    pub(super) fn ended(&mut self) {
        if self.is_open() {
            self.close = Close::Missed;
        }
        self.shutdown_pending = true;
    }

    pub(super) fn ping_due(&mut self) {
        self.ping_pending = true;
    }

    /// The first reason to close counts.
    fn expect_close(&mut self, expected: Expected) {
        if self.is_open() {
            self.close = Close::Pending(expected);
        }
    }

    /// Returns the reason why this message cannot be sent now.
    pub(super) fn may_send(&mut self, message: &Message) -> Option<SendError> {
        let is_text = matches!(message.content, Content::Text(_));
        if !self.is_open() {
            return Some(SendError::NotOpen);
        }
        if self.open_message.is_some_and(|open| open != is_text) {
            return Some(SendError::InsideOtherMessage);
        }
        self.open_message = message.more.then_some(is_text);
        None
    }

    pub(super) fn sent_data(&mut self, bytes: &[u8]) {
        assert!(self.is_open());
        let (opcode, _) = self.read_frame(bytes);
        assert!(!opcode.is_control());
        self.written.extend_from_slice(bytes);
    }

    pub(super) fn sent_control(&mut self, bytes: &[u8]) {
        assert!(self.is_open());
        let (opcode, _) = self.read_frame(bytes);
        assert!(opcode.is_control() && opcode != Opcode::Control(ControlOpcode::Close));
        self.written.extend_from_slice(bytes);
    }

    /// A frame was returned for writing: it must have been pending.
    pub(super) fn transmitted(&mut self, bytes: &[u8]) {
        assert!(!self.is_shut_down, "a frame after the end");
        assert!(!matches!(self.close, Close::Sent(_)), "a frame after the Close frame");
        let (opcode, payload) = self.read_frame(bytes);
        match opcode {
            Opcode::Control(ControlOpcode::Pong) => {
                assert_eq!(self.pong_pending.take(), Some(payload), "the last Ping is answered");
            }
            Opcode::Control(ControlOpcode::Ping) => {
                assert!(
                    self.is_open() && std::mem::take(&mut self.ping_pending),
                    "no Ping was due"
                );
            }
            Opcode::Control(ControlOpcode::Close) => self.closed(&payload),
            Opcode::Data(opcode) => panic!("{opcode:?} that nobody sent"),
        }
        self.written.extend_from_slice(bytes);
    }

    fn closed(&mut self, payload: &ControlPayload) {
        let said = CloseFrame::parse(payload).expect("our Close frame is legal");
        let mandatory = CloseCode::MANDATORY_EXTENSION;
        match self.close {
            Close::Pending(Expected::This(expected)) => {
                // 7.4.1: 1010 is a client's to say.
                let expected = expected.map(|close| match close.code {
                    code if self.is_server && code == mandatory => {
                        CloseFrame { code: CloseCode::INTERNAL_ERROR, ..close }
                    }
                    _ => close,
                });
                assert_eq!(said, expected);
            }
            Close::Pending(Expected::Code(code)) => {
                assert_eq!(said.map(|said| said.code), Some(code));
            }
            Close::Pending(Expected::Any) => assert!(said.is_some()),
            other => panic!("a Close frame, but it is {other:?}"),
        }
        assert!(!self.is_server || said.is_none_or(|said| said.code != mandatory));
        self.close = Close::Sent(said.map_or(CloseStatus::Empty, CloseStatus::Frame));
    }

    pub(super) fn shut_down(&mut self) {
        assert!(self.shutdown_pending && !self.is_shut_down, "nothing asked for the end");
        self.nothing_but_the_end_is_pending();
        self.is_shut_down = true;
    }

    /// There was nothing to transmit.
    pub(super) fn nothing_is_pending(&mut self) {
        self.nothing_but_the_end_is_pending();
        assert_eq!(self.shutdown_pending, self.is_shut_down, "the end is still pending");
    }

    fn nothing_but_the_end_is_pending(&mut self) {
        assert!(!matches!(self.close, Close::Pending(_)), "a Close frame is still pending");
        if !matches!(self.close, Close::Sent(_)) {
            assert_eq!(self.pong_pending, None, "a Pong is still pending");
        }
        if self.is_open() {
            assert!(!self.ping_pending, "a Ping is still pending");
        }
    }

    /// Checks the connection's own view of its state.
    pub(super) fn assert_states<R: Role>(&self, connection: &Connection<R>) {
        assert_eq!(connection.is_open(), self.is_open());
        assert_eq!(connection.is_finished(), self.is_shut_down);
        assert_eq!(connection.poll_timeout().is_none(), self.is_shut_down);
        let sent = match self.close {
            Close::Sent(sent) => sent,
            _ => CloseStatus::Missing,
        };
        assert_eq!(connection.close_info().sent, sent);
        if self.is_shut_down {
            assert!(!connection.is_receiving());
        }
    }

    /// Returns the opcode and the unmasked payload of a whole frame of ours.
    fn read_frame(&self, bytes: &[u8]) -> (Opcode, ControlPayload) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        let mut decoder = Decoder::new(PayloadLimit::UNBOUNDED, Rsv::NONE);
        let part = decoder.decode(&mut input).expect("our frame is legal").expect("a frame");
        assert!(part.is_first && part.is_last);
        // 5.1: the client masks, the server does not.
        assert_eq!(part.header.masking_key().is_some(), !self.is_server);
        let payload = ControlPayload::new(part.payload).unwrap_or_default();
        assert!(input.is_empty(), "one frame at a time");
        (part.header.opcode(), payload)
    }

    /// A peer reads all that was written, and has nothing to complain of.
    pub(super) fn read_as_peer(self) {
        let mut limits = Limits::conformance();
        limits.control_frames = ControlFrameRate { burst: u32::MAX, per_second: u32::MAX };
        let (timeouts, now) = (Timeouts::server(), Timestamp::default());
        let mut written = self.written;
        if self.is_server {
            let mut peer = Connection::new(Client::new(|| [0; 4]), limits, timeouts, now);
            read(&mut peer, &mut written, self.close);
        } else {
            let mut peer = Connection::new(Server, limits, timeouts, now);
            read(&mut peer, &mut written, self.close);
        }
    }
}

fn read<R: Role>(peer: &mut Connection<R>, mut written: &mut [u8], close: Close) {
    let mut log = Log::default();
    while let Some(event) = peer.receive(Timestamp::default(), &mut written) {
        if let Event::Violation(violation) = event {
            panic!("what we send is wrong: {violation}");
        }
        if let Event::Close(_) = event {
            assert!(written.is_empty(), "bytes after our Close frame");
        }
        log.push(event);
    }
    let received = match close {
        Close::Sent(sent) => sent,
        _ => CloseStatus::Missing,
    };
    assert_eq!(peer.close_info().received, received);
}
