//! Servers for the command: [`answer`] and [`refuse`] in plain HTTP or anything else, and [`serve`]
//! WebSockets.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use tidings_tokio::{Config, WebSocket, accept_with};

/// Gives these answers, each on a separate connection; the receiver gets the heads of the requests.
pub(crate) fn answer(answers: &[&str]) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = mpsc::channel();
    let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = asked.send(read_head(&mut stream));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, requests)
}

/// Answers the first byte of a client with a refusal in HTTP, as servers do that cannot read the rest.
pub(crate) fn refuse() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // Not before the client has read it.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    port
}

/// A response with a body.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// As much as there is of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|len| len == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

pub(crate) type Socket = WebSocket<tokio::net::TcpStream>;

/// Serves one client after the other, in each case by this function.
pub(crate) fn serve<F>(work: impl Fn(Socket) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    serve_on(listener, work);
    port
}

/// Like [`serve`], on a port that is known already.
pub(crate) fn serve_on<F>(listener: TcpListener, work: impl Fn(Socket) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let accepted = accept_with(stream, Config::server(), |request| {
                    let chosen = request.choose_subprotocol(&["chat"]);
                    Ok(request.accept().subprotocol(chosen)?)
                });
                if let Ok(socket) = accepted.await {
                    work(socket).await;
                }
            }
        });
    });
}

/// Sends back what comes, until the client closes.
pub(crate) async fn echo(mut socket: Socket) {
    while let Ok(Some(message)) = socket.recv().await {
        let _ = socket.send(message).await;
    }
}
