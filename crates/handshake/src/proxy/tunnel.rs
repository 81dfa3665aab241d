//! CONNECT: [`TunnelRequest`] and [`TunnelResponse`] (RFC 9110, 9.3.6).

use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::client::response::{self, DeclinedResponse, InterimResponse};
use crate::client::response_error::ResponseError;
use crate::head::Head;
use crate::headers::HeaderSlots;
use crate::uri::WebSocketUri;
use crate::wire;

/// The request that asks a proxy for a tunnel to a server, from [`Proxy::tunnel_to`].
///
/// Send nothing more until the proxy has answered [`Open`](TunnelResponse::Open): before that, no
/// byte reaches the server, and a proxy that refuses may read the next bytes as another request.
///
/// [`Proxy::tunnel_to`]: crate::Proxy::tunnel_to
#[derive(Clone, Copy)]
pub struct TunnelRequest<'a> {
    uri: WebSocketUri<'a>,
    authorization: Option<&'a str>,
}

/// A proxy's answer to CONNECT.
#[derive(Clone, Copy, Debug)]
pub enum TunnelResponse<'a> {
    /// The tunnel is open. Bytes after the head come from the server.
    Open {
        /// Bytes of the head.
        head_len: usize,
    },
    /// An interim response such as 103: the caller drops its head and looks for the next one with
    /// a new scanner.
    Interim(InterimResponse),
    /// The proxy opened no tunnel, for example because it wants credentials (407).
    Declined(DeclinedResponse<'a>),
}

impl<'a> TunnelRequest<'a> {
    pub(crate) const fn new(uri: WebSocketUri<'a>, authorization: Option<&'a str>) -> Self {
        Self { uri, authorization }
    }

    /// Encodes the request into a new vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        wire::to_vec(|out| self.write(out))
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        // RFC 9110, 9.3.6: the port stands there even if it is the default; RFC 9112, 3.2.3: Host
        // has the same value.
        let (host, port) = (self.uri.authority().without_port(), self.uri.port());
        write!(out, "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n")?;
        if let Some(authorization) = self.authorization {
            write!(out, "Proxy-Authorization: {authorization}\r\n")?;
        }
        out.write_str("\r\n")
    }

    /// Parses and checks the head of the proxy's answer.
    ///
    /// # Errors
    ///
    /// The response is not HTTP, or a 101, which answers another question: the connection must be
    /// closed. A status that opens no tunnel is not an error but [`TunnelResponse::Declined`].
    pub fn parse_response<'r, 'head: 'r, const N: usize>(
        &self,
        head: Head<'head>,
        slots: &'r mut HeaderSlots<'head, N>,
    ) -> Result<TunnelResponse<'r>, ResponseError> {
        let head_len = head.len();
        let (line, headers) = response::parse_lines(head, slots)?;
        let (status, reason) = line.status_and_reason();
        match status {
            101 => Err(ResponseError::Status { status }),
            100..=199 => Ok(TunnelResponse::Interim(InterimResponse::new(status, head_len))),
            // RFC 9110, 9.3.6: any 2xx. It has no body, whatever its headers announce.
            200..=299 => Ok(TunnelResponse::Open { head_len }),
            // RFC 9110, 15: an invalid status counts as one from 500 to 599.
            _ => Ok(TunnelResponse::Declined(DeclinedResponse::new(
                status, reason, headers, head_len,
            ))),
        }
    }
}

impl fmt::Debug for TunnelRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelRequest").field("uri", &self.uri).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::head::{HeadError, HeadScanner, Progress};
    use crate::limits::Limits;
    use crate::proxy::Proxy;

    fn request(proxy: &str, uri: &str) -> String {
        let proxy = Proxy::parse(proxy).unwrap();
        let uri = WebSocketUri::parse(uri).unwrap();
        String::from_utf8(proxy.tunnel_to(uri).to_vec()).unwrap()
    }

    #[test]
    fn the_request_names_host_and_port_and_nothing_of_the_path() {
        assert_eq!(
            request("p", "wss://server.example/secret?token=1"),
            "CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443\r\n\r\n"
        );
        assert_eq!(
            request("http://Aladdin:open%20sesame@p", "ws://[2001:db8::1]:80/"),
            "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn only_2xx_opens_the_tunnel() {
        let proxy = Proxy::parse("p").unwrap();
        let request = proxy.tunnel_to(WebSocketUri::parse("ws://a/").unwrap());
        for (received, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\nfirst", Ok("open 39")),
            ("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n", Ok("open 38")),
            ("HTTP/1.1 299\r\nTransfer-Encoding: chunked\r\n\r\n", Ok("open 44")),
            ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200\r\n\r\n", Ok("interim 103 28")),
            (
                "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\nbody",
                Ok("declined 407 Auth 48"),
            ),
            ("HTTP/1.1 302 Found\r\n\r\n", Ok("declined 302 Found 22")),
            ("HTTP/1.1 101 Switching\r\n\r\n", Err(ResponseError::Status { status: 101 })),
            ("HTTP/1.1 099 \r\n\r\n", Ok("declined 99  17")),
            ("HTTP/1.1 600 \r\n\r\n", Ok("declined 600  17")),
        ] {
            let mut scanner = HeadScanner::response(Limits::client());
            let Ok(Progress::Complete(head)) = scanner.scan(received.as_bytes()) else {
                panic!("{received:?}")
            };
            let mut slots = HeaderSlots::<8>::new();
            let answer = request.parse_response(head, &mut slots).map(|answer| match answer {
                TunnelResponse::Open { head_len } => std::format!("open {head_len}"),
                TunnelResponse::Interim(interim) => {
                    std::format!("interim {} {}", interim.status(), interim.head_len())
                }
                TunnelResponse::Declined(declined) => {
                    let (status, reason) = (declined.status(), declined.reason());
                    std::format!("declined {status} {reason} {}", declined.head_len())
                }
            });
            assert_eq!(answer.as_deref(), expected.as_ref().copied(), "{received:?}");
        }
    }

    #[test]
    fn too_few_slots_are_an_error() {
        let proxy = Proxy::parse("p").unwrap();
        let request = proxy.tunnel_to(WebSocketUri::parse("ws://a/").unwrap());
        let received = b"HTTP/1.1 200 OK\r\nVia: a\r\nVia: b\r\n\r\n";
        let Ok(Progress::Complete(head)) = HeadScanner::response(Limits::client()).scan(received)
        else {
            panic!()
        };
        let mut slots = HeaderSlots::<1>::new();
        let answer = request.parse_response(head, &mut slots).map(|_| ());
        assert_eq!(answer, Err(HeadError::TooManyHeaders { limit: 1 }.into()));
    }

    #[test]
    fn debug_output_shows_no_credentials() {
        let proxy = Proxy::parse("http://Aladdin:open%20sesame@p").unwrap();
        let request = proxy.tunnel_to(WebSocketUri::parse("ws://a/").unwrap());
        let shown = std::format!("{request:?}");
        assert!(shown.starts_with("TunnelRequest { uri: WebSocketUri {"), "{shown}");
        assert!(!shown.contains("QWxh"), "{shown}");
    }
}
