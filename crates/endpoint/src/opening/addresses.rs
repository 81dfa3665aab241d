//! In which order the addresses of a host are tried (RFC 8305, "Happy Eyeballs").

use std::net::SocketAddr;
use std::time::Duration;

/// RFC 8305, 5: how long one address is waited for before the next is tried beside it.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// RFC 8305, 4: the families take turns, beginning with that of the first; within a family the
/// order of the system (RFC 6724) stays.
#[must_use]
pub fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let len = addresses.len();
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut interleaved = Vec::with_capacity(len);
    while interleaved.len() < len {
        interleaved.extend(first.next());
        interleaved.extend(second.next());
    }
    interleaved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    #[test]
    fn the_families_take_turns() {
        for (given, expected) in [
            (&["::1", "::2", "1.1.1.1", "::3"][..], &["::1", "1.1.1.1", "::2", "::3"][..]),
            (&["1.1.1.1", "2.2.2.2", "::1"], &["1.1.1.1", "::1", "2.2.2.2"]),
            (&["1.1.1.1"], &["1.1.1.1"]),
            (&[], &[]),
        ] {
            assert_eq!(interleave(addresses(given)), addresses(expected));
        }
    }
}
