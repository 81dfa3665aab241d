//! A client whose server listens on a Unix domain socket.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use tidings_tokio::{CloseCode, Config, ConnectOptions, accept, connect_with};
use tokio::net::UnixListener;

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tidings-{}-{name}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[tokio::test]
async fn a_unix_socket_is_used_in_place_of_the_host_and_of_any_proxy() {
    let path = path("talk");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream, Config::server()).await.unwrap();
        let message = socket.recv().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), None);
    });
    let options = ConnectOptions::new()
        .proxy(tidings_tokio::client::Proxy::parse("http://127.0.0.1:9").unwrap())
        .unix_socket(&path);
    let mut socket = connect_with("ws://no-such-host.invalid/", &options).await.unwrap();
    assert!(socket.get_ref().tcp().is_none());
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    socket.close(CloseCode::NORMAL, "").await.unwrap();
    server.await.unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn an_error_names_the_path_of_the_unix_socket() {
    let path = path("nobody");
    let options = ConnectOptions::new().unix_socket(&path);
    let error = connect_with("ws://localhost/", &options).await.unwrap_err().to_string();
    let expected = format!("connecting to the Unix socket {}: ", path.display());
    assert!(error.starts_with(&expected), "{error}");
}
