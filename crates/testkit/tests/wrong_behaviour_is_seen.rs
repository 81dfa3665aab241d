//! The checks fail when they have to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tidings_testkit::Side::{A, B};
use tidings_testkit::{Delivery, Ending, Pair, Scenario, Step, Unit};

/// Returns the message of a check that fails.
fn failure(check: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(()) => String::new(),
        Err(panic) => match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_) => "?".into(),
        },
    }
}

#[test]
fn a_wrong_ending_is_seen() {
    let close = [Step::close(A, 1000, "")];
    let endings = [Ending::Open, Ending::Clean(1001, 1000), Ending::Abnormal(1000, 1000)];
    for ending in endings {
        let scenario = Scenario::new("a close", close.clone(), ending);
        assert!(failure(|| scenario.check()).starts_with("assertion"), "{ending:?}");
    }
    Scenario::new("a close", close, Ending::Clean(1000, 1000)).check();
    let open = Scenario::new("a message", [Step::text(A, "a")], Ending::Clean(1000, 1000));
    assert!(failure(|| assert_eq!(open.check_every_order(), 0)).starts_with("assertion"));
}

#[test]
fn an_outcome_that_depends_on_the_order_is_seen() {
    // Whether B's message arrives depends on how much of A's close came before it.
    let steps = [Step::close(A, 1000, ""), Step::Deliver(B, 4), Step::text(B, "raced")];
    let scenario = Scenario::new("a race", steps, Ending::Clean(1000, 1000));
    // With A as client its Close has 8 bytes, as server 4: one of both refuses the message.
    scenario.check();
    let mut refused = Vec::new();
    let mut client = Pair::client_and_server(Delivery::Whole);
    let mut server = Pair::server_and_client(Delivery::Whole);
    for step in &scenario.steps {
        client.step(step);
        server.step(step);
    }
    refused.push(client.b().refused().len());
    refused.push(server.b().refused().len());
    assert_eq!(refused, [0, 1]);
}

#[test]
fn what_is_under_way_is_seen_when_it_is_delivered() {
    let mut duet = Pair::client_and_server(Delivery::Chunks(1));
    duet.step(&Step::text(A, "ab"));
    duet.step(&Step::ping(A, b"?"));
    assert!(duet.has_under_way(B) && !duet.has_under_way(A));
    duet.step(&Step::Deliver(B, 7));
    assert_eq!(duet.b().received(), []);
    duet.deliver_frame(B);
    assert_eq!(duet.b().received(), [Unit::Text("ab".into())]);
    duet.settle();
    duet.check();
    assert_eq!(duet.a().received(), [Unit::Pong(b"?".into())]);
    assert_eq!((duet.delivered_len(A), duet.delivered_len(B)), (3, 8 + 7));
}

#[test]
fn time_passes_from_deadline_to_deadline() {
    let mut duet = Pair::server_and_client(Delivery::Whole);
    duet.step(&Step::Advance(Duration::from_secs(60)));
    let pings = duet.a().wire().units().iter().filter(|unit| matches!(unit, Unit::Ping(_)));
    assert_eq!(pings.count(), 2, "after 25 and 50 seconds");
    assert_eq!(duet.a().timeouts(), []);
    // Nothing is delivered in a leap: the Ping after it stays unanswered.
    duet.step(&Step::Leap(Duration::from_secs(60)));
    assert!(duet.has_under_way(A) && duet.has_under_way(B));
    duet.settle();
    duet.check();
}
