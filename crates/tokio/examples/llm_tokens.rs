//! Prints the tokens of a language model as they come.
//!
//!     cargo run --release -p tidings-tokio --features event-source,json --example llm_tokens
//!     ... --example llm_tokens -- URL MODEL "PROMPT"
//!
//! Without arguments it talks to a stand-in on this machine, which streams a fixed answer in the
//! form of `chat/completions` that most servers have and cuts its writes inside characters. With arguments it asks
//! any server of that form; the variable `API_KEY` is sent as a bearer token.

use std::io::Write as _;
use std::time::Duration;

use tidings_tokio::sse::{Config, EventSource, EventSourceRequest, Repeat, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (url, model, prompt) = match &arguments[..] {
        [url, model, prompt] => (url.clone(), model.as_str(), prompt.as_str()),
        _ => (stand_in().await?, "stand-in", "Say something."),
    };
    let body = serde_json::json!({
        "model": model,
        "stream": true,
        "messages": [{ "role": "user", "content": prompt }],
    });

    // An answer costs money: the request is repeated only if it was surely not processed, as when the
    // service says by 429 when to come again.
    let mut config = Config::client();
    config.policy.max_attempts = 5;
    let mut request = EventSourceRequest::post(url, body.to_string())
        .header("content-type", "application/json")
        .config(config)
        .repeat(Repeat::Unprocessed)
        .idle_timeout(Duration::from_secs(120))
        .response_timeout(Duration::from_secs(600));
    if let Ok(key) = std::env::var("API_KEY") {
        request = request.header("authorization", format!("Bearer {key}"));
    }

    let mut source = match EventSource::open(request)?.reply().await? {
        Reply::Stream { source, .. } => source,
        Reply::Answer(answer) => {
            let body = answer.text();
            return Err(format!("the service answered {}: {}", answer.status, body.trim()).into());
        }
        _ => return Err("the service answered in a way that is not known here".into()),
    };
    while let Some(event) = source.event().await? {
        // The end of the answer; the end of the stream alone would not show that it is complete.
        if event.data == "[DONE]" {
            println!();
            return Ok(());
        }
        let chunk: serde_json::Value = serde_json::from_str(&event.data)?;
        if let Some(token) = chunk.pointer("/choices/0/delta/content").and_then(|c| c.as_str()) {
            print!("{token}");
            std::io::stdout().flush()?;
        }
    }
    Err("the answer is not whole: the stream ended before [DONE]".into())
}

/// Starts a server that gives one answer to every request; where it is.
async fn stand_in() -> Result<String, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/chat/completions", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(url)
}

const TOKENS: [&str; 14] = [
    "Tidings",
    " travel",
    " in",
    " bytes",
    ",",
    " and",
    " bytes",
    " are",
    " cut",
    " anywhere",
    ": 你好",
    ", naïve",
    " 👩‍🚀",
    ".",
];

async fn answer(mut stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut request = vec![0; 16 * 1024];
    let _ = stream.read(&mut request).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;

    let chunks = TOKENS.iter().map(|token| {
        serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": token } }] })
            .to_string()
    });
    let events: String =
        chunks.chain(["[DONE]".to_owned()]).map(|data| format!("data: {data}\n\n")).collect();
    // No write ends where an event or a character does.
    for piece in events.as_bytes().chunks(31) {
        stream.write_all(piece).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
