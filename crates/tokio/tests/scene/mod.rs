//! A fixed talk between a caller and an echoer, over a transport with faults, in every way that a
//! WebSocket can be held. [`run`] plays it with both sides polled only when they were woken.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tidings_testkit::{Counters, FaultTransport, Faults, Keys, Unit, Wire, run_when_woken};
use tidings_tokio::websocket::frame::ControlPayload;
use tidings_tokio::websocket::{Client, CloseInfo, Role};
use tidings_tokio::{
    CloseCode, Config, Error, Message, WebSocket, message::MessageKind, server::ServerRole,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

mod cut;
mod talk;
mod tap;

pub(crate) use cut::Cut;
pub(crate) use tap::Tap;

use talk::{call, echo};

/// One end of the transport.
pub(crate) type End = Tap<FaultTransport>;

/// The actions of the caller, step by step. It waits for the echo of each before the next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these messages in one batch.
    Say(Vec<Message>),
    /// Sends one message in pieces, each a frame.
    Pieces(MessageKind, Vec<Vec<u8>>),
    /// Sends a Ping.
    Ping(&'static [u8]),
}

/// The form of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `recv` and `send`.
    Whole,
    /// The borrowed halves, with borrowed messages.
    Halves,
    /// The owned halves, in two tasks that are woken on their own.
    Split,
    /// `recv_reader` and `writer`.
    Pieces,
}

pub(crate) const STYLES: [Style; 4] = [Style::Whole, Style::Halves, Style::Split, Style::Pieces];

/// The Ping that the echoer sends before its second echo.
pub(crate) const ECHOER_PING: &[u8] = b"alive?";
/// The close code of the caller.
pub(crate) const CODE: u16 = 4000;
pub(crate) const REASON: &str = "byé";

/// A talk and the way it goes.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) steps: Vec<Step>,
    /// The room of the transport, in each direction.
    pub(crate) room: usize,
    pub(crate) caller_is_client: bool,
    pub(crate) caller: Style,
    pub(crate) echoer: Style,
    /// `true` if the transport holds bytes until they are flushed.
    pub(crate) holds_back: bool,
}

/// Some 200 bytes in each direction, with every form of message.
pub(crate) fn small(caller_is_client: bool, style: Style) -> Scene {
    let steps = vec![
        Step::Say(vec!["héllo".into()]),
        Step::Say(vec![
            Message::binary(vec![0xA5; 130]),
            "".into(),
            Message::binary(b"end".to_vec()),
        ]),
        Step::Pieces(
            MessageKind::Text,
            vec![b"gr".to_vec(), vec![0xC3], vec![0xBC, b'n'], b"!".to_vec()],
        ),
        Step::Ping(b"marco"),
        Step::Say(vec!["last".into()]),
    ];
    Scene {
        steps,
        room: 1 << 20,
        caller_is_client,
        caller: style,
        echoer: style,
        holds_back: false,
    }
}

/// A few steps, for pairs of faults.
pub(crate) fn short(caller_is_client: bool, style: Style) -> Scene {
    let steps = vec![Step::Say(vec!["ab".into()]), Step::Say(vec!["c".into(), "d".into()])];
    Scene { steps, ..small(caller_is_client, style) }
}

/// Messages around and far above 64 KiB.
pub(crate) fn large(caller_is_client: bool, style: Style) -> Scene {
    let bytes = |len: usize| -> Vec<u8> { (0u8..=250).cycle().take(len).collect() };
    let steps = vec![
        Step::Say(vec![Message::binary(bytes(70_000)), "é".repeat(5_000).into()]),
        Step::Pieces(MessageKind::Binary, vec![bytes(1), bytes(66_000)]),
        Step::Say(vec![Message::binary(bytes(8_192)), Message::binary(bytes(20))]),
        Step::Ping(b"polo"),
    ];
    // Room for all bytes in transit at once: a side that waits for nobody must not be stuck.
    Scene {
        steps,
        room: 1 << 20,
        caller_is_client,
        caller: style,
        echoer: style,
        holds_back: false,
    }
}

/// The report of one side.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its messages and control frames, in order.
    pub(crate) received: Vec<Unit>,
    /// The error at the end.
    pub(crate) error: Option<Error>,
    pub(crate) close_info: Option<CloseInfo>,
    /// Bytes that the transport took from it.
    pub(crate) wrote: Vec<u8>,
    /// The calls to the transport.
    pub(crate) counters: Counters,
    /// The number of polls.
    pub(crate) polls: usize,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) caller: Report,
    pub(crate) echoer: Report,
}

/// Time that stands still: a task that waits for a timer waits in vain.
pub(crate) fn stopped_clock() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Everything is delivered, nothing times out.
pub(crate) fn config() -> Config {
    let mut config = Config::server();
    config.limits.max_message_len = 1 << 30;
    config.limits.max_frame_len = 1 << 30;
    config.deliver_control_frames = true;
    config.timeouts.ping_interval = Duration::from_secs(3600);
    config
}

pub(crate) fn client() -> Client<Keys> {
    Client::new(Keys::new(7))
}

/// Plays the scene with these faults at the caller's and the echoer's end.
pub(crate) fn run(scene: &Scene, faults: [Faults; 2], cuts: &[Cut; 2], max_polls: usize) -> Run {
    match scene.caller_is_client {
        true => run_as(scene, client(), ServerRole, faults, cuts, max_polls),
        false => run_as(scene, ServerRole, client(), faults, cuts, max_polls),
    }
}

fn run_as<A: Role + Unpin, B: Role + Unpin>(
    scene: &Scene,
    caller: A,
    echoer: B,
    [caller_faults, echoer_faults]: [Faults; 2],
    [caller_cut, echoer_cut]: &[Cut; 2],
    max_polls: usize,
) -> Run {
    let (near, far) = FaultTransport::pair(scene.room);
    let counters = [near.counters_later(), far.counters_later()];
    let (near, far) = (Tap::new(near.with(caller_faults)), Tap::new(far.with(echoer_faults)));
    let (near, far) = match scene.holds_back {
        true => (near.holding_back(), far.holding_back()),
        false => (near, far),
    };
    let wrote = [near.written(), far.written()];
    let caller = WebSocket::from_handshaken(near, caller, config(), &[]);
    let echoer = WebSocket::from_handshaken(far, echoer, config(), &[]);
    let received = [RefCell::default(), RefCell::default()];
    let woken = run_when_woken(
        max_polls,
        call(caller, scene, caller_cut, &received[0]),
        echo(echoer, scene.echoer, echoer_cut, &received[1]),
    );
    let [from_caller, from_echoer] = received.map(RefCell::into_inner);
    let report = |side: usize, received, (error, close_info), polls| Report {
        received,
        error,
        close_info,
        wrote: wrote[side].lock().unwrap().clone(),
        counters: counters[side](),
        polls,
    };
    Run {
        caller: report(0, from_caller, woken.values.0, woken.polls.0),
        echoer: report(1, from_echoer, woken.values.1, woken.polls.1),
    }
}

impl Run {
    pub(crate) fn sides(&self) -> [&Report; 2] {
        [&self.caller, &self.echoer]
    }
}

impl Report {
    /// Returns everything that it wrote, read by a reader that shares no code with the library; the
    /// last frame may be cut. Panics if a frame is illegal for a sender.
    pub(crate) fn wire(&self, is_client: bool) -> Wire {
        Wire::read(is_client, &self.wrote).unwrap()
    }
}

/// Returns the items of each kind, in order: Pings and Pongs may be between other messages than
/// without faults.
pub(crate) fn by_kind(units: &[Unit]) -> [Vec<Unit>; 4] {
    let kind = |unit: &Unit| match unit {
        Unit::Text(_) | Unit::Binary(_) => 0,
        Unit::Ping(_) => 1,
        Unit::Pong(_) => 2,
        Unit::Close(_) => 3,
    };
    [0, 1, 2, 3].map(|wanted| units.iter().filter(|unit| kind(unit) == wanted).cloned().collect())
}

/// Returns whether each kind of `units` begins that kind of `all`.
pub(crate) fn is_beginning(units: &[Unit], all: &[Unit]) -> bool {
    by_kind(units).iter().zip(by_kind(all)).all(|(some, all)| all.starts_with(some))
}

pub(crate) fn unit(message: Message) -> Unit {
    match message {
        Message::Text(text) => Unit::Text(text.as_str().into()),
        Message::Binary(bytes) => Unit::Binary(bytes.into()),
        Message::Ping(payload) => Unit::Ping(payload.as_bytes().into()),
        Message::Pong(payload) => Unit::Pong(payload.as_bytes().into()),
        Message::Close(close) => {
            Unit::Close(close.map(|close| (close.code.get(), close.reason.as_str().into())))
        }
        other => panic!("{other:?} is new"),
    }
}

fn control(payload: &[u8]) -> ControlPayload {
    ControlPayload::new(payload).unwrap()
}

/// After its error a connection is over, and reports it: the receiver gets the error once, if it
/// was a `send` that failed, then `None`; a sender gets it each time.
async fn check_is_over<R: Role>(socket: &mut WebSocket<End, R>) {
    let _ = socket.recv().await;
    let next = socket.recv().await;
    assert!(matches!(next, Ok(None)), "after the error came {next:?}");
    for _ in 0..2 {
        let fed = socket.feed("more");
        assert!(fed.is_err(), "after the error a message was taken");
        assert!(!matches!(fed, Err(Error::QueueFull { .. })), "{fed:?}");
    }
}
