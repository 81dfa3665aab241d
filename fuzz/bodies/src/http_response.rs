//! Checks whether bytes are a complete HTTP/1.1 response, read line by line.

/// A response, taken apart.
#[derive(Debug)]
pub(crate) struct HttpResponse<'a> {
    pub(crate) status: u16,
    headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a str,
}

impl<'a> HttpResponse<'a> {
    /// Reads a response of which nothing may be missing or left over, all of it text.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let text = core::str::from_utf8(bytes).expect("the response is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("the head ends");
        assert!(!head.replace("\r\n", "").contains(char::is_control), "{head:?}");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap().strip_prefix("HTTP/1.1 ").expect("HTTP/1.1");
        let (status, _reason) = status_line.split_once(' ').expect("a space after the status");
        assert_eq!(status.len(), 3);
        let headers = lines.map(|line| line.split_once(": ").expect("a header line")).collect();
        let response = Self { status: status.parse().expect("a status"), headers, body };
        let content_len = response.header("Content-Length").map_or(0, |len| len.parse().unwrap());
        assert_eq!(body.len(), content_len, "the body is as long as the head says");
        response
    }

    /// The value of the only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "{name} is repeated");
        value
    }
}

/// The elements of a list header over all its lines, without empty ones (RFC 9110, 5.6.1).
pub(crate) fn list_elements<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    values
        .into_iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// A value without optional white space around it.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110, 5.6.2: `token = 1*tchar`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_tchar)
}

/// The values of the header lines of one name in a head, its start line skipped.
pub(crate) fn header_values<'a>(head: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    let lines = head.split(|byte| *byte == b'\n').skip_while(|line| trim_line(line).is_empty());
    lines
        .skip(1)
        .filter_map(|line| {
            let line = trim_line(line);
            let colon = line.iter().position(|byte| *byte == b':')?;
            line[..colon].eq_ignore_ascii_case(name.as_bytes()).then(|| trim(&line[colon + 1..]))
        })
        .collect()
}

/// The start line of a head, after empty lines.
pub(crate) fn start_line(head: &[u8]) -> &[u8] {
    let mut lines = head.split(|byte| *byte == b'\n').map(trim_line);
    lines.find(|line| !line.is_empty()).unwrap_or_default()
}

fn trim_line(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
