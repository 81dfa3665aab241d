//! A server's answer, [`Answer`], and the client's check of it: [`check_answer`].

use core::fmt;

use crate::negotiated::{Direction, NegotiatedCompression};
use crate::offer::Offer;
use crate::parameters::{
    ClientMaxWindowBits, EXTENSION_NAME, Parameter, ParameterError, ParameterSet, Parameters, Side,
};
use crate::window_bits::WindowBits;

/// The `permessage-deflate` element of a server's answer.
///
/// It comes from [`ServerConfig::accept`](crate::ServerConfig::accept).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<WindowBits>,
    pub(crate) client_max_window_bits: Option<WindowBits>,
}

impl Answer {
    /// The parameters to write.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.set().to_parameters()
    }

    /// Returns the parameters that both sides keep to from now on.
    #[must_use]
    pub fn negotiated(&self) -> NegotiatedCompression {
        NegotiatedCompression {
            server: Direction::new(
                self.server_max_window_bits.unwrap_or(WindowBits::MAX),
                !self.server_no_context_takeover,
            ),
            client: Direction::new(
                self.client_max_window_bits.unwrap_or(WindowBits::MAX),
                !self.client_no_context_takeover,
            ),
        }
    }

    fn set(&self) -> ParameterSet {
        ParameterSet {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits,
            client_max_window_bits: self.client_max_window_bits.map(ClientMaxWindowBits::Value),
        }
    }

    fn parse<'a, V: fmt::Display>(
        params: impl IntoIterator<Item = (&'a str, Option<V>)>,
    ) -> Result<Self, ParameterError> {
        let set = ParameterSet::parse(params, Side::Answer)?;
        Ok(Self {
            server_no_context_takeover: set.server_no_context_takeover,
            client_no_context_takeover: set.client_no_context_takeover,
            server_max_window_bits: set.server_max_window_bits,
            client_max_window_bits: match set.client_max_window_bits {
                Some(ClientMaxWindowBits::Value(bits)) => Some(bits),
                _ => None,
            },
        })
    }

    /// Checks whether this answers that offer, and returns the negotiated parameters.
    fn answers(&self, offer: &Offer) -> Result<NegotiatedCompression, AnswerError> {
        let offer = offer.set();
        // RFC 7692, 7.1.1.1: a server accepts this parameter by sending it back.
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err(AnswerError::Missing { parameter: Parameter::ServerNoContextTakeover });
        }
        // RFC 7692, 7.1.2.1: ... "with the same or smaller value as the offer".
        if let Some(offered) = offer.server_max_window_bits {
            let parameter = Parameter::ServerMaxWindowBits;
            let answered = self.server_max_window_bits.ok_or(AnswerError::Missing { parameter })?;
            if answered > offered {
                return Err(AnswerError::WindowTooLarge { parameter, offered, answered });
            }
        }
        let mut agreement = self.negotiated();
        // RFC 7692, 7.1.1.2: the client keeps to its own word without an echo.
        agreement.client = Direction::new(
            agreement.client.window_bits(),
            agreement.client.context_takeover() && !offer.client_no_context_takeover,
        );
        match (offer.client_max_window_bits, self.client_max_window_bits) {
            // RFC 7692, 7.1.2.2: no such answer to an offer without the parameter ...
            (None, Some(_)) => {
                Err(AnswerError::NotOffered { parameter: Parameter::ClientMaxWindowBits })
            }
            // ... nor one "with a value" above "the received value".
            (Some(ClientMaxWindowBits::Value(offered)), Some(answered)) if answered > offered => {
                let parameter = Parameter::ClientMaxWindowBits;
                Err(AnswerError::WindowTooLarge { parameter, offered, answered })
            }
            (Some(ClientMaxWindowBits::Value(hint)), None) => {
                let takeover = agreement.client.context_takeover();
                agreement.client = Direction::new(hint, takeover);
                Ok(agreement)
            }
            _ => Ok(agreement),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set().fmt(f)
    }
}

/// Checks the server's answer to these offers. `None`: it declined, and no message may be
/// compressed.
///
/// `answer` has the extensions of the response, over all header lines, each with its parameters.
/// Values are read by their `Display`: unquoted.
///
/// ```
/// use tidings_deflate::{Offer, WindowBits, check_answer};
///
/// let offers = [Offer::new().client_max_window_bits()];
/// let answer = [("permessage-deflate", [("client_max_window_bits", Some("10"))])];
/// let agreement = check_answer(&offers, answer)?.expect("the server accepted");
/// assert_eq!(agreement.client.window_bits().get(), 10);
/// assert_eq!(agreement.server.window_bits(), WindowBits::MAX);
/// # Ok::<(), tidings_deflate::AnswerError>(())
/// ```
///
/// # Errors
/// The client must fail the connection (RFC 7692, 5 and 7); 1010 is the close code for it. If
/// several offers were made, the error says why the answer does not match the last of them.
pub fn check_answer<'a, P, V>(
    offers: &[Offer],
    answer: impl IntoIterator<Item = (&'a str, P)>,
) -> Result<Option<NegotiatedCompression>, AnswerError>
where
    P: IntoIterator<Item = (&'a str, Option<V>)>,
    V: fmt::Display,
{
    let mut accepted = None;
    for (index, (name, params)) in answer.into_iter().enumerate() {
        // RFC 6455, 4.1 item 5 of the checks: nothing that was not offered.
        if name != EXTENSION_NAME || offers.is_empty() {
            return Err(AnswerError::UnknownExtension { index });
        }
        // RFC 7692, 5: no second extension with the RSV1 bit.
        if accepted.is_some() {
            return Err(AnswerError::RepeatedExtension { index });
        }
        accepted = Some(Answer::parse(params).map_err(AnswerError::Parameter)?);
    }
    let Some(answer) = accepted else { return Ok(None) };
    let mut result = Err(AnswerError::UnknownExtension { index: 0 });
    for offer in offers {
        result = answer.answers(offer);
        if result.is_ok() {
            break;
        }
    }
    result.map(Some)
}

/// The server's answer is not one to the client's offers. The server is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// An extension that was not offered.
    UnknownExtension {
        /// The index of the extension in the answer, from 0.
        index: usize,
    },
    /// `permessage-deflate` a second time.
    RepeatedExtension {
        /// The index of the extension in the answer, from 0.
        index: usize,
    },
    /// A parameter is unknown, repeated or has a wrong value.
    Parameter(ParameterError),
    /// The offer demands this parameter and the answer does not have it.
    Missing {
        /// The parameter.
        parameter: Parameter,
    },
    /// The answer has a parameter that only an offer with it allows.
    NotOffered {
        /// The parameter.
        parameter: Parameter,
    },
    /// The answer enlarges a window beyond the offer.
    WindowTooLarge {
        /// The parameter of the window.
        parameter: Parameter,
        /// The largest that was offered.
        offered: WindowBits,
        /// The value in the answer.
        answered: WindowBits,
    },
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExtension { index } => {
                write!(f, "extension {index} of the answer was not offered")
            }
            Self::RepeatedExtension { index } => {
                write!(f, "extension {index} of the answer repeats permessage-deflate")
            }
            Self::Parameter(error) => write!(f, "in the answer, {error}"),
            Self::Missing { parameter } => {
                write!(f, "the offer demands {parameter}, and the answer does not have it")
            }
            Self::NotOffered { parameter } => {
                write!(f, "the answer has {parameter}, and the offer does not")
            }
            Self::WindowTooLarge { parameter, offered, answered } => {
                write!(f, "the answer has {parameter}={answered}, and {offered} was offered")
            }
        }
    }
}

/// `Display` shows the inner error.
impl core::error::Error for AnswerError {}
