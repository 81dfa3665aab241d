//! Heads as servers and proxies of all kinds send them, and how long they may be.

use super::*;

fn config(max_headers: usize) -> Config {
    let mut config = Config::client();
    config.head_limits.max_headers = max_headers;
    config.head_limits.max_head_len = 64 * 1024;
    config
}

/// This many header lines, beside those of the handshake.
fn lines(count: usize) -> String {
    (0..count).map(|index| format!("X-{index}: {index}\r\n")).collect()
}

const OWN_REQUEST_LINES: usize = 5;
const OWN_ANSWER_LINES: usize = 3;

fn request(lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

fn switching(request: &str, lines: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = Key::parse(key.as_bytes()).unwrap().accept();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
}

/// A client that gets this answer.
fn connect(
    options: &ConnectOptions,
    answer: impl Fn(&str) -> String + 'static,
) -> Result<(), Error> {
    let mut connecting = Connecting::new(options, "ws://a/", Timestamp::default())?;
    let mut transport = Memory::answering(answer, Cut::Whole);
    let mut handshake = connecting.handshake();
    transport.drive(&mut handshake);
    handshake.finish().map(|opened| assert!(opened.is_some()))
}

fn is_too_many(error: &HeadError, max: usize) -> bool {
    *error == HeadError::TooManyHeaders { limit: max }
}

/// The number that is configured is the number that holds, at servers, clients and proxies.
#[test]
fn as_many_headers_are_read_as_are_configured() {
    for max in [50, 100, 101, 500, 2000] {
        for (more, fits) in [(0, true), (1, false)] {
            let mut transport = Memory::saying(
                request(&lines(max - OWN_REQUEST_LINES + more)).as_bytes(),
                Cut::Whole,
            );
            let mut handshake =
                ServerHandshake::new(&config(max), transport.now, accept_same_origin);
            transport.drive(&mut handshake);
            match handshake.finish() {
                Ok(_) => assert!(fits),
                Err(Error::Request(RequestError::Head(error))) => {
                    assert!(!fits && is_too_many(&error, max), "{error}");
                }
                Err(error) => panic!("{error}"),
            }

            let options = ConnectOptions::new().config(config(max));
            let extra = lines(max - OWN_ANSWER_LINES + more);
            match connect(&options, move |request| switching(request, &extra)) {
                Ok(()) => assert!(fits),
                Err(Error::Response(ResponseError::Head(error))) => {
                    assert!(!fits && is_too_many(&error, max), "{error}");
                }
                Err(error) => panic!("{error}"),
            }

            let options = options.proxy(Proxy::parse("p").unwrap());
            let connecting = Connecting::new(&options, "ws://a/", Timestamp::default()).unwrap();
            let route = connecting.route().unwrap();
            let mut tunnel = route.tunnel(connecting.deadline()).unwrap();
            let extra = lines(max + more);
            let mut transport =
                Memory::answering(move |_| format!("HTTP/1.1 200\r\n{extra}\r\n"), Cut::Whole);
            transport.drive(&mut tunnel);
            match tunnel.finish() {
                Ok(()) => assert!(fits),
                Err(Error::ProxyResponse { error: ResponseError::Head(error), .. }) => {
                    assert!(!fits && is_too_many(&error, max), "{error}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// P-003, P-009; RFC 9112, 5.2 and 6.3 item 1.
#[test]
fn an_answer_may_announce_a_body_that_it_has_not_and_fold_its_lines() {
    for lines in [
        "Content-Length: 0\r\n",
        "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
        "Server: one\r\n and\r\n\tmore\r\n",
        "X:\r\n \r\nSec-WebSocket-Protocol:\r\n  chat\r\n",
    ] {
        let options = ConnectOptions::new().subprotocols(["chat"]);
        connect(&options, move |request| switching(request, lines))
            .unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    }
}

/// RFC 9110, 15
#[test]
fn an_answer_of_no_known_status_is_declined() {
    for status in ["000", "099", "600", "999"] {
        let answer = move |_: &str| format!("HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nno");
        match connect(&ConnectOptions::new(), answer) {
            Err(Error::Declined(declined)) => {
                assert_eq!(
                    (declined.status, &*declined.body_start),
                    (status.parse().unwrap(), &b"no"[..])
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
