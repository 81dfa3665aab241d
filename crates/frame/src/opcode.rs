//! What a frame is for: the six opcodes of RFC 6455, 5.2, sorted by the rules that govern them.

/// The opcode of a frame (RFC 6455, 5.2).
///
/// Reserved values (3 to 7, B to F) can't be represented: a header that carries one is refused
/// with [`HeaderError::ReservedOpcode`](crate::HeaderError::ReservedOpcode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Part of a message; may be fragmented and of any length.
    Data(DataOpcode),
    /// About the connection; never fragmented, at most 125 bytes.
    Control(ControlOpcode),
}

/// The opcodes of data frames (RFC 6455, 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataOpcode {
    /// `%x0`: goes on with the message that an earlier frame began.
    Continuation,
    /// `%x1`: begins a message that is UTF-8 as a whole.
    Text,
    /// `%x2`: begins a message of arbitrary bytes.
    Binary,
}

/// The opcodes of control frames (RFC 6455, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlOpcode {
    /// `%x8`: starts or answers the closing handshake.
    Close,
    /// `%x9`: asks for a Pong.
    Ping,
    /// `%xA`: answers a Ping, or is a heartbeat of its own.
    Pong,
}

impl Opcode {
    /// The opcode for the low four bits of a frame's first byte, `None` for a reserved one.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Data(DataOpcode::Continuation),
            0x1 => Self::Data(DataOpcode::Text),
            0x2 => Self::Data(DataOpcode::Binary),
            0x8 => Self::Control(ControlOpcode::Close),
            0x9 => Self::Control(ControlOpcode::Ping),
            0xA => Self::Control(ControlOpcode::Pong),
            _ => return None,
        })
    }

    /// The opcode's four bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Data(DataOpcode::Continuation) => 0x0,
            Self::Data(DataOpcode::Text) => 0x1,
            Self::Data(DataOpcode::Binary) => 0x2,
            Self::Control(ControlOpcode::Close) => 0x8,
            Self::Control(ControlOpcode::Ping) => 0x9,
            Self::Control(ControlOpcode::Pong) => 0xA,
        }
    }

    /// Whether this is Close, Ping or Pong.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Control(_))
    }
}

impl From<DataOpcode> for Opcode {
    fn from(opcode: DataOpcode) -> Self {
        Self::Data(opcode)
    }
}

impl From<ControlOpcode> for Opcode {
    fn from(opcode: ControlOpcode) -> Self {
        Self::Control(opcode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_four_bits_are_an_opcode_or_reserved() {
        for bits in 0..=0xF {
            match Opcode::from_bits(bits) {
                Some(opcode) => {
                    assert_eq!(opcode.bits(), bits);
                    // RFC 6455, 5.5: control opcodes have the most significant bit set.
                    assert_eq!(opcode.is_control(), bits & 0x8 != 0);
                    let again = match opcode {
                        Opcode::Data(opcode) => Opcode::from(opcode),
                        Opcode::Control(opcode) => Opcode::from(opcode),
                    };
                    assert_eq!(again, opcode);
                }
                None => assert!(matches!(bits, 0x3..=0x7 | 0xB..=0xF), "{bits:#x}"),
            }
        }
    }
}
