//! Secrets are not printed: neither what the arguments have, nor what a server sends.

use crate::peer::{answer, response};
use crate::process::run;

#[test]
fn secrets_of_a_redirect_are_hidden() {
    let location = "Location: ws://bob:hunter2@127.0.0.1:9/x?access_token=SEKRET&a=b\r\n";
    let hidden = "ws://[hidden]@127.0.0.1:9/x?access_token=[hidden]&a=b";
    let redirect = response("302 Found", location, "");
    for (arguments, scheme, shown) in [
        (&["ws"][..], "ws", format!("it redirects to {hidden}: --location follows it")),
        (&["ws", "-v"], "ws", format!("< Location: {hidden}\n")),
        (&["sse", "-v"], "http", format!("< location: {hidden}\n")),
    ] {
        let (port, _requests) = answer(&[&redirect]);
        let told = run(&[arguments, &[&format!("{scheme}://127.0.0.1:{port}/")]].concat());
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.stderr.contains(&shown), "{shown} is not in {}", told.stderr);
        for secret in ["hunter2", "SEKRET"] {
            assert!(!told.stderr.contains(secret), "{}", told.stderr);
        }
    }
}

#[test]
fn arguments_that_cannot_be_used_are_not_shown_if_they_may_be_secret() {
    let url = "ws://127.0.0.1:9/";
    for (arguments, error) in [
        (&["ws", url, "-u", "SEKRET"][..], "--user: credentials are written USER:PASSWORD"),
        (&["sse", "http://h/", "-u", "SEKRET"], "--user: credentials are written USER:PASSWORD"),
        (
            &["ws", url, "-H", "Authorization Bearer SEKRET"],
            "--header: a header is written NAME: VALUE",
        ),
        (
            &["ws", url, "-H", "Authorization Bearer SEKRET:x"],
            "--header: a header is written NAME: VALUE",
        ),
        (&["ws", url, "--socks5", "u:SEKRET@h:1"], "--socks5: "),
        (&["ws", "ws://user:SEK?RET@host/"], "must be percent-encoded"),
        (&["sse", "http://user:SEK/RET@host/"], "must be percent-encoded"),
        (&["ws", "--connect-to", "127.0.0.1:9", "ws://h h/?token=SEKRET"], "ws://h h/: "),
    ] {
        let told = run(arguments);
        assert_eq!(told.code, 2, "{arguments:?}: {told:?}");
        assert!(told.stderr.contains(error), "{error} is not in {}", told.stderr);
        assert!(!told.stderr.contains("SEK"), "{}", told.stderr);
    }
}
