//! `tidings ws --listen ADDRESS`: a server that a person or a script speaks for. What is read from
//! stdin goes to all clients, and what they send is printed.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidings_tokio::handshake::{
    MissingOrigin, OriginPattern, OriginPolicy, Rejection, ServerRequest,
};
use tidings_tokio::{CloseCode, Config, Message, WebSocket, accept_with};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::input::Input;
use super::output::Output;
use super::{Arguments, BROKEN, not_sent};
use crate::interrupt::Interrupt;
use crate::terminal::{escape_controls, note};
use crate::{Error, UsageError, address, tls};

/// Clients that may be connected at a time; others wait to be accepted.
const MAX_CLIENTS: usize = 256;
/// Messages that may wait for a slow client before the others wait, too.
const MAX_WAITING: usize = 64;
/// The time for TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that clients have for their Close at the end.
const LAST_CLOSE: Duration = Duration::from_secs(2);

/// The place to wait for clients at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListenAddress {
    Tcp(String),
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads `PORT`, `HOST:PORT` or `unix:PATH`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let unix = text.strip_prefix("unix:").or(text.strip_prefix("ws+unix:"));
        if let Some(path) = unix {
            if path.is_empty() {
                return Err("a Unix socket is written unix:PATH".to_owned());
            }
            return Ok(Self::Unix(path.into()));
        }
        address::parse(text, "an address is written PORT, HOST:PORT or unix:PATH").map(Self::Tcp)
    }
}

/// A stream to a client, whatever is below.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type BoxStream = Box<dyn Stream>;

/// An event in the life of a client.
enum Event {
    Opened(mpsc::Sender<Message>),
    Message(Message),
    /// The Close frame of the client, as text.
    Closed(String),
    Failed(String),
}

/// The rules for all clients.
struct Rules {
    config: Config,
    subprotocols: Vec<String>,
    /// Empty: the listener's own.
    origins: Vec<String>,
    tls: Option<TlsAcceptor>,
}

pub(super) async fn run(
    address: &ListenAddress,
    arguments: &Arguments,
    mut interrupt: Interrupt,
) -> Result<ExitCode, Error> {
    let rules = Arc::new(Rules::of(arguments)?);
    let messages = arguments.messages()?;
    let listener = Listener::bind(address).await?;
    let scheme = if rules.tls.is_some() { "wss" } else { "ws" };
    note(&format!("listening on {}", listener.url(scheme)?));
    let mut input = Input::read(Vec::new(), arguments.source(), &interrupt);
    let (sender, events) = mpsc::channel(MAX_WAITING);
    let mut server = Server {
        listener,
        sender,
        events,
        rules,
        greeting: messages.into(),
        output: arguments.output(),
        one: arguments.one,
        clients: BTreeMap::new(),
        accepted: 0,
    };
    let end = tokio::select! {
        end = server.serve(&mut input) => end,
        () = interrupt.wait() => {
            note("closing; Ctrl-C again ends at once");
            input.drop_rest();
            End::Done
        }
    };
    let _ = timeout(LAST_CLOSE, server.close()).await;
    server.listener.clean_up();
    Ok(match end {
        End::Broken => BROKEN.into(),
        End::Done if !input.is_sent() => not_sent(),
        End::Done | End::OutputClosed => ExitCode::SUCCESS,
    })
}

/// The reason why no client is served any more.
enum End {
    /// All that was to be done is done.
    Done,
    /// The only client failed, or stdout did.
    Broken,
    /// Nobody reads our output any more.
    OutputClosed,
}

impl Rules {
    fn of(arguments: &Arguments) -> Result<Self, Error> {
        for origin in arguments.allow_origin.iter().filter(|origin| *origin != "*") {
            OriginPattern::parse(origin)
                .map_err(|error| UsageError(format!("--allow-origin {origin}: {error}")))?;
        }
        let tls = match (&arguments.request.cert, &arguments.request.key) {
            (Some(certificate), Some(key)) => {
                let identity = tls::read_identity(certificate, key)?;
                let config = tls::server(identity).map_err(|error| {
                    let (certificate, key) = (certificate.display(), key.display());
                    UsageError(format!("--cert {certificate} with --key {key}: {error}"))
                })?;
                Some(TlsAcceptor::from(config))
            }
            _ => None,
        };
        Ok(Self {
            config: arguments.config(Config::server()),
            subprotocols: arguments.subprotocol.clone(),
            origins: arguments.allow_origin.clone(),
            tls,
        })
    }

    /// Checks where the request comes from.
    fn admit<'r>(&self, request: &ServerRequest<'r>) -> Result<(), Rejection<'r>> {
        if self.origins.iter().any(|origin| origin == "*") {
            return Ok(());
        }
        let patterns: Vec<OriginPattern<'_>> =
            self.origins.iter().filter_map(|origin| OriginPattern::parse(origin).ok()).collect();
        let policy = OriginPolicy::same_origin(MissingOrigin::Accept)
            .or_from(&patterns)
            .over_any_transport();
        Ok(request.check_origin(&policy, self.tls.is_some())?)
    }

    async fn open(&self, stream: BoxStream) -> Result<WebSocket<BoxStream>, String> {
        let stream = match &self.tls {
            None => stream,
            Some(tls) => match timeout(TLS_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => Box::new(stream),
                Ok(Err(error)) => return Err(format!("TLS: {error}")),
                Err(_) => return Err("TLS: the client took too long".to_owned()),
            },
        };
        let subprotocols: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
        accept_with(stream, self.config, |request| {
            self.admit(request)?;
            let chosen = request.choose_subprotocol(&subprotocols);
            request
                .accept()
                .subprotocol(chosen)
                .map_err(|_| Rejection::forbidden("the subprotocol cannot be used"))
        })
        .await
        .map_err(|error| error.to_string())
    }
}

struct Server {
    listener: Listener,
    sender: mpsc::Sender<(u64, Event)>,
    events: mpsc::Receiver<(u64, Event)>,
    rules: Arc<Rules>,
    /// Sent to each client first.
    greeting: Arc<[Message]>,
    output: Output,
    one: bool,
    /// The connected clients, by number.
    clients: BTreeMap<u64, Client>,
    accepted: u64,
}

struct Client {
    name: String,
    /// Messages to it, once its WebSocket is open.
    messages: Option<mpsc::Sender<Message>>,
}

impl Server {
    async fn serve(&mut self, input: &mut Input) -> End {
        let mut has_input = true;
        loop {
            let has_listeners = self.clients.values().any(|client| client.messages.is_some());
            let has_room = self.clients.len() < MAX_CLIENTS && !(self.one && self.accepted > 0);
            tokio::select! {
                accepted = self.listener.accept(), if has_room => match accepted {
                    Ok((stream, name)) => self.admit(stream, name),
                    Err(error) => {
                        note(&format!("tidings: accepting a client: {error}"));
                        // Such as too many open files: it may pass.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                // What is read while nobody is there waits for the first client.
                message = input.next(), if has_input && has_listeners => match message {
                    Some(message) => self.send_to_all(&message).await,
                    None => has_input = false,
                },
                event = self.events.recv() => {
                    let Some((number, event)) = event else { continue };
                    match self.handle(number, event) {
                        Ok(None) => {}
                        Ok(Some(end)) => return end,
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                            return End::OutputClosed;
                        }
                        Err(error) => {
                            note(&format!("tidings: stdout: {error}"));
                            return End::Broken;
                        }
                    }
                }
            }
        }
    }

    fn admit(&mut self, stream: BoxStream, name: String) {
        self.accepted = self.accepted.saturating_add(1);
        let number = self.accepted;
        let name = if name.is_empty() { format!("client {number}") } else { name };
        self.clients.insert(number, Client { name, messages: None });
        let (rules, greeting) = (Arc::clone(&self.rules), Arc::clone(&self.greeting));
        let events = self.sender.clone();
        tokio::spawn(async move {
            let ended = match rules.open(stream).await {
                Ok(socket) => talk(socket, &greeting, number, &events).await,
                Err(error) => Event::Failed(error),
            };
            let _ = events.send((number, ended)).await;
        });
    }

    /// Closes all connections, and shows what still comes.
    async fn close(&mut self) {
        // Without a sender of messages, each of them closes.
        self.clients.values_mut().for_each(|client| client.messages = None);
        while !self.clients.is_empty() {
            let Some((number, event)) = self.events.recv().await else { return };
            let is_opened = matches!(event, Event::Opened(_));
            if !is_opened {
                // Stdout may be why this is the end.
                let _ = self.handle(number, event);
            }
        }
    }

    async fn send_to_all(&mut self, message: &Message) {
        self.output.sending(message);
        for client in self.clients.values() {
            if let Some(messages) = &client.messages {
                // One that is gone reports so by itself.
                let _ = messages.send(message.clone()).await;
            }
        }
    }

    /// Returns how it ends if this is the end.
    fn handle(&mut self, number: u64, event: Event) -> io::Result<Option<End>> {
        let is_alone = self.clients.len() == 1;
        let Some(client) = self.clients.get_mut(&number) else { return Ok(None) };
        let name = client.name.clone();
        match event {
            Event::Opened(messages) => {
                client.messages = Some(messages);
                note(&format!("{name} connected"));
                Ok(None)
            }
            Event::Message(message) => {
                let from = (self.output.json || !is_alone).then_some(&*name);
                self.output.show(&message, from)?;
                Ok(None)
            }
            Event::Closed(received) => {
                self.clients.remove(&number);
                note(&format!("{name} closed: {}", escape_controls(&received)));
                Ok(self.one.then_some(End::Done))
            }
            Event::Failed(error) => {
                self.clients.remove(&number);
                note(&format!("{name}: {}", escape_controls(&error)));
                Ok(self.one.then_some(End::Broken))
            }
        }
    }
}

/// Greets one client, and talks to it until its end.
async fn talk(
    mut socket: WebSocket<BoxStream>,
    greeting: &[Message],
    number: u64,
    events: &mpsc::Sender<(u64, Event)>,
) -> Event {
    let (sender, mut messages) = mpsc::channel(MAX_WAITING);
    if events.send((number, Event::Opened(sender))).await.is_err() {
        return closed(&socket);
    }
    for message in greeting {
        match socket.send(message).await {
            Ok(()) => {}
            // `recv` returns the Close.
            Err(error) if error.is_closed() => break,
            Err(error) => return Event::Failed(error.to_string()),
        }
    }
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                Ok(Some(message)) => {
                    if events.send((number, Event::Message(message))).await.is_err() {
                        break;
                    }
                }
                Ok(None) => return closed(&socket),
                Err(error) => return Event::Failed(error.to_string()),
            },
            message = messages.recv() => match message {
                Some(message) => match socket.send(message).await {
                    Err(error) if !error.is_closed() => return Event::Failed(error.to_string()),
                    _ => {}
                },
                None => break,
            },
        }
    }
    let _ = timeout(LAST_CLOSE, socket.close(CloseCode::GOING_AWAY, "")).await;
    closed(&socket)
}

fn closed(socket: &WebSocket<BoxStream>) -> Event {
    Event::Closed(socket.close_info().received.to_string())
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, PathBuf),
}

impl Listener {
    async fn bind(address: &ListenAddress) -> Result<Self, Error> {
        match address {
            ListenAddress::Tcp(address) => {
                let listener = TcpListener::bind(address).await;
                Ok(Self::Tcp(listener.map_err(|error| {
                    let hint = match error.kind() {
                        io::ErrorKind::AddrInUse => {
                            "\nhint: another program listens there; choose another port"
                        }
                        _ => "",
                    };
                    format!("listening on {address}: {error}{hint}")
                })?))
            }
            #[cfg(unix)]
            ListenAddress::Unix(path) => {
                let listener = UnixListener::bind(path);
                let listener = listener.map_err(|error| {
                    let hint = match error.kind() {
                        io::ErrorKind::AddrInUse if is_socket(path) => {
                            "; remove the file if no program uses it"
                        }
                        _ => "",
                    };
                    format!("listening on the Unix socket {}: {error}{hint}", path.display())
                })?;
                Ok(Self::Unix(listener, path.clone()))
            }
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => {
                Err(UsageError("this system has no Unix sockets that tidings knows".to_owned())
                    .into())
            }
        }
    }

    fn url(&self, scheme: &str) -> io::Result<String> {
        Ok(match self {
            Self::Tcp(listener) => format!("{scheme}://{}/", listener.local_addr()?),
            #[cfg(unix)]
            Self::Unix(_, path) => format!("{scheme}+unix:{}", path.display()),
        })
    }

    /// The next client and its name; that of a client on a Unix socket is empty.
    async fn accept(&self) -> io::Result<(BoxStream, String)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address): (_, SocketAddr) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), address.to_string()))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), String::new()))
            }
        }
    }

    /// Removes the file of a Unix socket.
    fn clean_up(&self) {
        #[cfg(unix)]
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(unix)]
fn is_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_on_this_machine_only() {
        let tcp = |text: &str| Ok(ListenAddress::Tcp(text.to_owned()));
        assert_eq!(ListenAddress::parse("9000"), tcp("127.0.0.1:9000"));
        assert_eq!(ListenAddress::parse(":9000"), tcp("127.0.0.1:9000"));
        assert_eq!(ListenAddress::parse("0.0.0.0:9000"), tcp("0.0.0.0:9000"));
        assert_eq!(ListenAddress::parse("[::1]:9000"), tcp("[::1]:9000"));
        assert_eq!(ListenAddress::parse("unix:/a"), Ok(ListenAddress::Unix("/a".into())));
        assert!(ListenAddress::parse("here").is_err());
        assert!(ListenAddress::parse("unix:").is_err());
        assert!(ListenAddress::parse("70000").is_err());
    }
}
