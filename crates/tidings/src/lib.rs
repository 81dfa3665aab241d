// The README's links within this crate, where all that they name exists.
#![cfg_attr(
    all(
        not(doctest),
        feature = "event-source",
        feature = "hyper",
        feature = "protocol",
        feature = "std",
        feature = "tokio",
    ),
    doc = include_str!("links.md")
)]
// Its examples need features.
#![cfg_attr(
    any(not(doctest), all(feature = "event-source", feature = "hyper", feature = "tokio")),
    doc = include_str!("../README.md")
)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Servers and clients on threads, without an async runtime: the crate tidings-std.
#[cfg(feature = "std")]
#[doc(inline)]
pub use tidings_std as blocking;

/// Servers and clients over tokio, for hyper, axum or a bare socket: the crate tidings-tokio.
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use tidings_tokio as tokio;

/// The protocol without I/O: state machines and codecs, driven by the caller.
///
/// Each module is a crate. A program with its own I/O starts from [`websocket`](protocol::websocket)
/// or [`sse`](protocol::sse); the crates have examples.
#[cfg(feature = "protocol")]
pub mod protocol {
    #[doc(inline)]
    pub use tidings_deflate as deflate;
    #[doc(inline)]
    pub use tidings_frame as frame;
    #[doc(inline)]
    pub use tidings_handshake as handshake;
    #[doc(inline)]
    pub use tidings_reconnect as reconnect;
    #[doc(inline)]
    pub use tidings_sse as sse;
    #[doc(inline)]
    pub use tidings_websocket as websocket;
}
