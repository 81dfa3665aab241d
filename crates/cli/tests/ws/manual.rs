//! Completions, manual pages and help.

use std::fs;
use std::path::Path;

use crate::process::run;

#[test]
fn completions_know_all_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let told = run(&["completions", shell]);
        assert_eq!(told.code, 0, "{told:?}");
        for word in ["demo", "ws", "sse", "completions", "man", "reconnect"] {
            assert!(told.stdout().contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).code, 2);
}

#[test]
fn there_is_a_manual_page_for_each_subcommand() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let told = run(&["man", directory.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{told:?}");
    for page in [
        "tidings",
        "tidings-demo",
        "tidings-ws",
        "tidings-sse",
        "tidings-completions",
        "tidings-man",
    ] {
        let text = fs::read_to_string(directory.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
        let source = concat!("\"tidings ", env!("CARGO_PKG_VERSION"), "\"");
        let title = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
        assert!(title.starts_with(&format!(".TH {page} 1")) && title.contains(source), "{title}");
    }
    let told = run(&["man"]);
    assert!(told.stdout().contains(".SH NAME"), "{told:?}");
    let told = run(&["man", "/nowhere/at/all"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.stderr.contains("/nowhere/at/all: "), "{}", told.stderr);
}

#[test]
fn the_help_begins_with_what_is_used_most_and_ends_with_something_to_try() {
    let told = run(&["--help"]);
    assert!(told.stdout().trim_end().ends_with("tidings ws ws://127.0.0.1:8080/chat"), "{told:?}");
    let told = run(&["ws", "-h"]);
    let place = |heading: &str| told.stdout().find(heading).unwrap();
    assert!(place("\nMessages:") < place("\nRequest:"), "{}", told.stdout());
}

#[test]
fn the_help_of_event_streams_does_not_speak_of_websockets() {
    for flag in ["-h", "--help"] {
        let told = run(&["sse", flag]);
        let help = told.stdout();
        for words in ["WebSocket", "-vv", "wss://", "Ping", "[default: ]"] {
            assert!(!help.contains(words), "{words}: {help}");
        }
    }
    let help = run(&["ws", "--help"]);
    for words in ["-vv also shows Ping", "wss://user:password@example.com/"] {
        assert!(help.stdout().contains(words), "{words}");
    }
}

#[test]
fn the_long_help_has_examples_and_the_short_one_fits_a_screen() {
    for command in ["ws", "sse"] {
        let (short, long) = (run(&[command, "-h"]), run(&[command, "--help"]));
        assert!(!short.stdout().contains("Examples:"), "{}", short.stdout());
        assert!(long.stdout().contains("Examples:\n  tidings "), "{}", long.stdout());
        assert!(short.stdout().lines().count() < 80);
        for heading in ["Request:", "Connection:", "TLS:", "Output:", "Exit codes:"] {
            assert!(short.stdout().contains(heading), "{heading}");
        }
    }
}
