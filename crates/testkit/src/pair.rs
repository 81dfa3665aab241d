//! Two connections, joined: [`Pair`].

use std::time::Duration;

use tidings_websocket::{
    Client, CloseInfo, Connection, Limits, Role, Server, Timeout, Timeouts, Timestamp,
};

use crate::clock::Clock;
use crate::endpoint::{Endpoint, Side, Step};
use crate::random::{Keys, Random};
use crate::wire::Unit;

/// Two endpoints, a pipe in each direction, and a clock. Nothing is delivered by itself.
#[derive(Debug)]
pub struct Pair<A, B> {
    a: Endpoint<A>,
    b: Endpoint<B>,
    a_is_client: bool,
    clock: Clock,
    delivery: Delivery,
}

/// In which pieces the pipes deliver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// All that is under way.
    Whole,
    /// At most this many bytes.
    Chunks(usize),
    /// All, but with a cut at this offset of the stream to this side.
    CutAt(Side, usize),
    /// Random pieces.
    Random(Random),
    /// All, until this side got this many bytes; there its stream ends.
    EofAt(Side, usize),
    /// All, until this side got this many bytes; there the transport is lost both ways.
    ResetAt(Side, usize),
}

/// The results of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Side A.
    pub a: SideOutcome,
    /// Side B.
    pub b: SideOutcome,
}

/// The results of one side. Without Pongs: of several Pings the last is answered, so their number
/// depends on how the bytes are split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideOutcome {
    /// The messages, Pings and Closes that it received.
    pub received: Vec<Unit>,
    /// The Close frames.
    pub close_info: CloseInfo,
    /// `true` if nothing is left to do.
    pub is_finished: bool,
    /// The deadlines that the peer missed.
    pub timeouts: Vec<Timeout>,
}

/// A server, as side A or B.
fn server() -> Endpoint<Server> {
    let (limits, timeouts) = (Limits::server(), Timeouts::server());
    Endpoint::new(Connection::new(Server, limits, timeouts, Timestamp::default()), false)
}

/// A client, as side A or B.
fn client() -> Endpoint<Client<Keys>> {
    let (limits, timeouts) = (Limits::client(), Timeouts::client());
    let role = Client::new(Keys::new(1));
    Endpoint::new(Connection::new(role, limits, timeouts, Timestamp::default()), true)
}

impl Pair<Client<Keys>, Server> {
    /// Side A is the client.
    #[must_use]
    pub fn client_and_server(delivery: Delivery) -> Self {
        Self { a: client(), b: server(), a_is_client: true, clock: Clock::new(), delivery }
    }
}

impl Pair<Server, Client<Keys>> {
    /// Side A is the server.
    #[must_use]
    pub fn server_and_client(delivery: Delivery) -> Self {
        Self { a: server(), b: client(), a_is_client: false, clock: Clock::new(), delivery }
    }
}

impl<A: Role, B: Role> Pair<A, B> {
    /// Side A.
    #[must_use]
    pub const fn a(&self) -> &Endpoint<A> {
        &self.a
    }

    /// Side B.
    #[must_use]
    pub const fn b(&self) -> &Endpoint<B> {
        &self.b
    }

    /// Does the next step of a scenario.
    pub fn step(&mut self, step: &Step) {
        let now = self.clock.now();
        match step {
            Step::Text(side, ..)
            | Step::Binary(side, ..)
            | Step::Ping(side, _)
            | Step::Pong(side, _)
            | Step::Close(side, _) => match side {
                Side::A => self.a.command(now, step),
                Side::B => self.b.command(now, step),
            },
            Step::Eof(Side::A) => self.a.cut(),
            Step::Eof(Side::B) => self.b.cut(),
            Step::Reset => self.reset(),
            Step::Advance(by) => self.advance(*by),
            Step::Leap(by) => {
                self.clock.advance(*by);
                self.handle_timeouts();
            }
            Step::Deliver(to, len) => self.deliver(*to, *len),
            Step::Settle => self.settle(),
        }
    }

    /// Delivers until nothing is under way.
    pub fn settle(&mut self) {
        self.end_if_due(Side::A); // a stream may end before its first byte
        self.end_if_due(Side::B);
        while self.has_under_way(Side::A) || self.has_under_way(Side::B) {
            for to in [Side::A, Side::B] {
                let len = self.next_len(to);
                self.deliver(to, len);
            }
        }
    }

    /// Returns whether anything is in transit to this side, bytes or the end.
    #[must_use]
    pub fn has_under_way(&self, to: Side) -> bool {
        match to {
            Side::A => !self.b.under_way().is_empty() || self.b.has_end_under_way(),
            Side::B => !self.a.under_way().is_empty() || self.a.has_end_under_way(),
        }
    }

    /// Delivers up to `len` bytes, or the end if that is next.
    pub fn deliver(&mut self, to: Side, len: usize) {
        let now = self.clock.now();
        let under_way = match to {
            Side::A => self.b.under_way().len(),
            Side::B => self.a.under_way().len(),
        };
        let len = len.min(under_way);
        if len > 0 {
            match to {
                Side::A => self.a.receive(now, &self.b.take(len)),
                Side::B => self.b.receive(now, &self.a.take(len)),
            }
        }
        self.end_if_due(to);
        match to {
            Side::A if under_way == 0 && self.b.take_end() => self.a.receive_eof(),
            Side::B if under_way == 0 && self.a.take_end() => self.b.receive_eof(),
            _ => {}
        }
    }

    /// Delivers the rest of one frame, or the end if that is next.
    pub fn deliver_frame(&mut self, to: Side) {
        let len = match to {
            Side::A => self.b.next_frame_len(),
            Side::B => self.a.next_frame_len(),
        };
        self.deliver(to, len);
    }

    /// Returns the number of bytes that are delivered next, by the kind of delivery.
    fn next_len(&mut self, to: Side) -> usize {
        let (delivered, under_way) = match to {
            Side::A => (self.b.delivered(), self.b.under_way().len()),
            Side::B => (self.a.delivered(), self.a.under_way().len()),
        };
        match &mut self.delivery {
            Delivery::Chunks(len) => *len,
            Delivery::Random(random) => 1 + random.below(under_way.max(1)),
            Delivery::CutAt(side, at) | Delivery::EofAt(side, at) | Delivery::ResetAt(side, at)
                if *side == to && *at > delivered =>
            {
                *at - delivered
            }
            _ => usize::MAX,
        }
    }

    /// The faults of the delivery happen at their byte.
    fn end_if_due(&mut self, to: Side) {
        let delivered = self.delivered_len(to);
        match self.delivery {
            Delivery::ResetAt(side, at) if side == to && at == delivered => {
                self.delivery = Delivery::Whole;
                self.reset();
            }
            Delivery::EofAt(side, at) if side == to && at == delivered => {
                self.delivery = Delivery::Whole;
                match to {
                    Side::A => self.b.cut_here(),
                    Side::B => self.a.cut_here(),
                }
            }
            _ => {}
        }
    }

    fn reset(&mut self) {
        self.a.reset();
        self.b.reset();
        self.a.receive_eof();
        self.b.receive_eof();
    }

    /// Lets time pass, from deadline to deadline, with everything delivered in between.
    fn advance(&mut self, by: Duration) {
        let end = self.clock.now().after(by);
        self.settle();
        while let Some(due) = self.next_deadline().filter(|due| *due <= end) {
            self.clock.set(due.max(self.clock.now()));
            self.handle_timeouts();
            self.settle();
        }
        self.clock.set(end);
    }

    /// Returns the earlier of both sides' deadlines.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let a = self.a.connection().poll_timeout();
        let b = self.b.connection().poll_timeout();
        a.into_iter().chain(b).min()
    }

    fn handle_timeouts(&mut self) {
        self.a.handle_timeout(self.clock.now());
        self.b.handle_timeout(self.clock.now());
    }

    /// Checks the properties that hold whenever nothing is in transit: each side wrote what it was
    /// told to, and the other side received all delivered bytes.
    pub fn check(&self) {
        self.a.check_written();
        self.b.check_written();
        self.a.check_seen_by(&self.b, self.a_is_client);
        self.b.check_seen_by(&self.a, !self.a_is_client);
    }

    /// Returns the results of both sides.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome { a: outcome(&self.a), b: outcome(&self.b) }
    }

    /// Returns the number of bytes that were delivered to this side.
    #[must_use]
    pub const fn delivered_len(&self, to: Side) -> usize {
        match to {
            Side::A => self.b.delivered(),
            Side::B => self.a.delivered(),
        }
    }
}

fn outcome<R: Role>(side: &Endpoint<R>) -> SideOutcome {
    let without_pongs = side.received().iter().filter(|unit| !matches!(unit, Unit::Pong(_)));
    SideOutcome {
        received: without_pongs.cloned().collect(),
        close_info: side.connection().close_info(),
        is_finished: side.connection().is_finished(),
        timeouts: side.timeouts().to_vec(),
    }
}
