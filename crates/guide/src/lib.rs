//! Tests the guide in `docs/guide`: rustdoc compiles and runs the code of each page, and the tests of
//! this crate check its links and its numbers.

#![forbid(unsafe_code)]

macro_rules! pages {
    ($($module:ident: $path:literal,)+) => {
        /// The pages whose code is tested: the path of each, and its text.
        pub const PAGES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../../../docs/guide/src/", $path)))),+];

        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../../docs/guide/src/", $path))]
            mod $module {}
        )+
    };
}

pages! {
    introduction: "introduction.md",
    quick_start_websocket: "quick-start-websocket.md",
    quick_start_events: "quick-start-events.md",
    choosing_a_crate: "choosing-a-crate.md",
    choosing_a_transport: "choosing-a-transport.md",
    authentication: "topics/authentication.md",
    origin: "topics/origin.md",
    broadcast: "topics/broadcast.md",
    keep_alive: "topics/keep-alive.md",
    reconnection: "topics/reconnection.md",
    language_models: "topics/language-models.md",
    proxies: "topics/proxies.md",
    compression: "topics/compression.md",
    tls: "topics/tls.md",
    http2: "topics/http2.md",
    event_streams: "topics/event-streams.md",
    testing: "topics/testing.md",
    shutdown: "topics/shutdown.md",
    limits: "topics/limits.md",
    close_codes: "topics/close-codes.md",
    errors: "topics/errors.md",
    firmware: "topics/firmware.md",
    browsers: "topics/browsers.md",
    troubleshooting: "troubleshooting.md",
    comparison: "comparison.md",
}
