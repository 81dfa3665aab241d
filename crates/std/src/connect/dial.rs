//! DNS and TCP: [`dial`], which tries the addresses of a host by RFC 8305 ("Happy Eyeballs").
//!
//! Neither can be cancelled from outside, so threads do both. They may outlive the call: they end
//! by themselves, the connection attempts at the deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tidings_endpoint::Error;
use tidings_endpoint::opening::{ATTEMPT_DELAY, Route, interleave};

use crate::deadline::Deadline;

/// Connects to any address of the host.
pub(super) fn dial(route: &Route<'_>, deadline: Deadline) -> Result<TcpStream, Error> {
    if route.local_address().is_some() {
        let unsupported = "the standard library cannot choose the address to connect from";
        return Err(io::Error::new(io::ErrorKind::Unsupported, unsupported).into());
    }
    if route.socks().is_some() {
        return Err(route.socks_unsupported("tidings-std knows no SOCKS"));
    }
    if route.unix_socket().is_some() {
        return Err(route.unix_unsupported("tidings-std knows no Unix sockets"));
    }
    let addresses = match (route.address(), route.host().parse::<IpAddr>()) {
        (Some(address), _) => vec![address],
        (None, Ok(address)) => vec![SocketAddr::new(address, route.port())],
        (None, Err(_)) => look_up(route, deadline)?,
    };
    let connect =
        move |address| TcpStream::connect_timeout(&address, shortest(deadline.time_left()));
    let stream = race(interleave(addresses), deadline, connect)
        .map_err(|failed| failed.into_error(deadline, |error| route.connecting_failed(error)))?;
    set_options(&stream, route).map_err(|error| route.connecting_failed(error))?;
    Ok(stream)
}

fn set_options(stream: &TcpStream, route: &Route<'_>) -> io::Result<()> {
    stream.set_nodelay(route.tcp_nodelay())?;
    match route.tcp_keepalive() {
        Some(idle) => SockRef::from(stream).set_tcp_keepalive(&keepalive(idle)),
        None => Ok(()),
    }
}

fn keepalive(idle: Duration) -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(idle);
    // Not every system has it.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))]
    let keepalive = keepalive.with_interval(idle / 4);
    keepalive
}

/// `connect_timeout` takes no zero.
fn shortest(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

fn look_up(route: &Route<'_>, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let (sender, receiver) = mpsc::channel();
    let (host, port) = (route.host().to_owned(), route.port());
    run(&sender, move || (host, port).to_socket_addrs())?;
    match receiver.recv_timeout(deadline.time_left()) {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(route.resolving_failed(error)),
        Err(_) => Err(deadline.error()),
    }
}

/// The reason why there is no connection.
enum Failed {
    Late,
    Io(io::Error),
}

impl Failed {
    fn into_error(self, deadline: Deadline, of: impl FnOnce(io::Error) -> Error) -> Error {
        match self {
            Self::Late => deadline.error(),
            Self::Io(error) => of(error),
        }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// RFC 8305, 5: the first success counts. The next attempt begins when the one before has failed,
/// or has taken longer than the delay.
///
/// If all fail, the error is that of the first address to fail.
fn race<T, F>(addresses: Vec<SocketAddr>, deadline: Deadline, attempt: F) -> Result<T, Failed>
where
    T: Send + 'static,
    F: Fn(SocketAddr) -> io::Result<T> + Clone + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let mut waiting = addresses.into_iter();
    let mut running = 0usize;
    let mut first_error = None;
    loop {
        if let Some(address) = waiting.next() {
            let attempt = attempt.clone();
            run(&sender, move || attempt(address))?;
            running = running.saturating_add(1);
        }
        if running == 0 {
            let none = "the host has no usable address";
            let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, none);
            return Err(first_error.unwrap_or_else(none).into());
        }
        let left = deadline.time_left();
        let patience = if waiting.len() == 0 { left } else { left.min(ATTEMPT_DELAY) };
        match receiver.recv_timeout(patience) {
            Ok(Ok(won)) => return Ok(won),
            Ok(Err(error)) => {
                running = running.saturating_sub(1);
                first_error.get_or_insert(error);
            }
            Err(RecvTimeoutError::Timeout) if deadline.time_left().is_zero() => {
                return Err(Failed::Late);
            }
            // Not disconnected: `sender` is still alive.
            Err(_) => {}
        }
        if deadline.time_left().is_zero() {
            return Err(Failed::Late);
        }
    }
}

/// Runs `work` on a new thread, which sends the result.
fn run<T: Send + 'static>(
    sender: &Sender<T>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<()> {
    let sender = sender.clone();
    // Nobody may be waiting for it any more.
    let work = move || drop(sender.send(work()));
    thread::Builder::new().name("tidings-connect".to_owned()).spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Attempts that end after this many milliseconds, with success or not, by the last octet.
    fn run_script(
        script: &'static [(u64, bool)],
        limit_ms: u64,
    ) -> (Result<usize, String>, Duration) {
        let begun = Instant::now();
        let texts = (0..script.len()).map(|at| format!("10.0.0.{at}:80").parse().unwrap());
        let deadline = Deadline::after(Duration::from_millis(limit_ms));
        let result = race(texts.collect(), deadline, move |address: SocketAddr| {
            let IpAddr::V4(ip) = address.ip() else { panic!() };
            let index = usize::from(ip.octets()[3]);
            let (milliseconds, success) = script[index];
            thread::sleep(Duration::from_millis(milliseconds));
            if success { Ok(index) } else { Err(io::Error::other(index.to_string())) }
        });
        (
            result.map_err(|failed| {
                failed
                    .into_error(deadline, |error| io::Error::other(error.to_string()).into())
                    .to_string()
            }),
            begun.elapsed(),
        )
    }

    #[test]
    fn the_first_address_that_answers_is_used() {
        type Case = (&'static [(u64, bool)], Result<usize, &'static str>, u64, u64);
        let late = "the opening handshake took longer than 500ms";
        let cases: [Case; 8] = [
            (&[(10, true), (0, true)], Ok(0), 10, 240),
            // A black hole costs the delay, not the timeout.
            (&[(800, true), (10, true)], Ok(1), 260, 490),
            // The first may still win.
            (&[(300, true), (400, true)], Ok(0), 300, 490),
            // A failure calls the next at once.
            (&[(5, false), (10, true)], Ok(1), 15, 240),
            (&[(5, false), (6, false), (7, true)], Ok(2), 18, 240),
            (&[(5, false), (6, false)], Err("0"), 11, 240),
            (&[], Err("the host has no usable address"), 0, 240),
            (&[(800, true)], Err(late), 500, 790),
        ];
        for (script, expected, at_least, at_most) in cases {
            let (result, took) = run_script(script, 500);
            assert_eq!(result.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
            let expected = Duration::from_millis(at_least)..Duration::from_millis(at_most);
            assert!(expected.contains(&took), "{script:?}: {took:?}");
        }
    }
}
