//! The `Retry-After` header field (RFC 9110, 10.2.3): seconds, or a date.

use core::time::Duration;

/// The time at which a server wants to be asked again.
///
/// ```
/// use std::time::Duration;
/// use tidings_reconnect::RetryAfter;
///
/// let wait = RetryAfter::parse(b"120").unwrap();
/// assert_eq!(wait.wait(0), Duration::from_secs(120));
///
/// let date = RetryAfter::parse(b"Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
/// assert_eq!(date, RetryAfter::Date { unix_seconds: 784_111_777 });
/// assert_eq!(date.wait(784_111_700), Duration::from_secs(77));
/// assert_eq!(date.wait(784_111_800), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this long.
    Delay(Duration),
    /// At this time.
    Date {
        /// Seconds since 1970-01-01 00:00:00 UTC.
        unix_seconds: u64,
    },
}

impl RetryAfter {
    /// Reads the field's value: `delay-seconds`, or an `IMF-fixdate` from 1970 on. `None` for
    /// anything else, the obsolete forms of dates included.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
            let seconds = value.iter().fold(0u64, |seconds, digit| {
                seconds.saturating_mul(10).saturating_add(u64::from(digit & 0x0F))
            });
            return Some(Self::Delay(Duration::from_secs(seconds)));
        }
        imf_fixdate(value).map(|unix_seconds| Self::Date { unix_seconds })
    }

    /// Returns the wait from `now_unix_seconds`, by the wall clock; a delay does not need it.
    #[must_use]
    pub const fn wait(self, now_unix_seconds: u64) -> Duration {
        match self {
            Self::Delay(wait) => wait,
            Self::Date { unix_seconds } => {
                Duration::from_secs(unix_seconds.saturating_sub(now_unix_seconds))
            }
        }
    }
}

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [(&[u8; 3], u64); 12] = [
    (b"Jan", 31),
    (b"Feb", 28),
    (b"Mar", 31),
    (b"Apr", 30),
    (b"May", 31),
    (b"Jun", 30),
    (b"Jul", 31),
    (b"Aug", 31),
    (b"Sep", 30),
    (b"Oct", 31),
    (b"Nov", 30),
    (b"Dec", 31),
];

/// RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, to the letter.
fn imf_fixdate(value: &[u8]) -> Option<u64> {
    let value: &[u8; 29] = value.try_into().ok()?;
    let (day_name, rest) = value.split_first_chunk::<3>()?;
    let (day, rest) = digits::<2>(rest.strip_prefix(b", ")?)?;
    let (month_name, rest) = rest.strip_prefix(b" ")?.split_first_chunk::<3>()?;
    let (year, rest) = digits::<4>(rest.strip_prefix(b" ")?)?;
    let (hour, rest) = digits::<2>(rest.strip_prefix(b" ")?)?;
    let (minute, rest) = digits::<2>(rest.strip_prefix(b":")?)?;
    let (second, rest) = digits::<2>(rest.strip_prefix(b":")?)?;
    if rest != b" GMT" || hour > 23 || minute > 59 || second > 60 {
        return None; // 60 is a leap second
    }
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let month = MONTHS.iter().position(|(name, _)| *name == month_name)?;
    for (position, (_, length)) in MONTHS.iter().enumerate() {
        let length = length + u64::from(position == 1 && is_leap(year));
        if position == month {
            if !(1..=length).contains(&day) {
                return None;
            }
            break;
        }
        days += length;
    }
    days += day - 1;
    let day_name_expected = DAYS.get(usize::try_from(days % 7).ok()?)?;
    (year >= 1970 && *day_name_expected == day_name)
        .then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// A number of exactly `N` digits, at most 4, and the rest after it.
fn digits<const N: usize>(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<N>()?;
    digits.iter().all(u8::is_ascii_digit).then(|| {
        (digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit & 0x0F)), rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_and_saturate() {
        for (value, seconds) in [
            (&b"0"[..], 0),
            (b" 7\t", 7),
            (b"00120", 120),
            (b"18446744073709551615", u64::MAX),
            (b"99999999999999999999999999", u64::MAX),
        ] {
            let expected = RetryAfter::Delay(Duration::from_secs(seconds));
            assert_eq!(RetryAfter::parse(value), Some(expected), "{}", value.escape_ascii());
        }
    }

    /// Times by `date -u -d ... +%s`.
    #[test]
    fn dates_are_read() {
        for (value, unix_seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Mon, 01 Mar 2100 12:00:00 GMT", 4_107_585_600),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            let expected = RetryAfter::Date { unix_seconds };
            assert_eq!(RetryAfter::parse(value.as_bytes()), Some(expected), "{value}");
        }
    }

    #[test]
    fn everything_else_is_nothing() {
        for value in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1 2",
            "0x10",
            "soon",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT", // it was a Sunday
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Thu, 31 Nov 1994 08:49:37 GMT",
            "Mon, 29 Feb 2100 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMTx",
            "Sun, 06 Nov 1994 08:49:3x GMT",
        ] {
            assert_eq!(RetryAfter::parse(value.as_bytes()), None, "{value}");
        }
    }

    /// RFC 9110, 10.2.3: a delay counts from the response, a date is a time of the wall clock.
    #[test]
    fn a_date_is_waited_for_and_a_delay_is_waited() {
        let delay = RetryAfter::Delay(Duration::from_secs(120));
        let date = RetryAfter::Date { unix_seconds: 1000 };
        for (now_unix_seconds, until_date) in [(0, 1000), (999, 1), (1000, 0), (1001, 0)] {
            assert_eq!(delay.wait(now_unix_seconds), Duration::from_secs(120));
            assert_eq!(date.wait(now_unix_seconds), Duration::from_secs(until_date));
        }
    }

    /// Every byte in every place of a date is read or refused.
    #[test]
    fn no_changed_byte_of_a_date_panics() {
        let date = *b"Sun, 06 Nov 1994 08:49:37 GMT";
        for place in 0..date.len() {
            for byte in 0..=u8::MAX {
                let mut changed = date;
                changed[place] = byte;
                if let Some(RetryAfter::Date { unix_seconds }) = RetryAfter::parse(&changed) {
                    assert!(unix_seconds < 253_402_300_800);
                }
            }
            assert!(RetryAfter::parse(&date[..place]).is_none());
        }
    }
}
