//! The four parameters (RFC 7692, 7.1): how they are read, from pairs of name and value, and how
//! they are written, as [`Parameters`].

use core::fmt;
use core::fmt::Write as _;

use crate::window_bits::WindowBits;

/// `permessage-deflate`, the name in `Sec-WebSocket-Extensions`.
pub const EXTENSION_NAME: &str = "permessage-deflate";

/// A parameter of `permessage-deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// `server_no_context_takeover` (RFC 7692, 7.1.1.1).
    ServerNoContextTakeover,
    /// `client_no_context_takeover` (RFC 7692, 7.1.1.2).
    ClientNoContextTakeover,
    /// `server_max_window_bits` (RFC 7692, 7.1.2.1).
    ServerMaxWindowBits,
    /// `client_max_window_bits` (RFC 7692, 7.1.2.2).
    ClientMaxWindowBits,
}

impl Parameter {
    const ALL: [Self; 4] = [
        Self::ServerNoContextTakeover,
        Self::ClientNoContextTakeover,
        Self::ServerMaxWindowBits,
        Self::ClientMaxWindowBits,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerNoContextTakeover => "server_no_context_takeover",
            Self::ClientNoContextTakeover => "client_no_context_takeover",
            Self::ServerMaxWindowBits => "server_max_window_bits",
            Self::ClientMaxWindowBits => "client_max_window_bits",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parameters of one element of `Sec-WebSocket-Extensions`, an offer or an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParameterSet {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<WindowBits>,
    pub(crate) client_max_window_bits: Option<ClientMaxWindowBits>,
}

/// RFC 7692, 7.1.2.2: in an offer this parameter may come without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientMaxWindowBits {
    Valueless,
    Value(WindowBits),
}

/// The side whose element is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Offer,
    Answer,
}

impl ParameterSet {
    /// RFC 7692, 7: a parameter that is unknown, repeated, or has an invalid value spoils the element.
    pub(crate) fn parse<'a, V: fmt::Display>(
        params: impl IntoIterator<Item = (&'a str, Option<V>)>,
        side: Side,
    ) -> Result<Self, ParameterError> {
        let mut set = Self::default();
        for (index, (name, value)) in params.into_iter().enumerate() {
            let parameter = Parameter::ALL.into_iter().find(|parameter| parameter.name() == name);
            let at = |kind| ParameterError { index, parameter, kind };
            match parameter.ok_or(at(ParameterErrorKind::Unknown))? {
                Parameter::ServerNoContextTakeover => {
                    flag(&mut set.server_no_context_takeover, value.is_some()).map_err(at)?;
                }
                Parameter::ClientNoContextTakeover => {
                    flag(&mut set.client_no_context_takeover, value.is_some()).map_err(at)?;
                }
                Parameter::ServerMaxWindowBits => {
                    let value = value.ok_or(at(ParameterErrorKind::ValueMissing))?;
                    let bits = window_bits(&value).map_err(at)?;
                    once(&mut set.server_max_window_bits, bits).map_err(at)?;
                }
                Parameter::ClientMaxWindowBits => {
                    let bits = match value {
                        Some(value) => ClientMaxWindowBits::Value(window_bits(&value).map_err(at)?),
                        None if side == Side::Offer => ClientMaxWindowBits::Valueless,
                        None => return Err(at(ParameterErrorKind::ValueMissing)),
                    };
                    once(&mut set.client_max_window_bits, bits).map_err(at)?;
                }
            }
        }
        Ok(set)
    }

    pub(crate) fn to_parameters(self) -> Parameters {
        let mut parameters = Parameters { pairs: [("", None); 4], len: 0 };
        if self.server_no_context_takeover {
            parameters.push(Parameter::ServerNoContextTakeover, None);
        }
        if self.client_no_context_takeover {
            parameters.push(Parameter::ClientNoContextTakeover, None);
        }
        if let Some(bits) = self.server_max_window_bits {
            parameters.push(Parameter::ServerMaxWindowBits, Some(bits.as_str()));
        }
        match self.client_max_window_bits {
            Some(ClientMaxWindowBits::Value(bits)) => {
                parameters.push(Parameter::ClientMaxWindowBits, Some(bits.as_str()));
            }
            Some(ClientMaxWindowBits::Valueless) => {
                parameters.push(Parameter::ClientMaxWindowBits, None);
            }
            None => {}
        }
        parameters
    }
}

impl fmt::Display for ParameterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXTENSION_NAME)?;
        self.to_parameters().as_slice().iter().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, "; {name}={value}"),
            None => write!(f, "; {name}"),
        })
    }
}

fn flag(seen: &mut bool, has_value: bool) -> Result<(), ParameterErrorKind> {
    if has_value {
        return Err(ParameterErrorKind::ValueUnexpected);
    }
    if core::mem::replace(seen, true) { Err(ParameterErrorKind::Repeated) } else { Ok(()) }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ParameterErrorKind> {
    if place.replace(value).is_some() { Err(ParameterErrorKind::Repeated) } else { Ok(()) }
}

fn window_bits(value: &impl fmt::Display) -> Result<WindowBits, ParameterErrorKind> {
    let token = Token::of(value).ok_or(ParameterErrorKind::ValueInvalid)?;
    WindowBits::from_token(&token).ok_or(ParameterErrorKind::ValueInvalid)
}

/// A value of at most two characters: no legal one is longer, so nothing else is kept.
pub(crate) struct Token {
    bytes: [u8; 2],
    len: usize,
}

impl Token {
    fn of(value: &impl fmt::Display) -> Option<Self> {
        let mut token = Self { bytes: [0; 2], len: 0 };
        write!(token, "{value}").ok()?;
        Some(token)
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.bytes.get(..self.len) == Some(text.as_bytes())
    }
}

impl fmt::Write for Token {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.len).ok_or(fmt::Error)? = byte;
            self.len += 1; // 2 at most, by the line above
        }
        Ok(())
    }
}

/// The parameters to write, as pairs of name and value.
///
/// The builder of a `Sec-WebSocket-Extensions` header takes them, in addition to
/// [`EXTENSION_NAME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    pairs: [(&'static str, Option<&'static str>); 4],
    len: usize,
}

impl Parameters {
    /// The pairs in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[(&'static str, Option<&'static str>)] {
        debug_assert!(self.len <= self.pairs.len());
        self.pairs.get(..self.len).unwrap_or(&self.pairs)
    }

    fn push(&mut self, parameter: Parameter, value: Option<&'static str>) {
        debug_assert!(self.len < self.pairs.len(), "there are four parameters, each once");
        if let Some(place) = self.pairs.get_mut(self.len) {
            *place = (parameter.name(), value);
            self.len += 1;
        }
    }
}

/// The fault in the parameters of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterError {
    /// The index of the parameter in the element, from 0.
    pub index: usize,
    /// Its meaning; `None` if it is unknown.
    pub parameter: Option<Parameter>,
    /// The fault.
    pub kind: ParameterErrorKind,
}

/// The kind of fault of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterErrorKind {
    /// Its name is not one of the four.
    Unknown,
    /// It was there before.
    Repeated,
    /// It must have a value and has none.
    ValueMissing,
    /// It has a value and must have none.
    ValueUnexpected,
    /// Its value is not a number from 8 to 15 without leading zeros.
    ValueInvalid,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.parameter.map_or("", Parameter::name);
        let index = self.index;
        match self.kind {
            ParameterErrorKind::Unknown => {
                write!(f, "parameter {index} is not one of permessage-deflate")
            }
            ParameterErrorKind::Repeated => write!(f, "{name} (parameter {index}) is repeated"),
            ParameterErrorKind::ValueMissing => {
                write!(f, "{name} (parameter {index}) has no value")
            }
            ParameterErrorKind::ValueUnexpected => {
                write!(f, "{name} (parameter {index}) has a value and must have none")
            }
            ParameterErrorKind::ValueInvalid => write!(
                f,
                "the value of {name} (parameter {index}) is not 8 to 15 without leading zeros"
            ),
        }
    }
}

impl core::error::Error for ParameterError {}
