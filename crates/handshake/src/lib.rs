// The README's links within this crate, where all that they name exists.
#![cfg_attr(all(not(doctest), feature = "alloc"), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod authority;
mod client;
mod extensions;
mod extra_headers;
mod head;
mod headers;
#[cfg(feature = "http")]
mod http;
mod key;
mod limits;
pub mod opening;
mod origin;
#[cfg(feature = "alloc")]
mod proxy;
#[cfg(feature = "alloc")]
mod redirect;
mod server;
mod subprotocol;
mod text;
mod token;
mod uri;
mod wire;

pub use authority::{Authority, AuthorityError};
#[cfg(feature = "alloc")]
pub use client::declined_body::DeclinedBody;
pub use client::request::{ClientRequest, RequestBuildError};
pub use client::response::{
    DeclinedResponse, InterimResponse, OpenedResponse, Response, StatusLine,
};
pub use client::response_error::ResponseError;
pub use extensions::{
    Extension, ExtensionBuildError, ExtensionParams, Extensions, ExtensionsError, ParamValue,
    PeerExtension,
};
pub use extra_headers::ExtraHeaderError;
pub use head::{Head, HeadError, HeadScanner, Progress};
pub use headers::{HeaderSlots, HeaderValues, Headers, HeadersIter};
pub use key::{Accept, Key, KeyError};
pub use limits::Limits;
pub use origin::{
    MissingOrigin, OriginError, OriginPattern, OriginPatternError, OriginPolicy, OwnOrigin,
};
#[cfg(feature = "alloc")]
pub use proxy::rules::ProxyRules;
#[cfg(feature = "alloc")]
pub use proxy::tunnel::{TunnelRequest, TunnelResponse};
#[cfg(feature = "alloc")]
pub use proxy::{Proxy, ProxyUriError};
#[cfg(feature = "alloc")]
pub use redirect::{Redirect, RedirectError, Redirects};
pub use server::acceptance::{AcceptError, Acceptance};
pub use server::rejection::{Rejection, RejectionBuildError};
pub use server::request::{Decision, HttpVersion, RequestLine, ServerRequest};
pub use server::request_error::{RequestError, RequestField};
pub use server::response_headers::ResponseHeaders;
pub use subprotocol::{MAX_SUBPROTOCOLS, SubprotocolError, Subprotocols};
pub use text::Text;
pub use uri::{ResourceName, UriError, WebSocketUri};
pub use wire::BufferTooSmall;

pub use tidings_time::Timestamp;
