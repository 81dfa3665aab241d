//! A heap with a limit. A length that a peer declares must not reach the allocator: it would fail,
//! and a failed allocation ends the process. A separate file, because the heap belongs to the
//! process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod attack_scene;

use std::alloc::System;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use attack_scene::{OFFER, client, frame, header, server, unmask_headers};
use cap::Cap;
use tidings_testkit::deflate_bomb;
use tidings_tokio::websocket::Limits;
use tidings_tokio::{CloseCode, Config, Error, compression::Compression};
use tokio::io::AsyncWriteExt as _;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The allowance beyond the heap in use when the attack begins. The transport of a test takes its
/// part: it holds written bytes that were not read yet.
const SPARE: usize = 4 << 20;

/// With little heap left, each length up to 2^62 is declared to a server and a
/// client that have no limit, and to one that refuses it; a compressed message of a gibibyte comes, too.
/// One allocation of such a size would fail, and abort.
#[test]
fn nothing_that_a_peer_declares_reaches_a_heap_that_is_nearly_full() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let bomb = frame(0xC2, &deflate_bomb(1024));
    HEAP.set_limit(HEAP.allocated() + SPARE).unwrap();
    runtime.block_on(async {
        for power in 0..63 {
            declared_to_a_server(1 << power).await;
            declared_to_a_client(1 << power).await;
        }
        let mut config = Config::server();
        config.compression = Some(Compression::default());
        config.limits.max_message_len = 64 << 10;
        let (mut server, mut far, _) = server(config, OFFER).await;
        let write = async {
            // The server may have enough before all of it is sent.
            let _ = far.write_all(&bomb).await;
            drop(far);
        };
        let (ended, ()) = tokio::join!(server.recv(), write);
        let Err(Error::Violation(violation)) = ended else { panic!("{ended:?}") };
        assert_eq!(violation.close_code(), CloseCode::MESSAGE_TOO_BIG);
    });
    assert!(HEAP.allocated() < HEAP.limit(), "the limit did hold");
    HEAP.set_limit(usize::MAX).unwrap();
}

async fn declared_to_a_server(len: u64) {
    let (mut unlimited, mut far, _) = server(without_limits(Config::server()), "").await;
    far.write_all(&header(0x82, len)).await.unwrap();
    assert!(waits(unlimited.recv()), "a payload of {len} bytes is not there yet");
    if len > 1 << 20 {
        let (mut limited, mut far, _) = server(Config::server(), "").await;
        far.write_all(&header(0x82, len)).await.unwrap();
        drop(far);
        assert!(matches!(limited.recv().await, Err(Error::Violation(_))), "{len}");
    }
}

async fn declared_to_a_client(len: u64) {
    let (mut unlimited, mut far) = client(without_limits(Config::client())).await;
    far.write_all(&unmask_headers(&[header(0x82, len)])).await.unwrap();
    assert!(waits(unlimited.recv()), "a payload of {len} bytes is not there yet");
}

fn without_limits(mut config: Config) -> Config {
    config.limits.max_frame_len = Limits::UNBOUNDED;
    config.limits.max_message_len = Limits::UNBOUNDED;
    config
}

fn waits(future: impl Future) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}
