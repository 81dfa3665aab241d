//! The type of a frame: the six opcodes of RFC 6455, 5.2, sorted by the rules that govern them.

use core::fmt;

/// The opcode of a frame (RFC 6455, 5.2).
///
/// Reserved values (3 to 7, B to F) cannot be represented: a header that carries one is refused
/// with [`HeaderError::ReservedOpcode`](crate::HeaderError::ReservedOpcode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opcode {
    /// Part of a message; may be fragmented and of any length.
    Data(DataOpcode),
    /// About the connection; never fragmented, at most 125 bytes.
    Control(ControlOpcode),
}

/// The opcodes of data frames (RFC 6455, 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataOpcode {
    /// `%x0`: continues the message that an earlier frame began.
    Continuation,
    /// `%x1`: begins a message that is UTF-8 as a whole.
    Text,
    /// `%x2`: begins a message of arbitrary bytes.
    Binary,
}

/// The opcodes of control frames (RFC 6455, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlOpcode {
    /// `%x8`: starts or answers the closing handshake.
    Close,
    /// `%x9`: asks for a Pong.
    Ping,
    /// `%xA`: answers a Ping, or is an unsolicited heartbeat.
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

    /// Returns whether this is Close, Ping or Pong.
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

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(opcode) => opcode.fmt(f),
            Self::Control(opcode) => opcode.fmt(f),
        }
    }
}

/// The name in RFC 6455, 5.6, such as `Text`.
impl fmt::Display for DataOpcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Continuation => "Continuation",
            Self::Text => "Text",
            Self::Binary => "Binary",
        })
    }
}

/// The name in RFC 6455, 5.5, such as `Ping`.
impl fmt::Display for ControlOpcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Close => "Close",
            Self::Ping => "Ping",
            Self::Pong => "Pong",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

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
                    let name = match bits {
                        0 => "Continuation",
                        1 => "Text",
                        2 => "Binary",
                        8 => "Close",
                        9 => "Ping",
                        _ => "Pong",
                    };
                    assert_eq!(opcode.to_string(), name);
                }
                None => assert!(matches!(bits, 0x3..=0x7 | 0xB..=0xF), "{bits:#x}"),
            }
        }
    }
}
