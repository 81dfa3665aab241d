//! The options that `ws` and `sse` share: headers, credentials, the way to the server, TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidings_tokio::ConnectOptions;
use tidings_tokio::client::Socks5Proxy;
use tokio::net::lookup_host;

use crate::target::{Credentials, Target};
use crate::terminal::note;
use crate::{Error, UsageError, failure, heads, tls};

/// Reads `NAME: VALUE`. An error does not show it: there may be a secret in it.
fn parse_header(text: &str) -> Result<(String, String), UsageError> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| UsageError("--header: a header is written NAME: VALUE".to_owned()))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Reads a time in seconds, which may be a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a time is a number of seconds".to_owned())?;
    if !seconds.is_finite() {
        return Err("a time is a number of seconds".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Reads a time limit in seconds, which may be a fraction.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_seconds(text)? {
        Duration::ZERO => Err("a time is more than 0 seconds".to_owned()),
        time => Ok(time),
    }
}

/// The help of `--verbose` where there are no messages of a WebSocket.
pub(crate) const VERBOSE_HELP: &str = "Show the heads of requests and responses on stderr";

/// The same with details.
pub(crate) const VERBOSE_LONG_HELP: &str = "Show the heads of requests and responses on stderr.

Hidden are the values of headers and query parameters whose names tell of a secret, such as \
Authorization, Cookie, X-Api-Key and `access_token`.";

/// The help of `--user`, with a URL of this scheme.
pub(crate) fn user_long_help(scheme: &str) -> String {
    format!(
        "Send Authorization: Basic with these credentials.

They can also be in the URL, as in `{scheme}://user:password@example.com/`, percent-encoded. A header \
         Authorization of --header takes precedence over both. Other users of this machine can see the \
         arguments of a program."
    )
}

/// The request and the way to the server. Header, credentials and proxy are read after clap, which
/// shows a value that it cannot use, and so the secret in it.
#[derive(Debug, clap::Args)]
pub(crate) struct RequestOptions {
    /// Send this header; may be given several times.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", help_heading = "Request")]
    header: Vec<String>,
    /// Send Authorization: Basic with these credentials.
    #[arg(
        short,
        long,
        long_help = user_long_help("wss"),
        value_name = "USER:PASSWORD",
        help_heading = "Request"
    )]
    user: Option<String>,
    /// Connect to this address instead of looking up the host of the URL.
    ///
    /// The request still names the host of the URL, and its certificate is checked for that name.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Connection")]
    connect_to: Option<String>,
    /// Connect to this Unix domain socket; the URL still supplies host, path and TLS.
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with_all = ["connect_to", "socks5"],
        help_heading = "Connection"
    )]
    unix: Option<PathBuf>,
    /// Use this SOCKS5 proxy instead of those that the variables name. It looks up the host.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Connection")]
    socks5: Option<String>,
    /// Trust the certificates of this file (PEM) and no others.
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    ca: Option<PathBuf>,
    /// Present the certificate in this file (PEM, with its chain).
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub(crate) key: Option<PathBuf>,
    /// Do not check the certificate of the server. For tests only.
    #[arg(short = 'k', long, conflicts_with = "ca", help_heading = "TLS")]
    insecure: bool,
    /// Show the heads of requests and responses on stderr; twice (-vv): each message of a WebSocket.
    ///
    /// -vv also shows Ping, Pong and Close, and the time that the answer to a Ping of our own took.
    /// Hidden are the values of headers and query parameters whose names tell of a secret, such as
    /// Authorization, Cookie, X-Api-Key and `access_token`.
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

impl RequestOptions {
    /// Returns the headers to send: those of the user, and `Authorization` from credentials.
    ///
    /// # Errors
    /// They are not written as they must be.
    pub(crate) fn headers(&self, target: &Target) -> Result<Vec<(String, String)>, UsageError> {
        let headers = self.header.iter().map(|header| parse_header(header));
        let mut headers = headers.collect::<Result<Vec<_>, _>>()?;
        let is_set = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let user = self.user.as_deref().map(Credentials::parse).transpose();
        let user = user.map_err(|error| UsageError(format!("--user: {error}")))?;
        if let Some(credentials) = user.as_ref().or(target.credentials.as_ref()).filter(|_| !is_set)
        {
            headers.push(("Authorization".to_owned(), credentials.authorization()));
        }
        Ok(headers)
    }

    /// The way to the server, as options: everything but headers.
    pub(crate) async fn connect_options(&self, target: &Target) -> Result<ConnectOptions, Error> {
        let mut options = ConnectOptions::new().proxy_from_environment();
        let ways = [
            ("--unix", self.unix.is_some()),
            ("--connect-to", self.connect_to.is_some()),
            ("--socks5", self.socks5.is_some()),
        ];
        let other_way = ways.iter().find(|(_, is_given)| *is_given);
        if let Some((option, _)) = other_way.filter(|_| target.unix.is_some()) {
            let why = "the URL names a Unix socket already";
            return Err(UsageError(format!("{option}: {why}")).into());
        }
        if let Some(file) = &self.ca {
            options = options.tls_config(tls::trust_only(file)?);
        }
        if self.insecure {
            note(
                "WARNING: --insecure: the certificate of the server is not checked, and whoever answers gets what you send",
            );
            options = options.tls_config(tls::trust_anyone()?);
        }
        if let (Some(certificate), Some(key_file)) = (&self.cert, &self.key) {
            let (chain, key) = tls::read_identity(certificate, key_file)?;
            options = options.client_certificate(chain, key).map_err(|error| {
                let (certificate, key) = (certificate.display(), key_file.display());
                UsageError(format!("--cert {certificate} with --key {key}: {error}"))
            })?;
        }
        if let Some(proxy) = &self.socks5 {
            let proxy = Socks5Proxy::parse(proxy)
                .map_err(|error| UsageError(format!("--socks5: {error}")))?;
            options = options.socks5_proxy(proxy);
        }
        if let Some(address) = &self.connect_to {
            let unusable = |why: &dyn std::fmt::Display| {
                UsageError(format!("{}: {why}", failure::without_query(&target.url)))
            };
            let uri: http::Uri = target.url.parse().map_err(|error| unusable(&error))?;
            let host = uri.host().ok_or_else(|| unusable(&"there is no host"))?;
            options = options.connect_to(host.trim_matches(['[', ']']), resolve(address).await?);
        }
        if let Some(path) = self.unix.as_ref().or(target.unix.as_ref()) {
            options = options.unix_socket(path);
        }
        if self.verbose > 0 {
            options = options.on_head(|head| heads::show(&head));
        }
        Ok(options)
    }
}

/// The first address of `HOST:PORT`.
async fn resolve(host_and_port: &str) -> Result<SocketAddr, Error> {
    if let Ok(address) = host_and_port.parse() {
        return Ok(address);
    }
    let has_port = host_and_port.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok()
    });
    if !has_port {
        let why = "write HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443";
        return Err(UsageError(format!("--connect-to {host_and_port}: {why}")).into());
    }
    let found = lookup_host(host_and_port).await.and_then(|mut addresses| {
        addresses.next().ok_or_else(|| std::io::Error::other("the host has no address"))
    });
    found.map_err(|error| format!("--connect-to: resolving {host_and_port}: {error}").into())
}
