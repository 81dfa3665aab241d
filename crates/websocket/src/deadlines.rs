//! Keep-alive, message, idle and closing timeouts. RFC 6455 prescribes none of them.

use core::time::Duration;

use tidings_frame::{CloseCode, CloseFrame, ControlPayload};
use tidings_time::Timestamp;

use crate::outbound::ping_payload;

/// The timeouts of a connection. [`Timeouts::NEVER`] turns one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The time between two Pings of ours. Spread it over connections by a random part, so that
    /// they do not all ping at once.
    pub ping_interval: Duration,
    /// The time that the peer has to answer a Ping, or to send anything at all.
    pub pong: Duration,
    /// The time from a message's first byte to its last, plus a second for every 512 bytes of it
    /// that have arrived; also for a control frame. A slow link is not a fault, but a peer that
    /// sends next to nothing is.
    pub message: Duration,
    /// The time that may pass without a message, counted while none is arriving. Off by default:
    /// silence is normal, and the Pong shows whether the peer is alive.
    pub idle: Duration,
    /// The time from our Close, or from the peer's, to the end of the transport.
    pub closing: Duration,
}

impl Timeouts {
    /// No limit.
    pub const NEVER: Duration = Duration::MAX;

    /// For a server: two Pings fit into the 60 s after which common proxies cut a silent
    /// connection.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            pong: Duration::from_secs(20),
            message: Duration::from_secs(60),
            idle: Self::NEVER,
            closing: Duration::from_secs(5),
        }
    }

    /// For a client, which gives the server more time to close.
    #[must_use]
    pub const fn client() -> Self {
        Self { closing: Duration::from_secs(10), ..Self::server() }
    }
}

/// The deadline that the peer missed. The connection has failed; a Close frame may be pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// Neither the Pong nor anything else arrived.
    Pong,
    /// A message did not end.
    Message,
    /// No message arrived.
    Idle,
    /// The closing handshake did not complete, or the transport did not end.
    Closing,
}

impl Timeout {
    /// Returns the Close frame that reports it.
    pub(crate) fn close_frame(self) -> CloseFrame {
        match self {
            Self::Pong => CloseFrame::new(CloseCode::INTERNAL_ERROR, "no pong in time"),
            Self::Message => CloseFrame::new(CloseCode::POLICY_VIOLATION, "message not in time"),
            Self::Idle => CloseFrame::new(CloseCode::GOING_AWAY, "idle for too long"),
            Self::Closing => CloseFrame::new(CloseCode::NORMAL, ""),
        }
    }
}

impl core::fmt::Display for Timeout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Pong => "the peer did not answer a Ping in time",
            Self::Message => "the peer did not end its message in time",
            Self::Idle => "the peer sent no message for too long",
            Self::Closing => "the peer did not complete the closing handshake in time",
        })
    }
}

impl core::error::Error for Timeout {}

/// The time that a byte of an unfinished message earns: 512 bytes a second are fast enough.
const NANOS_PER_BYTE: u64 = 1_000_000_000 / 512;

/// The action that is due next.
pub(crate) enum Due {
    /// Send the Ping with this number.
    Ping(u64),
    /// The peer is late.
    Late(Timeout),
}

/// The running timers of one connection. At most one Ping is unanswered.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines {
    waits: Waits,
    last_received: Timestamp,
    /// When the peer was last known to live, by what it sent or took.
    last_heard: Timestamp,
    next_ping: Timestamp,
    ping_sent: Option<PingSent>,
    ping_number: u64,
    round_trip_time: Option<Duration>,
    /// The time since which a frame or a message has been waiting for its end, moved by the time
    /// that its bytes have earned.
    incomplete_since: Option<Timestamp>,
    last_message: Timestamp,
    closing_begun: Option<Timestamp>,
}

/// The [`Timeouts`] in nanoseconds, which take half the space of a `Duration`.
#[derive(Clone, Debug)]
struct Waits {
    ping_interval: u64,
    pong: u64,
    message: u64,
    idle: u64,
    closing: u64,
}

impl From<Timeouts> for Waits {
    fn from(timeouts: Timeouts) -> Self {
        let nanos = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self {
            ping_interval: nanos(timeouts.ping_interval),
            pong: nanos(timeouts.pong),
            message: nanos(timeouts.message),
            idle: nanos(timeouts.idle),
            closing: nanos(timeouts.closing),
        }
    }
}

/// An unanswered Ping.
#[derive(Clone, Copy, Debug)]
struct PingSent {
    at: Timestamp,
    /// It repeats one whose Pong was overdue when the timer came far too late.
    is_second: bool,
}

impl Deadlines {
    pub(crate) fn new(timeouts: Timeouts, now: Timestamp) -> Self {
        let waits = Waits::from(timeouts);
        Self {
            last_received: now,
            last_heard: now,
            next_ping: now.after_nanos(waits.ping_interval),
            waits,
            ping_sent: None,
            ping_number: 0,
            round_trip_time: None,
            incomplete_since: None,
            last_message: now,
            closing_begun: None,
        }
    }

    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }

    /// Bytes came. Any byte shows that the peer lives: inside a long frame it cannot send a Pong.
    #[inline]
    pub(crate) fn bytes_received(&mut self, now: Timestamp) {
        self.last_received = now;
        self.alive_until(now);
    }

    /// The peer is known to live at that time.
    #[inline]
    pub(crate) fn alive_until(&mut self, then: Timestamp) {
        self.last_heard = self.last_heard.max(then);
    }

    /// Nobody waited for bytes between the last ones and `now`: bytes sent then may be waiting to
    /// be received, so the time does not count. Returns its length.
    pub(crate) fn resume(&mut self, now: Timestamp) -> Duration {
        let pause = now.since(self.last_received);
        self.incomplete_since = self.incomplete_since.map(|since| since.after(pause).min(now));
        self.last_message = self.last_message.after(pause).min(now);
        self.last_received = self.last_received.max(now);
        self.alive_until(now);
        pause
    }

    /// A part of a message arrived, perhaps its last, in `len` bytes.
    #[inline]
    pub(crate) fn data_received(&mut self, now: Timestamp, is_last: bool, len: usize) {
        if is_last {
            self.last_message = now;
        }
        self.input_taken(now, !is_last, len);
    }

    /// `len` bytes were taken, and a frame or message may have been left incomplete.
    #[inline]
    pub(crate) fn input_taken(&mut self, now: Timestamp, is_incomplete: bool, len: usize) {
        self.incomplete_since = is_incomplete.then(|| {
            let since = self.incomplete_since.unwrap_or(now);
            let len = u64::try_from(len).unwrap_or(u64::MAX);
            // `now` is when the bytes came, perhaps before a pause.
            since.after_nanos(len.saturating_mul(NANOS_PER_BYTE)).min(now).max(since)
        });
    }

    pub(crate) fn pong_received(&mut self, now: Timestamp, payload: &ControlPayload) {
        // Only the Ping on its way counts, and only once.
        if *payload == ping_payload(self.ping_number) {
            if let Some(sent) = self.ping_sent.take() {
                self.round_trip_time = Some(now.since(sent.at));
            }
        }
    }

    /// The closing handshake began; the first call counts.
    pub(crate) fn closing(&mut self, now: Timestamp) {
        self.closing_begun.get_or_insert(now);
    }

    /// Restarts the time that the peer has for its part of the closing handshake.
    pub(crate) fn restart_closing(&mut self, now: Timestamp) {
        self.closing_begun = self.closing_begun.map(|begun| begun.max(now));
    }

    /// Returns the time at which [`take_due`](Self::take_due) has a result, if nothing else
    /// happens.
    pub(crate) fn next(&self) -> Timestamp {
        if let Some(begun) = self.closing_begun {
            return begun.after_nanos(self.waits.closing);
        }
        let ping = self.pong_due().unwrap_or(self.next_ping);
        ping.min(self.message_or_idle_due().0)
    }

    /// A message that has begun must end; without one, the next must begin.
    fn message_or_idle_due(&self) -> (Timestamp, Timeout) {
        match self.incomplete_since {
            Some(since) => (since.after_nanos(self.waits.message), Timeout::Message),
            None => (self.last_message.after_nanos(self.waits.idle), Timeout::Idle),
        }
    }

    fn pong_due(&self) -> Option<Timestamp> {
        self.ping_sent.map(|sent| sent.at.max(self.last_heard).after_nanos(self.waits.pong))
    }

    /// Returns the action that is due at `now`. Call it until it returns `None`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        if let Some(begun) = self.closing_begun {
            return (begun.after_nanos(self.waits.closing) <= now)
                .then_some(Due::Late(Timeout::Closing));
        }
        let (due, timeout) = self.message_or_idle_due();
        if due <= now {
            return Some(Due::Late(timeout));
        }
        match (self.ping_sent, self.pong_due()) {
            (Some(sent), Some(due)) if due <= now => {
                // Woken far too late, say after a suspend: the answer may be waiting unread. Send
                // one more Ping before the connection fails. But if nothing arrived after that, it
                // fails, or a timer that is always late would never fail it.
                let is_late = due.after_nanos(self.waits.pong) <= now;
                if is_late && (!sent.is_second || self.last_heard > sent.at) {
                    return Some(Due::Ping(self.ping(now, true)));
                }
                Some(Due::Late(Timeout::Pong))
            }
            (Some(_), _) => None,
            (None, _) if self.next_ping <= now => Some(Due::Ping(self.ping(now, false))),
            (None, _) => None,
        }
    }

    fn ping(&mut self, now: Timestamp, is_second: bool) -> u64 {
        self.ping_number = self.ping_number.wrapping_add(1);
        self.ping_sent = Some(PingSent { at: now, is_second });
        self.next_ping = now.after_nanos(self.waits.ping_interval);
        self.ping_number
    }
}
