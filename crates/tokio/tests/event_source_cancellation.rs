//! `next` and `event`, dropped after each number of polls and started again: nothing is lost or
//! doubled, no attempt is made twice.
#![cfg(all(feature = "event-source", feature = "gzip"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::io::Write as _;

use event_scene::{Answer, CHUNKED, MS, Server, Step, chunk, chunked, quick};
use flate2::write::GzEncoder;
use tidings_testkit::{cancelled_once, for_every_cancellation, poll_then_drop};
use tidings_tokio::sse::{ClientEvent, EventSource, EventSourceRequest, Limits};

/// A bit of everything, with pauses so that there is something to wait for.
fn answers() -> Vec<Answer> {
    let mut slow = Answer::raw(CHUNKED);
    for piece in chunked(b"retry: 7\nid: 1\ndata: slow\n\n:comment\n\ndata: half", 5) {
        slow = slow.write(piece).then(Step::Sleep(MS));
    }
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&b"data: coded\n\n".repeat(20)).unwrap();
    let coded = encoder.finish().unwrap();
    let gzip = CHUNKED.replace("Content-Type", "Content-Encoding: gzip\r\nContent-Type");
    vec![
        Answer::redirect(302, "/on"),
        slow,
        Answer::raw("HTTP/1.1 503 \r\nContent-Length: 5\r\n\r\nla")
            .then(Step::Sleep(MS))
            .write("ter"),
        Answer::raw(gzip)
            .write(chunk(&coded[..9]))
            .then(Step::Sleep(MS))
            .write(chunk(&coded[9..]))
            .write("0\r\n\r\n"),
        Answer::stream("data: ")
            .write(vec![b'x'; 200])
            .write("\n\nid: 2\ndata: cut\n\n")
            .then(Step::Sleep(MS))
            .then(Step::Reset),
        Answer(vec![]),
        Answer::raw("HTTP/1.1 204 \r\n\r\n"),
    ]
}

/// Shows an update without its random parts: the text of a broken connection, the length of the
/// waits.
fn show(update: &ClientEvent) -> String {
    match update {
        ClientEvent::Open(opened) => format!("open {}", opened.url.rsplit('/').next().unwrap()),
        ClientEvent::Event(event) => format!("{} {}", event.last_event_id, event.data),
        ClientEvent::Disconnected { cause, .. } => format!(
            "lost {:?} {:?}",
            cause.reason,
            cause.answer.as_ref().map(|answer| answer.body.escape_ascii().to_string())
        ),
        other => format!("{other:?}").split("answer:").next().unwrap().to_owned(),
    }
}

/// Runs a test with a client of a separate server. Returns the updates and the requests.
fn run(
    mut test: impl AsyncFnMut(&mut EventSource) -> Option<ClientEvent>,
) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(answers()).await;
        let mut config = quick();
        config.retry_statuses = true;
        let request = EventSourceRequest::get(server.url())
            .config(config)
            .limits(Limits::DEFAULT.max_line_len(100))
            .report_comments();
        let mut source = EventSource::open(request).unwrap();
        let mut updates = Vec::new();
        while let Some(update) = test(&mut source).await {
            updates.push(show(&update));
        }
        let asked = server.requests().into_iter().map(|request| {
            let id = request.header("last-event-id").unwrap_or_default();
            format!("{} {}", request.first_line(), id.escape_ascii())
        });
        (updates, asked.collect())
    })
}

fn uncut() -> (Vec<String>, Vec<String>) {
    let base = run(async |source| source.next().await);
    assert_eq!(base.1.len(), 7, "{base:?}");
    assert_eq!(base.0.iter().filter(|update| update.ends_with("coded")).count(), 20);
    assert!(base.0.last().unwrap().contains("204"), "{base:?}");
    base
}

#[test]
fn a_future_that_is_dropped_after_any_number_of_polls_changes_nothing() {
    let base = uncut();
    let runs = for_every_cancellation(|polls| {
        let was_cancelled = std::cell::Cell::new(false);
        let run = run(async |source| {
            let cancelled = cancelled_once(polls, async || source.next().await).await;
            was_cancelled.set(was_cancelled.get() || cancelled.was_cancelled);
            cancelled.value
        });
        assert_eq!(run, base, "after {polls} polls");
        was_cancelled.get()
    });
    assert!(runs > 2, "hardly a future was ever pending");
}

#[test]
fn futures_that_are_all_dropped_early_change_nothing() {
    let base = uncut();
    for polls in 1..4 {
        let run = run(async |source| {
            loop {
                match poll_then_drop(polls, source.next()).await {
                    Some(update) => return update,
                    None => tokio::task::yield_now().await,
                }
            }
        });
        assert_eq!(run, base, "after {polls} polls");
    }
}

#[test]
fn a_race_that_is_lost_again_and_again_loses_no_event() {
    let (base, _) = uncut();
    let (raced, _) = run(async |source| {
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(MS / 4) => {}
                update = source.next() => return update,
            }
        }
    });
    assert_eq!(raced, base);
}
