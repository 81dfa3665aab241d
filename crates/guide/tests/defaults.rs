//! The table of all defaults on the page about limits is what the code says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

use tidings::protocol::reconnect::Policy;
use tidings::tokio::sse::server::Responder;
use tidings::tokio::sse::{self, EventSourceRequest};
use tidings::tokio::websocket::Timeouts;
use tidings::tokio::{Config, ConnectOptions};

/// Columns of a row: the limit, one or two values, and the name that sets it.
type Row = Vec<String>;

#[test]
fn the_page_about_limits_has_the_defaults_of_the_code() {
    let (_, page) =
        tidings_guide::PAGES.iter().find(|(path, _)| *path == "topics/limits.md").unwrap();
    let mut faults = String::new();
    for (title, rows) in [
        ("## WebSocket", websocket()),
        ("## Serving event streams", event_server()),
        ("## Reading event streams", event_client()),
        ("## Reconnecting", reconnecting()),
    ] {
        let expected: Vec<String> =
            rows.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
        if table(page, title) != expected {
            faults += &format!(
                "docs/guide/src/topics/limits.md, {title}: the table should be\n{}\n",
                expected.join("\n")
            );
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_field_of_a_configuration_has_a_row() {
    let rows = websocket();
    let mut missing = fields(&format!("{:#?}", Config::server()));
    assert!(missing.len() > 15, "{missing:?}");
    missing.retain(|field| {
        let has_row = |row: &Row| {
            row.last().is_some_and(|name| {
                let name = name.trim_matches('`');
                field
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        !rows.iter().any(has_row)
    });
    assert!(
        missing.is_empty(),
        "{missing:?}: add a row to `websocket` in this file, and to docs/guide/src/topics/limits.md"
    );
}

/// The paths of the fields without fields of their own, from the output of `{:#?}`.
fn fields(debug: &str) -> Vec<String> {
    let (mut path, mut found) = (Vec::new(), Vec::new());
    for line in debug.lines().skip(1) {
        let line = line.trim();
        match line.split_once(": ") {
            Some((name, value)) if value.ends_with('{') => path.push(name),
            Some((name, _)) => found.push([&path[..], &[name]].concat().join(".")),
            None if line.starts_with('}') => drop(path.pop()),
            None => {}
        }
    }
    found
}

/// The rows of the first table after this title, without its head.
fn table(page: &str, title: &str) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != title);
    let rows = lines.skip_while(|line| !line.starts_with('|')).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

fn websocket() -> Vec<Row> {
    let both = [Config::server(), Config::client()];
    let row = |limit: &str, name: &str, value: fn(&Config) -> String| {
        let [server, client] = both.map(|config| value(&config));
        vec![limit.to_owned(), server, client, format!("`{name}`")]
    };
    vec![
        row("a message", "limits.max_message_len", |c| bytes(c.limits.max_message_len)),
        row("a frame", "limits.max_frame_len", |c| bytes(c.limits.max_frame_len)),
        row("frames of one message", "limits.max_fragments", |c| count(c.limits.max_fragments)),
        row("control frames", "limits.control_frames", |c| {
            let rate = c.limits.control_frames;
            format!("{} a second, {} at once", rate.per_second, rate.burst)
        }),
        row("time between two Pings", "timeouts.ping_interval", |c| time(c.timeouts.ping_interval)),
        row("time for the Pong", "timeouts.pong", |c| time(c.timeouts.pong)),
        row("time for a message, plus 1 s for each 512 bytes", "timeouts.message", |c| {
            time(c.timeouts.message)
        }),
        row("time without a message", "timeouts.idle", |c| time(c.timeouts.idle)),
        row("time for the closing handshake", "timeouts.closing", |c| time(c.timeouts.closing)),
        row("time for the opening handshake", "handshake_timeout", |c| time(c.handshake_timeout)),
        row("HTTP head", "head_limits.max_head_len", |c| size(c.head_limits.max_head_len)),
        row("its first line", "head_limits.max_start_line_len", |c| {
            size(c.head_limits.max_start_line_len)
        }),
        row("its header lines", "head_limits.max_headers", |c| {
            c.head_limits.max_headers.to_string()
        }),
        row("time for a write without progress", "write_timeout", |c| time(c.write_timeout)),
        row("bytes queued by `feed`", "max_write_queue_len", |c| size(c.max_write_queue_len)),
        row("bytes read ahead while a `send` waits", "max_read_ahead_len", |c| {
            size(c.max_read_ahead_len)
        }),
        row("replies to one read in one write", "batch_replies", |c| on(c.batch_replies)),
        row("compression", "compression", |c| on(c.compression.is_some())),
        row("`recv` returns control frames", "deliver_control_frames", |c| {
            on(c.deliver_control_frames)
        }),
    ]
}

fn event_server() -> Vec<Row> {
    // It has no accessors; `Debug` shows all settings.
    let debug = format!("{:?}", Responder::new());
    let field = |name: &str| {
        let (_, rest) = debug.split_once(&format!("{name}: ")).unwrap();
        let end = rest.find([',', '}', ')', ' ']).unwrap();
        rest[..end].trim_start_matches("Some(").trim_matches('"').to_owned()
    };
    let seconds = |name: &str| field(name).replace('s', " s");
    let number = |name: &str| field(name).parse::<u64>().unwrap();
    let row = |limit: &str, value: String, name: &str| {
        vec![limit.to_owned(), value, format!("`Responder::{name}`")]
    };
    vec![
        row("silence before a comment", seconds("keep_alive"), "keep_alive"),
        row("a connection that takes nothing", seconds("stall_timeout"), "stall_timeout"),
        row("events queued for a client", count(number("max_events")), "queue"),
        row("bytes queued for a client", bytes(number("max_bytes")), "queue"),
        row("when the queue is full", format!("`{}`", field("when_full")), "when_full"),
        row("events of a replay", count(number("max_replay_events")), "max_replay_events"),
        row("an event ID, also in `Last-Event-ID`", bytes(number("max_id_len")), "max_id_len"),
        row(
            "type of the event that reports a gap",
            format!("`{}`", field("gap_event_type")),
            "gap_event_type",
        ),
    ]
}

fn event_client() -> Vec<Row> {
    let both = [sse::Config::event_source(), sse::Config::client()];
    let row = |limit: &str, name: &str, value: fn(&sse::Config) -> String| {
        let [standard, client] = both.map(|config| value(&config));
        vec![limit.to_owned(), standard, client, format!("`{name}`")]
    };
    let limits = format!("{:?}", sse::Limits::DEFAULT);
    let request = format!("{:?}", EventSourceRequest::get("http://localhost/"));
    let parsed = |debug: &str, name: &str| {
        let (_, rest) =
            debug.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("{name}: {debug}"));
        rest[..rest.find([',', ' ', '}']).unwrap()].to_owned()
    };
    let same = |limit: &str, value: String, name: &str| {
        vec![limit.to_owned(), value.clone(), value, format!("`{name}`")]
    };
    let len = |name: &str| bytes(parsed(&limits, name).parse().unwrap());
    vec![
        row("time for the head of a response", "response_timeout", |c| time(c.response_timeout)),
        row("silence of an open stream", "idle_timeout", |c| time(c.idle_timeout)),
        row("tries again after 408, 425, 429, 5xx", "retry_statuses", |c| on(c.retry_statuses)),
        row("redirects of one attempt", "max_redirects", |c| c.max_redirects.to_string()),
        same("a line", len("max_line_len"), "Limits::max_line_len"),
        same("the data of an event", len("max_data_len"), "Limits::max_data_len"),
        same("an event's type", len("max_event_type_len"), "Limits::max_event_type_len"),
        same("an event's ID", len("max_last_event_id_len"), "Limits::max_last_event_id_len"),
        same(
            "a comment, where comments are reported",
            len("max_comment_len"),
            "Limits::max_comment_len",
        ),
        same(
            "body of an answer that is not a stream",
            bytes(parsed(&request, "max_answer_len").parse().unwrap()),
            "EventSourceRequest::max_answer_len",
        ),
        same(
            "time for that body",
            parsed(&request, "answer_timeout").replace('s', " s"),
            "EventSourceRequest::answer_timeout",
        ),
    ]
}

fn reconnecting() -> Vec<Row> {
    let both = [Policy::websocket(), sse::Config::event_source().policy];
    let row = |limit: &str, name: &str, value: fn(&Policy) -> String| {
        let [websocket, events] = both.map(|policy| value(&policy));
        vec![limit.to_owned(), websocket, events, format!("`{name}`")]
    };
    vec![
        row("random window of the first wait, doubled by each failure", "base", |p| time(p.base)),
        row("longest window", "cap", |p| time(p.cap)),
        row("shortest wait", "minimum", |p| time(p.minimum)),
        row("lifetime that makes a connection a success", "healthy_after", |p| {
            time(p.healthy_after)
        }),
        row("longest `Retry-After`", "max_server_wait", |p| time(p.max_server_wait)),
        row("failed attempts in a row", "max_attempts", |p| match p.max_attempts {
            Policy::UNLIMITED => "no limit".to_owned(),
            max => max.to_string(),
        }),
    ]
}

/// The keep-alive page names the setting of TCP, which `Debug` shows.
#[test]
fn clients_ask_tcp_after_a_minute_of_silence() {
    assert!(format!("{:?}", ConnectOptions::new()).contains("tcp_keepalive: Some(60s)"));
}

fn time(duration: Duration) -> String {
    match duration {
        Timeouts::NEVER => "no limit".to_owned(),
        _ => format!("{} s", count(duration.as_secs())),
    }
}

fn size(bytes: usize) -> String {
    self::bytes(bytes.try_into().unwrap())
}

fn bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// A number with a comma between thousands.
fn count(number: impl Into<u64>) -> String {
    let number = number.into();
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    }
}

fn on(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

/// Where a page names a default in passing, it is the one of the code.
#[test]
fn the_sentences_about_defaults_agree_with_the_code() {
    let (server, events) = (Config::server(), sse::Config::client());
    let responder = format!("{:?}", Responder::new());
    assert!(
        responder.contains("keep_alive: Some(15s)") && responder.contains("stall_timeout: 10s")
    );
    let limits = |config: Config| bytes(config.limits.max_message_len);
    for (page, sentence) in [
        ("topics/keep-alive.md", format!("a Ping every {}", time(server.timeouts.ping_interval))),
        (
            "topics/keep-alive.md",
            format!("nothing for {} after a Ping", time(server.timeouts.pong)),
        ),
        ("topics/keep-alive.md", format!("`write_timeout` ({})", time(server.write_timeout))),
        ("topics/keep-alive.md", format!("it gets {} from", time(server.timeouts.message))),
        ("topics/keep-alive.md", "a comment after 15 s without an event".to_owned()),
        ("topics/keep-alive.md", "takes nothing for 10 s ends (`stall_timeout`)".to_owned()),
        ("topics/keep-alive.md", format!("// {}: three comments", time(events.idle_timeout))),
        ("topics/shutdown.md", format!("{} at most on a server", time(server.timeouts.closing))),
        ("topics/broadcast.md", format!("{} by default", time(server.write_timeout))),
        ("topics/event-streams.md", "`stall_timeout`, 10 s".to_owned()),
        ("topics/proxies.md", format!("Pings come every {}", time(server.timeouts.ping_interval))),
        (
            "troubleshooting.md",
            format!(
                "a Ping every {} and a comment every 15 s",
                time(server.timeouts.ping_interval)
            ),
        ),
        (
            "troubleshooting.md",
            format!("{} for a server, {} for a client", limits(server), limits(Config::client())),
        ),
        (
            "comparison.md",
            format!("{} server, {} client", limits(server), limits(Config::client())),
        ),
    ] {
        assert!(text(page).contains(&sentence), "{page}: it should say: {sentence}");
    }
}

/// A figure of a measurement stands in docs/PERFORMANCE.md, which says how it was measured.
#[test]
fn the_measured_figures_are_those_of_the_document_about_performance() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PERFORMANCE.md");
    let document = std::fs::read_to_string(document).unwrap();
    for (page, here, there) in [
        ("comparison.md", "**1,766** | **1,780**", "| 1766, 1767, 1780 bytes |"),
        ("choosing-a-transport.md", "1,766 bytes", "| 1766, 1767, 1780 bytes |"),
        ("topics/compression.md", "1,766 without compression, 1,996 with;", "1996, 2051, 2073;"),
        ("topics/compression.md", "1,978 with\n  takeover", "1978, 175267, 179401 bytes"),
        ("topics/compression.md", "175,267 after one message", "1978, 175267, 179401 bytes"),
        ("troubleshooting.md", "175 KB for each", "1978, 175267, 179401 bytes"),
        (
            "comparison.md",
            "takes us 0.30 to 0.50 of its time",
            "0.30 to 0.50 of tungstenite's time",
        ),
        ("comparison.md", "not ASCII 0.13 to 0.50", "(0.13 to 0.50 for"),
        ("comparison.md", "1.2 times as long", "1.2 times as long for"),
        ("comparison.md", "0.20 to 0.57 of", "0.20 to 0.57 of the better"),
        ("comparison.md", "0.77 for 40 lines", "0.77 with 40 lines"),
        ("comparison.md", "about 40 times as long", "765 (41.85x)"),
        ("comparison.md", "1400 bytes 16 times", "406 (15.64x)"),
        ("topics/firmware.md", "| 44 KB |", "| 43,844 | 4,680 |"),
        ("topics/firmware.md", "| 4.7 KB; add", "| 43,844 | 4,680 |"),
        ("topics/browsers.md", "28 KB by gzip", "27,700 by gzip"),
    ] {
        assert!(text(page).contains(here), "{page}: there is no {here:?}");
        assert!(document.contains(there), "docs/PERFORMANCE.md: there is no {there:?}, for {page}");
    }
}

fn text(page: &str) -> &'static str {
    tidings_guide::PAGES.iter().find(|(path, _)| *path == page).unwrap().1
}
