//! What may be spent. A figure over its budget is an error, so that growth is seen; whoever wants
//! more raises the budget here and says why.
//!
//! Compilers differ by some hundred bytes in either direction; a budget has room for that.

/// What the use of a crate may cost, and the firmwares that tell.
pub(super) struct Budget {
    pub(super) name: &'static str,
    /// The firmware that is measured.
    pub(super) firmware: &'static str,
    /// The firmware with the crate's vectors; each stands in one row.
    pub(super) vectors: Option<&'static str>,
    /// Code and constants, less those of the firmware `baseline`.
    pub(super) code_bytes_max: u64,
    /// Variables and stack of the firmware that is measured, with its state and its buffers.
    pub(super) ram_bytes_max: u64,
    /// Types of which the firmware with the vectors tells how large they are, in bytes.
    pub(super) states_max: &'static [(&'static str, u64)],
}

pub(super) const BUDGETS: [Budget; 7] = [
    Budget {
        name: "tidings-frame",
        firmware: "frame",
        vectors: Some("frame_vectors"),
        code_bytes_max: 4 * 1024,
        ram_bytes_max: 768,
        states_max: &[("Decoder", 64), ("Header", 24), ("Utf8Validator", 16)],
    },
    Budget {
        name: "tidings-handshake, server",
        firmware: "handshake_server",
        vectors: Some("handshake_vectors"),
        code_bytes_max: 27 * 1024,
        ram_bytes_max: 2304,
        states_max: &[("HeadScanner", 40), ("HeaderSlots<16>", 256), ("ServerRequest", 96)],
    },
    Budget {
        name: "tidings-handshake, client",
        firmware: "handshake_client",
        vectors: None,
        code_bytes_max: 20 * 1024,
        ram_bytes_max: 2304,
        states_max: &[],
    },
    Budget {
        name: "tidings-sse, decoder",
        firmware: "sse_decoder",
        vectors: Some("sse_vectors"),
        code_bytes_max: 10 * 1024,
        ram_bytes_max: 1536,
        states_max: &[("Decoder", 192), ("EventSource", 576)],
    },
    Budget {
        name: "tidings-sse, encoder",
        firmware: "sse_encoder",
        vectors: None,
        code_bytes_max: 3584,
        ram_bytes_max: 768,
        states_max: &[],
    },
    Budget {
        name: "tidings-websocket with -frame",
        firmware: "websocket",
        vectors: Some("websocket_vectors"),
        code_bytes_max: 12 * 1024,
        ram_bytes_max: 2560,
        states_max: &[
            ("Connection<Server>", 672),
            ("Inbound", 272),
            ("Outbound<Server>", 288),
            ("Event", 144),
        ],
    },
    Budget {
        name: "tidings-embedded, server, with all it needs",
        firmware: "embedded_server",
        vectors: None,
        code_bytes_max: 42 * 1024,
        ram_bytes_max: 5120,
        states_max: &[],
    },
];

/// The whole of a firmware that opens, echoes and closes, and decodes events, with all that it prints
/// and what formats that.
pub(super) const ECHO: Budget = Budget {
    name: "the firmware echo, as a whole",
    firmware: "echo",
    vectors: None,
    code_bytes_max: 76 * 1024,
    ram_bytes_max: 8 * 1024,
    states_max: &[],
};
