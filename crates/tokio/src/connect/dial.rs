//! DNS and TCP: [`dial`], which tries the addresses of a host by RFC 8305 ("Happy Eyeballs").

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tidings_endpoint::Error;
use tidings_endpoint::opening::{ATTEMPT_DELAY, Deadline, Phase, Route, interleave};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::sleep;

use crate::opening::Clock;

/// Connects to any address of the host.
pub(super) async fn dial(
    route: &Route<'_>,
    deadline: Deadline,
    clock: Clock,
) -> Result<TcpStream, Error> {
    let mut addresses: Vec<SocketAddr> = match route.address() {
        Some(address) => vec![address],
        None => {
            let looking_up = lookup_host((route.host(), route.port()));
            clock.within(deadline, (route, Phase::Resolving), looking_up).await?.collect()
        }
    };
    if let Some(local) = route.local_address() {
        addresses.retain(|address| address.is_ipv4() == local.is_ipv4());
    }
    let connecting = race(interleave(addresses), |address| connect(route, address));
    clock.within(deadline, (route, Phase::Connecting), connecting).await
}

async fn connect(route: &Route<'_>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = route.local_address() {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.set_nodelay(route.tcp_nodelay())?;
    let stream = socket.connect(address).await?;
    if let Some(idle) = route.tcp_keepalive() {
        SockRef::from(&stream).set_tcp_keepalive(&keepalive(idle))?;
    }
    Ok(stream)
}

fn keepalive(idle: Duration) -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(idle);
    // Not every system has it.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))]
    let keepalive = keepalive.with_interval(idle / 4);
    keepalive
}

/// RFC 8305, 5: the first success counts. The next attempt begins when the one before has failed,
/// or has taken longer than the delay.
///
/// If all fail, the error is that of the first address to fail.
async fn race<T, F>(addresses: Vec<SocketAddr>, attempt: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut first_error = None;
    loop {
        running.extend(waiting.next().map(|address| Box::pin(attempt(address))));
        if running.is_empty() {
            return Err(first_error.unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no usable address")
            }));
        }
        let last = waiting.len() == 0;
        let mut delay = pin!(sleep(ATTEMPT_DELAY));
        let won = poll_fn(|cx| {
            let (mut won, mut failed) = (None, false);
            running.retain_mut(|attempt| {
                if won.is_some() {
                    return false;
                }
                match attempt.as_mut().poll(cx) {
                    Poll::Pending => true,
                    Poll::Ready(Ok(stream)) => {
                        won = Some(stream);
                        false
                    }
                    Poll::Ready(Err(error)) => {
                        first_error.get_or_insert(error);
                        failed = true;
                        false
                    }
                }
            });
            if won.is_some() || failed || (!last && delay.as_mut().poll(cx).is_ready()) {
                Poll::Ready(won)
            } else {
                Poll::Pending
            }
        })
        .await;
        if let Some(stream) = won {
            return Ok(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    /// Attempts that end after this many milliseconds, with success or not, by the last octet.
    async fn run(script: &[(u64, bool)]) -> (Result<u8, String>, u64) {
        let start = Instant::now();
        let texts: Vec<String> = (0..script.len()).map(|at| format!("10.0.0.{at}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let result = race(addresses(&texts), |address| async move {
            let IpAddr::V4(ip) = address.ip() else { panic!() };
            let index = ip.octets()[3];
            let (milliseconds, success) = script[usize::from(index)];
            sleep(Duration::from_millis(milliseconds)).await;
            if success { Ok(index) } else { Err(io::Error::other(index.to_string())) }
        })
        .await;
        let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap();
        (result.map_err(|error| error.to_string()), elapsed)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_address_that_answers_is_used() {
        type Case = (&'static [(u64, bool)], Result<u8, &'static str>, u64);
        const NEVER: u64 = 1_000_000;
        let cases: [Case; 8] = [
            (&[(10, true), (0, true)], Ok(0), 10),
            // A black hole costs the delay, not the timeout.
            (&[(NEVER, true), (10, true)], Ok(1), 260),
            // The first may still win.
            (&[(300, true), (100, true)], Ok(0), 300),
            // A failure calls the next at once.
            (&[(5, false), (10, true)], Ok(1), 15),
            (&[(5, false), (6, false), (7, true)], Ok(2), 18),
            // A failure of the second starts the third, while the first continues.
            (&[(NEVER, true), (5, false), (10, true)], Ok(2), 265),
            (&[(5, false), (6, false)], Err("0"), 11),
            (&[], Err("the host has no usable address"), 0),
        ];
        for (script, expected, elapsed) in cases {
            let (result, took) = run(script).await;
            assert_eq!(result.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
            assert_eq!(took, elapsed, "{script:?}");
        }
    }
}
