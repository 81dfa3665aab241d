//! A table row of a test: [`Scenario`].

use tidings_websocket::{CloseStatus, Role};

use crate::endpoint::{Side, Step};
use crate::pair::{Delivery, Outcome, Pair};
use crate::random::Random;
use crate::wire::Unit;

/// Steps, and their end. Each check runs the steps for both roles of side A, and verifies the
/// written bytes, the received events, and the end.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// A sentence that describes it.
    pub name: &'static str,
    /// The steps; at their end everything is delivered.
    pub steps: Vec<Step>,
    /// The state of both sides at the end.
    pub ending: Ending,
}

/// The end of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both are open.
    Open,
    /// Both are finished and clean. These are the codes that A and B report (RFC 6455, 7.1.5).
    Clean(u16, u16),
    /// Both are finished. These are the codes that A and B report; one at least is not clean.
    Abnormal(u16, u16),
}

impl Scenario {
    /// A row.
    #[must_use]
    pub fn new(name: &'static str, steps: impl Into<Vec<Step>>, ending: Ending) -> Self {
        Self { name, steps: steps.into(), ending }
    }

    /// Runs it whole, in chunks of 1, 2, 3, 7 and 13 bytes, and with a cut at every byte of
    /// either direction. All must end alike.
    pub fn check(&self) {
        for role in ROLES {
            let whole = self.run_as(role, &Delivery::Whole);
            self.check_ending(role, &whole.outcome);
            for len in [1, 2, 3, 7, 13] {
                self.check_same(role, &whole, &Delivery::Chunks(len));
            }
            for (side, len) in whole.delivered {
                for at in 0..=len {
                    self.check_same(role, &whole, &Delivery::CutAt(side, at));
                }
            }
        }
    }

    /// Runs it in random pieces.
    pub fn check_random(&self, random: &Random) {
        for role in ROLES {
            let delivery = Delivery::Random(random.clone());
            // A step that delivers this many bytes finds others there if one more Ping was
            // answered.
            if self.steps.iter().any(|step| matches!(step, Step::Deliver(..))) {
                self.run_as(role, &delivery);
            } else {
                self.check_same(role, &self.run_as(role, &Delivery::Whole), &delivery);
            }
        }
    }

    /// Runs it with the end of either direction, and with the loss of both, at every byte. Every
    /// message that is reported was complete, and both sides come to an end.
    pub fn check_every_end(&self) {
        for role in ROLES {
            for (side, len) in self.run_as(role, &Delivery::Whole).delivered {
                for at in 0..len {
                    for delivery in [Delivery::EofAt(side, at), Delivery::ResetAt(side, at)] {
                        let outcome = self.run_as(role, &delivery).outcome;
                        for side in [&outcome.a, &outcome.b] {
                            let message =
                                || format!("{}, {role:?}, {delivery:?}: {outcome:#?}", self.name);
                            // W-111
                            assert!(side.is_finished, "{}", message());
                            let closes =
                                side.received.iter().any(|unit| matches!(unit, Unit::Close(_)));
                            let is_missing = side.close_info.received == CloseStatus::Missing;
                            assert_eq!(is_missing, !closes, "{}", message());
                        }
                    }
                }
            }
        }
    }

    /// Runs it with the frames of both directions delivered in every order between the steps, and
    /// returns how many orders there are. For short scenarios without `Advance`.
    pub fn check_every_order(&self) -> usize {
        let client_first = self.every_order(|| Pair::client_and_server(Delivery::Whole));
        let server_first = self.every_order(|| Pair::server_and_client(Delivery::Whole));
        client_first + server_first
    }

    /// Depth first: each run repeats the choices of the one before up to the last that has an
    /// alternative, and takes that.
    fn every_order<A: Role, B: Role>(&self, new: impl Fn() -> Pair<A, B>) -> usize {
        let mut choices: Vec<(usize, usize)> = Vec::new();
        for orders in 1.. {
            let mut duet = new();
            self.run_in_order(&mut duet, &mut choices);
            self.check_one_order(&duet, &choices);
            while let Some((taken, options)) = choices.pop() {
                if taken + 1 < options {
                    choices.push((taken + 1, options));
                    break;
                }
            }
            if choices.is_empty() {
                return orders;
            }
        }
        unreachable!("the orders are finite");
    }

    /// At each point either the next step is done, or a frame is delivered to A, or to B.
    fn run_in_order<A: Role, B: Role>(
        &self,
        duet: &mut Pair<A, B>,
        choices: &mut Vec<(usize, usize)>,
    ) {
        let mut steps = self.steps.iter();
        for depth in 0.. {
            let next_step = steps.as_slice().first().map(|_| None);
            let frames = [Side::A, Side::B].map(|to| duet.has_under_way(to).then_some(Some(to)));
            let options: Vec<Option<Side>> =
                next_step.into_iter().chain(frames.into_iter().flatten()).collect();
            if options.is_empty() {
                return;
            }
            if depth == choices.len() {
                choices.push((0, options.len()));
            }
            match options[choices[depth].0] {
                Some(to) => duet.deliver_frame(to),
                None => steps.by_ref().take(1).for_each(|step| duet.step(step)),
            }
        }
    }

    fn check_one_order<A: Role, B: Role>(&self, duet: &Pair<A, B>, choices: &[(usize, usize)]) {
        duet.check();
        let outcome = duet.outcome();
        for side in [&outcome.a, &outcome.b] {
            let message = || format!("{}, {choices:?}: {outcome:#?}", self.name);
            assert_eq!(side.is_finished, self.ending != Ending::Open, "{}", message());
            let is_clean = matches!(self.ending, Ending::Clean(..));
            assert!(side.close_info.is_clean() || !is_clean, "{}", message());
        }
    }

    fn run_as(&self, role: RoleOfA, delivery: &Delivery) -> Run {
        let shown = ShownOnPanic { name: self.name, role, delivery };
        let run = match role {
            RoleOfA::Client => self.run(Pair::client_and_server(delivery.clone())),
            RoleOfA::Server => self.run(Pair::server_and_client(delivery.clone())),
        };
        drop(shown);
        run
    }

    fn run<A: Role, B: Role>(&self, mut duet: Pair<A, B>) -> Run {
        for step in &self.steps {
            duet.step(step);
        }
        duet.settle();
        duet.check();
        let delivered = [Side::A, Side::B].map(|side| (side, duet.delivered_len(side)));
        Run { outcome: duet.outcome(), delivered }
    }

    fn check_same(&self, role: RoleOfA, whole: &Run, delivery: &Delivery) {
        let outcome = self.run_as(role, delivery).outcome;
        assert_eq!(outcome, whole.outcome, "{}, {role:?}, {delivery:?}", self.name);
    }

    fn check_ending(&self, role: RoleOfA, outcome: &Outcome) {
        let sides = [&outcome.a, &outcome.b];
        let codes = sides.map(|side| side.close_info.received.code());
        let is_clean = sides.iter().all(|side| side.close_info.is_clean());
        let finished = sides.map(|side| side.is_finished);
        let (expected_finished, expected_clean, expected_codes) = match self.ending {
            Ending::Open => (false, false, [1006, 1006]),
            Ending::Clean(a, b) => (true, true, [a, b]),
            Ending::Abnormal(a, b) => (true, false, [a, b]),
        };
        let message = || format!("{}, with A as {role:?}: {outcome:#?}", self.name);
        assert_eq!(finished, [expected_finished; 2], "{}", message());
        assert_eq!(is_clean, expected_clean, "{}", message());
        assert_eq!(codes, expected_codes, "{}", message());
    }
}

/// The role of side A.
#[derive(Clone, Copy, Debug)]
enum RoleOfA {
    Client,
    Server,
}

const ROLES: [RoleOfA; 2] = [RoleOfA::Client, RoleOfA::Server];

struct Run {
    outcome: Outcome,
    /// The number of bytes that each side got.
    delivered: [(Side, usize); 2],
}

/// Says which run it was.
struct ShownOnPanic<'a> {
    name: &'a str,
    role: RoleOfA,
    delivery: &'a Delivery,
}

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, role, delivery } = self;
            eprintln!("in the scenario {name:?}, A as {role:?}, delivered {delivery:?}");
        }
    }
}
