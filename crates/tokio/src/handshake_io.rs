//! Reading a head and writing an answer, on either side of the opening handshake.

use std::io;

use tidings_endpoint::{MAX_REFUSED_DRAIN_LEN, REFUSED_DRAIN_TIME};
use tidings_handshake::{Head, HeadError, HeadScanner, Progress};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Reads until `buffer` holds a whole head, or what can be none, and hands it to `on_head`.
///
/// The scanner looks at each byte once and bounds them. `on_head` is not async, so what it needs
/// of memory does not stay in the future.
pub(crate) async fn read_head<S, T, F>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    mut scanner: HeadScanner,
    on_head: F,
) -> io::Result<T>
where
    S: AsyncRead + Unpin,
    F: FnOnce(Result<Head<'_>, HeadError>) -> T,
{
    loop {
        match scanner.scan(buffer) {
            Ok(Progress::Complete(head)) => return Ok(on_head(Ok(head))),
            Ok(Progress::Partial) => {}
            Err(error) => return Ok(on_head(Err(error))),
        }
        buffer.reserve(1024);
        if stream.read_buf(buffer).await? == 0 {
            let eof = "the transport ended in the opening handshake";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, eof));
        }
    }
}

/// Writes the whole answer and makes sure that it is sent.
pub(crate) async fn write_answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &[u8],
) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.flush().await
}

/// Writes a refusal and ends the connection so that it arrives.
pub(crate) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &[u8],
) -> io::Result<()> {
    write_answer(stream, answer).await?;
    stream.shutdown().await?;
    let drain = async {
        let mut sink = vec![0; 4096];
        let mut drained = 0;
        while drained < MAX_REFUSED_DRAIN_LEN {
            match stream.read(&mut sink).await {
                Ok(0) | Err(_) => break,
                Ok(len) => drained = len.saturating_add(drained),
            }
        }
    };
    // Running out of time or bytes is as good an end as any.
    let _ = tokio::time::timeout(REFUSED_DRAIN_TIME, drain).await;
    Ok(())
}
