//! The budgets. A figure over its budget is an error, so that growth is noticed; to allow more,
//! raise the budget here and give the reason.
//!
//! Compilers differ by some hundred bytes in either direction; a budget has room for that.

/// The budget for the use of a crate, and the firmwares that measure it.
pub(super) struct Budget {
    pub(super) name: &'static str,
    /// The firmware that is measured.
    pub(super) firmware: &'static str,
    /// The firmware with the crate's vectors; each stands in one row.
    pub(super) vectors: Option<&'static str>,
    /// Code and constants, less those of the firmware `baseline`.
    pub(super) max_code_bytes: u64,
    /// Variables and stack of the firmware that is measured, with its state and its buffers.
    pub(super) max_ram_bytes: u64,
    /// Types whose sizes in bytes are printed by the firmware with the vectors.
    pub(super) max_states: &'static [(&'static str, u64)],
}

pub(super) const BUDGETS: [Budget; 7] = [
    Budget {
        name: "tidings-frame",
        firmware: "frame",
        vectors: Some("frame_vectors"),
        max_code_bytes: 4 * 1024,
        max_ram_bytes: 768,
        max_states: &[("Decoder", 64), ("Header", 24), ("Utf8Validator", 16)],
    },
    Budget {
        name: "tidings-handshake, server",
        firmware: "handshake_server",
        vectors: Some("handshake_vectors"),
        max_code_bytes: 27 * 1024,
        max_ram_bytes: 2304,
        max_states: &[("HeadScanner", 40), ("HeaderSlots<16>", 256), ("ServerRequest", 96)],
    },
    Budget {
        name: "tidings-handshake, client",
        firmware: "handshake_client",
        vectors: None,
        max_code_bytes: 20 * 1024,
        max_ram_bytes: 2304,
        max_states: &[],
    },
    Budget {
        name: "tidings-sse, decoder",
        firmware: "sse_decoder",
        vectors: Some("sse_vectors"),
        max_code_bytes: 10 * 1024,
        max_ram_bytes: 1536,
        max_states: &[("Decoder", 192), ("EventSource", 576)],
    },
    Budget {
        name: "tidings-sse, encoder",
        firmware: "sse_encoder",
        vectors: None,
        max_code_bytes: 3584,
        max_ram_bytes: 768,
        max_states: &[],
    },
    Budget {
        name: "tidings-websocket with -frame",
        firmware: "websocket",
        vectors: Some("websocket_vectors"),
        max_code_bytes: 12 * 1024,
        max_ram_bytes: 2560,
        max_states: &[("Connection<Server>", 672), ("Event", 144)],
    },
    Budget {
        name: "tidings-embedded, server, with all it needs",
        firmware: "embedded_server",
        vectors: None,
        // A refusal says what was compared, and a proxy may be trusted.
        max_code_bytes: 44 * 1024,
        max_ram_bytes: 5120,
        max_states: &[],
    },
];

/// A whole firmware that opens, echoes and closes, and decodes events, including its output and the
/// formatting of it.
pub(super) const ECHO: Budget = Budget {
    name: "the firmware echo, as a whole",
    firmware: "echo",
    vectors: None,
    max_code_bytes: 76 * 1024,
    max_ram_bytes: 8 * 1024,
    max_states: &[],
};
