//! The two sides of the talk, in each [`Style`].

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tidings_tokio::socket::{MessageReader, OwnedReceiver, OwnedSender};
use tokio::io::AsyncWriteExt;

use super::*;

type Received = RefCell<Vec<Unit>>;
type Outcome = (Option<Error>, Option<CloseInfo>);

/// The caller: every step and its echo, then the close.
pub(crate) async fn call<R: Role + Unpin>(
    mut socket: WebSocket<End, R>,
    scene: &Scene,
    cut: &Cut,
    received: &Received,
) -> Outcome {
    let talked = match scene.caller {
        Style::Whole => call_whole(&mut socket, &scene.steps, cut, received, false).await,
        Style::Pieces => call_whole(&mut socket, &scene.steps, cut, received, true).await,
        Style::Halves => call_halves(&mut socket, &scene.steps, cut, received).await,
        Style::Split => return call_split(socket, &scene.steps, cut, received).await,
    };
    let ended = match talked {
        Ok(()) => cut.run(async || socket.close(code(), REASON).await).await,
        failed => failed,
    };
    finish(socket, ended).await
}

/// The echoer: sends back each message, until the end.
pub(crate) async fn echo<R: Role + Unpin>(
    mut socket: WebSocket<End, R>,
    style: Style,
    cut: &Cut,
    received: &Received,
) -> Outcome {
    let ended = match style {
        Style::Whole => echo_whole(&mut socket, cut, received).await,
        Style::Pieces => echo_pieces(&mut socket, cut, received).await,
        Style::Halves => echo_halves(&mut socket, cut, received).await,
        Style::Split => return echo_split(socket, cut, received).await,
    };
    finish(socket, ended).await
}

fn code() -> CloseCode {
    CloseCode::new(CODE).unwrap()
}

async fn finish<R: Role>(mut socket: WebSocket<End, R>, ended: Result<(), Error>) -> Outcome {
    let close_info = socket.close_info();
    match ended {
        Ok(()) => (None, Some(close_info)),
        Err(error) => {
            check_is_over(&mut socket).await;
            (Some(error), Some(close_info))
        }
    }
}

/// Sends a message; once it was polled the message is queued, and only the flush is left.
async fn send<R: Role>(
    socket: &mut WebSocket<End, R>,
    cut: &Cut,
    message: &Message,
) -> Result<(), Error> {
    let mut is_queued = false;
    cut.run(async || {
        if is_queued {
            return socket.flush().await;
        }
        is_queued = true;
        socket.send(message).await
    })
    .await
}

async fn call_whole<R: Role + Unpin>(
    socket: &mut WebSocket<End, R>,
    steps: &[Step],
    cut: &Cut,
    received: &Received,
    in_pieces: bool,
) -> Result<(), Error> {
    for step in steps {
        let mut missing = 1;
        match step {
            Step::Say(messages) => {
                missing = messages.len();
                match &messages[..] {
                    [message] => send(socket, cut, message).await?,
                    messages => {
                        for message in messages {
                            socket.feed(message)?;
                        }
                        cut.run(async || socket.flush().await).await?;
                    }
                }
            }
            Step::Ping(payload) => send(socket, cut, &Message::ping(control(payload))).await?,
            Step::Pieces(kind, pieces) => write_pieces(socket, *kind, pieces, cut).await?,
        }
        let is_ping = matches!(step, Step::Ping(_));
        while missing > 0 {
            // Control frames are not seen by a reader of pieces.
            let next = match in_pieces && !is_ping {
                true => read_pieces(socket, cut).await?,
                false => cut.run(async || socket.recv().await).await?.map(unit),
            };
            let Some(next) = next else { return Ok(()) };
            let counts = match &next {
                Unit::Pong(_) => is_ping,
                next => next.is_message(),
            };
            missing -= usize::from(counts);
            received.borrow_mut().push(next);
        }
    }
    Ok(())
}

/// Writes each piece as a separate frame.
async fn write_pieces<R: Role + Unpin>(
    socket: &mut WebSocket<End, R>,
    kind: MessageKind,
    pieces: &[Vec<u8>],
    cut: &Cut,
) -> Result<(), Error> {
    let mut writer = socket.writer(kind)?;
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            // Unlike `write`, this may be dropped: it queued nothing if it was not done.
            rest = &rest[cut.run(async || AsyncWriteExt::write(&mut writer, rest).await).await?..];
        }
    }
    // Once it was polled the end is queued, and only the flush is left. A writer that is dropped
    // without a poll was not finished; then only closing is left.
    match cut.first_polled(writer.finish()).await {
        Some(finished) => finished,
        None => socket.flush().await,
    }
}

/// One message through `recv_reader`; both its futures are cut.
async fn read_pieces<R: Role + Unpin>(
    socket: &mut WebSocket<End, R>,
    cut: &Cut,
) -> Result<Option<Unit>, Error> {
    if let Some(reader) = cut.first(socket.recv_reader()).await {
        return read_all(reader?, cut).await;
    }
    read_all(socket.recv_reader().await?, cut).await
}

async fn read_all<R: Role + Unpin>(
    reader: Option<MessageReader<'_, End, R>>,
    cut: &Cut,
) -> Result<Option<Unit>, Error> {
    let Some(mut reader) = reader else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = async || reader.chunk().await.map(|piece| piece.map(<[u8]>::to_vec));
    let mut read = read;
    while let Some(piece) = cut.run(&mut read).await? {
        assert!(!piece.is_empty());
        bytes.extend(piece);
    }
    Ok(Some(match reader.kind() {
        MessageKind::Text => Unit::Text(String::from_utf8(bytes).unwrap()),
        MessageKind::Binary => Unit::Binary(bytes),
    }))
}

/// The halves cannot send in chunks and see no control frames.
async fn call_halves<R: Role + Unpin>(
    socket: &mut WebSocket<End, R>,
    steps: &[Step],
    cut: &Cut,
    received: &Received,
) -> Result<(), Error> {
    let (mut receiver, mut sender) = socket.split();
    for step in steps {
        let messages = match step {
            Step::Say(messages) => messages.clone(),
            Step::Ping(payload) => vec![Message::ping(control(payload))],
            Step::Pieces(kind, pieces) => vec![joined(*kind, pieces)],
        };
        for message in &messages {
            let mut is_queued = false;
            cut.run(async || match std::mem::replace(&mut is_queued, true) {
                // If it is dropped, the next `recv` or `close` writes it.
                true => Ok(()),
                false => sender.send(message).await,
            })
            .await?;
        }
        for _ in messages.iter().filter(|message| !matches!(message, Message::Ping(_))) {
            let next = async || {
                receiver.recv(&mut sender).await.map(|borrowed| borrowed.map(Message::from))
            };
            let Some(next) = cut.run(next).await? else { return Ok(()) };
            received.borrow_mut().push(unit(next));
        }
    }
    Ok(())
}

fn joined(kind: MessageKind, pieces: &[Vec<u8>]) -> Message {
    match kind {
        MessageKind::Text => Message::text(String::from_utf8(pieces.concat()).unwrap()),
        MessageKind::Binary => Message::binary(pieces.concat()),
    }
}

async fn echo_whole<R: Role>(
    socket: &mut WebSocket<End, R>,
    cut: &Cut,
    received: &Received,
) -> Result<(), Error> {
    let mut echoes = 0;
    while let Some(message) = cut.run(async || socket.recv().await).await? {
        received.borrow_mut().push(unit(message.clone()));
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            echoes += 1;
            if echoes == 2 {
                send(socket, cut, &Message::ping(control(ECHOER_PING))).await?;
            }
            send(socket, cut, &message).await?;
        }
    }
    Ok(())
}

async fn echo_pieces<R: Role + Unpin>(
    socket: &mut WebSocket<End, R>,
    cut: &Cut,
    received: &Received,
) -> Result<(), Error> {
    let mut echoes = 0;
    while let Some(message) = read_pieces(socket, cut).await? {
        received.borrow_mut().push(message.clone());
        echoes += 1;
        if echoes == 2 {
            send(socket, cut, &Message::ping(control(ECHOER_PING))).await?;
        }
        let (kind, bytes) = match message {
            Unit::Text(text) => (MessageKind::Text, text.into_bytes()),
            Unit::Binary(bytes) => (MessageKind::Binary, bytes),
            control => panic!("{control:?} in pieces"),
        };
        let pieces: Vec<Vec<u8>> =
            bytes.chunks(50_000.min(bytes.len() / 3 + 1)).map(Vec::from).collect();
        write_pieces(socket, kind, &pieces, cut).await?;
    }
    Ok(())
}

async fn echo_halves<R: Role>(
    socket: &mut WebSocket<End, R>,
    cut: &Cut,
    received: &Received,
) -> Result<(), Error> {
    let (mut receiver, mut sender) = socket.split();
    let mut echoes = 0;
    loop {
        // Borrowed and sent on, without a copy, unless futures are to be dropped.
        if cut.is_never() {
            let Some(message) = receiver.recv(&mut sender).await? else { return Ok(()) };
            received.borrow_mut().push(unit(copied(&message)));
            echoes += 1;
            if echoes == 2 {
                sender.send(Message::ping(control(ECHOER_PING))).await?;
            }
            sender.send(message).await?;
            continue;
        }
        let next =
            async || receiver.recv(&mut sender).await.map(|borrowed| borrowed.map(Message::from));
        let Some(message) = cut.run(next).await? else { return Ok(()) };
        received.borrow_mut().push(unit(message.clone()));
        echoes += 1;
        if echoes == 2 {
            sender.send(Message::ping(control(ECHOER_PING))).await?;
        }
        // If it is dropped, the next `recv` writes it.
        let mut is_queued = false;
        cut.run(async || match std::mem::replace(&mut is_queued, true) {
            true => Ok(()),
            false => sender.send(&message).await,
        })
        .await?;
    }
}

fn copied(message: &tidings_tokio::message::MessageRef<'_>) -> Message {
    match message {
        tidings_tokio::message::MessageRef::Text(text) => Message::text(&**text),
        tidings_tokio::message::MessageRef::Binary(bytes) => Message::binary(bytes.to_vec()),
    }
}

async fn call_split<R: Role>(
    socket: WebSocket<End, R>,
    steps: &[Step],
    cut: &Cut,
    received: &Received,
) -> Outcome {
    let (receiver, sender) = socket.into_split();
    let (forward, mut echoes) = mpsc::unbounded_channel();
    let close_info = Cell::new(None);
    let sending = async {
        let mut sender = sender;
        for step in steps {
            let messages = match step {
                Step::Say(messages) => messages.clone(),
                Step::Ping(payload) => vec![Message::ping(control(payload))],
                Step::Pieces(kind, pieces) => vec![joined(*kind, pieces)],
            };
            match &messages[..] {
                [message] => send_owned(&mut sender, cut, message).await?,
                messages => {
                    for message in messages {
                        sender.feed(message)?;
                    }
                    cut.run(async || sender.flush().await).await?;
                }
            }
            let is_ping = matches!(step, Step::Ping(_));
            let mut missing = messages.len();
            while missing > 0 {
                let Some(echo) = echoes.recv().await else { return Ok(()) };
                missing -= usize::from(match echo {
                    Message::Pong(_) => is_ping,
                    Message::Text(_) | Message::Binary(_) => true,
                    _ => false,
                });
            }
        }
        cut.run(async || sender.close(code(), REASON).await).await
    };
    let receiving = async {
        let forward = forward; // dropped at the end, which ends the sender
        receive_owned(receiver, cut, received, &close_info, |message| {
            let _ = forward.send(message); // a sender that failed listens no more
        })
        .await
    };
    let (sent, received) = both(sending, receiving).await;
    (received.and(sent).err(), close_info.get())
}

async fn echo_split<R: Role>(socket: WebSocket<End, R>, cut: &Cut, received: &Received) -> Outcome {
    let (receiver, sender) = socket.into_split();
    let (forward, mut to_echo) = mpsc::unbounded_channel();
    let close_info = Cell::new(None);
    let sending = async {
        let mut sender = sender;
        let mut echoes = 0;
        while let Some(message) = to_echo.recv().await {
            echoes += 1;
            if echoes == 2 {
                send_owned(&mut sender, cut, &Message::ping(control(ECHOER_PING))).await?;
            }
            send_owned(&mut sender, cut, &message).await?;
        }
        Ok(())
    };
    let receiving = async {
        let forward = forward; // dropped at the end, which ends the sender
        receive_owned(receiver, cut, received, &close_info, |message| {
            if matches!(message, Message::Text(_) | Message::Binary(_)) {
                let _ = forward.send(message);
            }
        })
        .await
    };
    let (sent, received) = both(sending, receiving).await;
    (received.and(sent).err(), close_info.get())
}

async fn receive_owned<R: Role>(
    mut receiver: OwnedReceiver<End, R>,
    cut: &Cut,
    received: &Received,
    close_info: &Cell<Option<CloseInfo>>,
    forward: impl Fn(Message),
) -> Result<(), Error> {
    loop {
        let next = cut.run(async || receiver.recv().await).await;
        close_info.set(Some(receiver.close_info()));
        let Some(message) = next? else { return Ok(()) };
        received.borrow_mut().push(unit(message.clone()));
        forward(message);
    }
}

async fn send_owned<R: Role>(
    sender: &mut OwnedSender<End, R>,
    cut: &Cut,
    message: &Message,
) -> Result<(), Error> {
    let mut is_queued = false;
    cut.run(async || {
        if is_queued {
            return sender.flush().await;
        }
        is_queued = true;
        sender.send(message).await
    })
    .await
}

/// Runs two futures as two tasks: each is polled only when it was woken itself.
pub(crate) async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut from_a, mut from_b) = (None, None);
    let tasks: [Arc<Task>; 2] = Default::default();
    std::future::poll_fn(|cx| {
        for task in &tasks {
            *task.parent.lock().unwrap() = Some(cx.waker().clone());
        }
        poll_if_woken(&tasks[0], a.as_mut(), &mut from_a);
        poll_if_woken(&tasks[1], b.as_mut(), &mut from_b);
        match (from_a.take(), from_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (from_a, from_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

fn poll_if_woken<F: Future>(task: &Arc<Task>, future: Pin<&mut F>, value: &mut Option<F::Output>) {
    if value.is_none() && !task.sleeps.swap(true, Ordering::SeqCst) {
        let waker = Waker::from(Arc::clone(task));
        if let Poll::Ready(ready) = future.poll(&mut Context::from_waker(&waker)) {
            *value = Some(ready);
        }
    }
}

#[derive(Default)]
struct Task {
    sleeps: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.sleeps.store(false, Ordering::SeqCst);
        if let Some(parent) = &*self.parent.lock().unwrap() {
            parent.wake_by_ref();
        }
    }
}
