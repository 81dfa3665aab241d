//! Writes a response (RFC 9112, sections 4 and 7): [`ResponseWriter`].

use std::io::{self, Write};
use std::mem;
use std::time::{SystemTime, UNIX_EPOCH};

use http::response::Parts;
use http::{StatusCode, Version, header};

/// From this length on, the buffered bytes are written.
const MAX_BUFFER_LEN: usize = 16 * 1024;

/// Writes a response's head and body, in chunks if the body has no length, buffered until it is
/// [flushed](Self::flush). An idle one holds no memory.
#[derive(Debug)]
pub(crate) struct ResponseWriter<W> {
    writer: W,
    buffer: Vec<u8>,
    is_chunked: bool,
}

impl<W: Write> ResponseWriter<W> {
    /// Writes a body alone.
    pub(crate) const fn body(writer: W) -> Self {
        Self { writer, buffer: Vec::new(), is_chunked: false }
    }

    /// Begins a response to a request of this version, whose connection ends with it. A body of
    /// unknown length (`None`) goes out in chunks, or in HTTP/1.0 up to the end of the connection.
    pub(crate) fn begin(writer: W, head: &Parts, version: Version, len: Option<usize>) -> Self {
        let mut this = Self::body(writer);
        let reason = head.status.canonical_reason().unwrap_or_default();
        let status = head.status.as_str();
        for part in ["HTTP/1.1 ", status, " ", reason, "\r\n"] {
            this.buffer.extend_from_slice(part.as_bytes());
        }
        for (name, value) in &head.headers {
            // How the body is framed is decided here.
            let is_framing =
                [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION]
                    .contains(name);
            if !is_framing {
                this.field(name.as_str(), value.as_bytes());
            }
        }
        // RFC 9110, 6.6.1
        if !head.headers.contains_key(header::DATE) {
            this.field("date", http_date(SystemTime::now()).as_bytes());
        }
        // RFC 9110, 8.6 and RFC 9112, 6.1: a 204 has neither.
        let has_body = head.status != StatusCode::NO_CONTENT;
        match len {
            Some(len) if has_body => this.field("content-length", len.to_string().as_bytes()),
            None if has_body && version >= Version::HTTP_11 => {
                this.field("transfer-encoding", b"chunked");
                this.is_chunked = true;
            }
            _ => {}
        }
        this.field("connection", b"close");
        this.buffer.extend_from_slice(b"\r\n");
        this
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.buffer.extend_from_slice(part);
        }
    }

    /// Appends to the body. It may be written now or with the next [`flush`](Self::flush).
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_chunked && !bytes.is_empty() {
            self.buffer.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
            self.buffer.extend_from_slice(bytes);
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        if self.buffer.len() >= MAX_BUFFER_LEN { self.write_out() } else { Ok(()) }
    }

    /// Writes all that is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.write_out()?;
        self.writer.flush()
    }

    /// Ends the body.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.is_chunked {
            self.buffer.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.writer.write_all(&mem::take(&mut self.buffer))
    }
}

/// RFC 9110, 5.6.7: such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS.iter().cycle().nth(usize::try_from(day % 7).unwrap_or_default());
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year)); // it is at least that
        year += 1;
    }
    let mut name = "";
    for (month, days) in MONTHS {
        name = month;
        let days = days + u64::from(month == "Feb" && is_leap(year));
        match day.checked_sub(days) {
            Some(rest) => day = rest,
            None => break,
        }
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (weekday, day) = (weekday.unwrap_or(&""), day + 1);
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Response;

    use super::*;

    fn written(response: Response<()>, version: Version, len: Option<usize>) -> String {
        let mut written = Vec::new();
        let (head, ()) = response.into_parts();
        let mut writer = ResponseWriter::begin(&mut written, &head, version, len);
        for part in ["data: 1\n\n", "", "data: 2\n\n"] {
            writer.push(part.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_response_is_written_as_it_goes_over_the_wire() {
        let response = || {
            let response = Response::builder().header("x", "y").header("date", "today");
            response.header("content-length", "9").header("connection", "keep-alive")
        };
        let head = "HTTP/1.1 200 OK\r\nx: y\r\ndate: today\r\n";
        let body = "data: 1\n\ndata: 2\n\n";
        assert_eq!(
            written(response().body(()).unwrap(), Version::HTTP_11, None),
            format!(
                "{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                 9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
            )
        );
        assert_eq!(
            written(response().body(()).unwrap(), Version::HTTP_10, None),
            format!("{head}connection: close\r\n\r\n{body}")
        );
        assert_eq!(
            written(response().body(()).unwrap(), Version::HTTP_11, Some(18)),
            format!("{head}content-length: 18\r\nconnection: close\r\n\r\n{body}")
        );
        let empty = written(response().status(204).body(()).unwrap(), Version::HTTP_11, None);
        assert!(!empty.contains("chunked") && !empty.contains("content-length"), "{empty}");
    }

    /// Times by `date -u -d ... +%s`.
    #[test]
    fn a_date_is_written_as_http_has_it() {
        for (unix_seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_483_228_799, "Sat, 31 Dec 2016 23:59:59 GMT"),
            (4_107_585_600, "Mon, 01 Mar 2100 12:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds)), expected);
        }
    }
}
