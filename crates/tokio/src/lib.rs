#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accept;
mod buffer;
mod config;
mod connect;
mod error;
mod handshake_io;
mod message;
mod random;
mod socket;
#[cfg(feature = "hyper")]
mod upgrade;

pub use accept::{accept, accept_with};
pub use config::Config;
pub use connect::{ConnectOptions, connect, connect_with, handshake_with};
pub use error::{Declined, Error};
pub use message::{Message, Utf8Bytes};
pub use random::{ClientRole, RandomMasks};
pub use socket::WebSocket;
#[cfg(feature = "hyper")]
pub use upgrade::{Upgrade, UpgradedIo, upgrade};

pub use tidings_handshake as handshake;
pub use tidings_websocket as websocket;
pub use tidings_websocket::Server as ServerRole;
pub use tidings_websocket::frame::{CloseCode, CloseFrame};
