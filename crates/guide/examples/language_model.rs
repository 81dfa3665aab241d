//! A client of a language model: the program of docs/guide/src/topics/language-models.md, which has the rest
//! of this file word for word.

use std::io::Write as _;
use std::time::Duration;

use tidings::tokio::sse::{Config, EventSource, EventSourceRequest, Repeat, Reply};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The request: sent once, and again only if the service has surely not processed it.
pub fn question(url: &str, key: &str, prompt: &str) -> EventSourceRequest {
    let body = serde_json::json!({
        "model": "some-model",
        "stream": true,
        "messages": [{ "role": "user", "content": prompt }],
    });
    let mut config = Config::client();
    config.policy.max_attempts = 5;
    EventSourceRequest::post(url, body.to_string())
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {key}"))
        .config(config)
        .response_timeout(Duration::from_secs(600)) // until the head of the response
        .idle_timeout(Duration::from_secs(120)) // between two tokens
        .repeat(Repeat::Unprocessed)
        .retry_if(|status, headers| {
            matches!(status.as_u16(), 429 | 503)
                && headers
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .is_some_and(|seconds: u64| seconds <= 30)
        })
}

/// Prints the answer as it comes.
///
/// # Errors
/// There is no answer, or it is not whole.
pub async fn ask(request: EventSourceRequest) -> Result<(), Error> {
    let mut source = match EventSource::open(request)?.reply().await? {
        Reply::Stream { source, .. } => source,
        // 401 with the reason, 429 with the quota, or an answer that is plain JSON.
        Reply::Answer(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(format!("the service answered {}: {}", answer.status, body.trim()).into());
        }
        _ => return Err("an unknown kind of answer".into()),
    };
    while let Some(event) = source.event().await? {
        if event.data == "[DONE]" {
            return Ok(());
        }
        let chunk: serde_json::Value = serde_json::from_str(&event.data)?;
        // The status was 200 long ago, so a failure comes as an event.
        if let Some(error) = chunk.get("error") {
            return Err(format!("the model failed: {error}").into());
        }
        if let Some(token) = chunk.pointer("/choices/0/delta/content").and_then(|t| t.as_str()) {
            print!("{token}");
            std::io::stdout().flush()?;
        }
    }
    Err("the answer is not whole: the stream ended before [DONE]".into())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let key = std::env::var("API_KEY")?;
    ask(question("https://api.example/v1/chat/completions", &key, "Say something.")).await
}
