//! Servers with TLS, whose certificates are not trusted, each for another reason.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

use crate::peer::refuse;
use crate::process::{Running, run};

/// A certificate, and its key, in files.
struct Files {
    certificate: String,
    key: String,
}

fn directory() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("certificates");
    fs::create_dir_all(&path).unwrap();
    path
}

/// Makes a certificate for this name.
fn make(file: &str, name: &str, is_expired: bool) -> Files {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, format!("tidings test {file}"));
    params.is_ca = IsCa::ExplicitNoCa;
    if is_expired {
        (params.not_before, params.not_after) =
            (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let path = |end: &str| directory().join(format!("{file}.{end}")).display().to_string();
    let files = Files { certificate: path("pem"), key: path("key") };
    fs::write(&files.certificate, certificate.pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// A listener with this certificate, and its port.
fn listen(files: &Files) -> (Running, u16) {
    let Files { certificate, key } = files;
    let listener =
        Running::start(&["ws", "--listen", "127.0.0.1:0", "--cert", certificate, "--key", key]);
    let line = listener.wait_for("listening on wss://127.0.0.1:");
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    (listener, port)
}

#[test]
fn a_self_signed_certificate_is_refused_and_two_ways_out_are_told() {
    let files = make("self-signed", "localhost", false);
    let (_listener, port) = listen(&files);
    let url = format!("wss://localhost:{port}/");
    let told = run(&["ws", &url]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains(&format!("{url}: TLS: ")), "{}", told.stderr);
    assert!(told.stderr.contains("hint: --ca FILE trusts"), "{}", told.stderr);
    let told = run(&["ws", &url, "--ca", &files.certificate, "--linger", "0"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(!told.stderr.contains("WARNING"), "{}", told.stderr);
}

#[test]
fn insecure_accepts_any_certificate_and_warns_once() {
    for (file, name, is_expired) in [
        ("any", "localhost", false),
        ("any-name", "other.example", false),
        ("any-old", "localhost", true),
    ] {
        let (_listener, port) = listen(&make(file, name, is_expired));
        let told = run(&["ws", "-k", &format!("wss://127.0.0.1:{port}/"), "--linger", "0"]);
        assert_eq!(told.code, 0, "{told:?}");
        assert_eq!(told.stderr.matches("WARNING: --insecure").count(), 1, "{}", told.stderr);
    }
}

#[test]
fn an_expired_certificate_is_told_to_be_so() {
    let files = make("expired", "localhost", true);
    let (_listener, port) = listen(&files);
    let url = format!("wss://localhost:{port}/");
    let told = run(&["ws", &url, "--ca", &files.certificate]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("expired"), "{}", told.stderr);
    assert!(told.stderr.contains("the server needs a new certificate"), "{}", told.stderr);
}

#[test]
fn a_certificate_for_another_name_shows_its_names() {
    let files = make("other-name", "other.example", false);
    let (_listener, port) = listen(&files);
    let told = run(&["ws", &format!("wss://localhost:{port}/"), "--ca", &files.certificate]);
    assert_eq!(told.code, 1, "{told:?}");
    for part in ["\"localhost\"", "other.example", "--connect-to for the address"] {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
    // That is the way out.
    let (address, url) = (format!("localhost:{port}"), format!("wss://other.example:{port}/"));
    let ca = &files.certificate;
    let told = run(&["ws", &url, "--ca", ca, "--connect-to", &address, "--linger", "0"]);
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn a_server_with_tls_and_a_url_without_it_are_told_apart() {
    let (_listener, port) = listen(&make("tls", "localhost", false));
    let told = run(&["ws", &format!("ws://127.0.0.1:{port}/")]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("if it expects TLS, write wss://"), "{}", told.stderr);
    let told = run(&["sse", "--once", &format!("http://127.0.0.1:{port}/")]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains("if the server expects TLS, write https://"), "{}", told.stderr);
}

#[test]
fn a_server_without_tls_and_a_url_with_it_are_told_apart() {
    for (command, scheme, plain) in [("ws", "wss", "ws"), ("sse", "https", "http")] {
        let port = refuse();
        let mut arguments = vec![command];
        let url = format!("{scheme}://127.0.0.1:{port}/");
        arguments.push(&url);
        if command == "sse" {
            arguments.push("--once");
        }
        let told = run(&arguments);
        assert_eq!(told.code, 1, "{told:?}");
        let expected = format!("the server does not speak TLS on this port: write {plain}://");
        assert!(told.stderr.contains(&expected), "{}", told.stderr);
        assert!(told.stderr.contains(&url), "{}", told.stderr);
    }
}
