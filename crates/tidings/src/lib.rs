#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "std")]
pub use tidings_std as blocking;
#[cfg(feature = "tokio")]
pub use tidings_tokio as tokio;

/// The protocol without I/O: state machines and codecs, driven by the caller.
#[cfg(feature = "protocol")]
pub mod protocol {
    pub use {
        tidings_deflate as deflate, tidings_frame as frame, tidings_handshake as handshake,
        tidings_reconnect as reconnect, tidings_sse as sse, tidings_websocket as websocket,
    };
}
