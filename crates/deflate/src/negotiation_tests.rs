//! Both sides of the handshake against each other, and against tables.

use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use crate::parameters::ParameterErrorKind::*;
use crate::*;

type Element = (String, Vec<(String, Option<String>)>);

/// A header value as its elements; the grammar itself is not the subject here.
fn elements(header: &str) -> Vec<Element> {
    let element = |element: &str| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap().to_string();
        let params = parts.map(|part| match part.split_once('=') {
            Some((name, value)) => (name.into(), Some(value.trim_matches('"').into())),
            None => (part.into(), None),
        });
        (name, params.collect())
    };
    header.split(',').map(str::trim).filter(|e| !e.is_empty()).map(element).collect()
}

fn borrowed(
    elements: &[Element],
) -> impl Iterator<Item = (&str, impl Iterator<Item = (&str, Option<&str>)>)> {
    elements.iter().map(|(name, params)| {
        (name.as_str(), params.iter().map(|(name, value)| (name.as_str(), value.as_deref())))
    })
}

fn accept(config: &ServerConfig, offers: &str) -> Option<String> {
    config.accept(borrowed(&elements(offers))).map(|answer| answer.to_string())
}

fn check(offers: &[Offer], answer: &str) -> Result<Option<NegotiatedCompression>, AnswerError> {
    check_answer(offers, borrowed(&elements(answer)))
}

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// A server without limits of its own except the one that zlib needs.
fn permissive() -> ServerConfig {
    ServerConfig::new()
        .server_context_takeover(true)
        .client_context_takeover(true)
        .server_max_window_bits(WindowBits::MAX)
        .unwrap()
        .client_max_window_bits(WindowBits::MAX)
}

/// D-001, D-006, D-016, D-021, D-023, D-024, D-025: the examples of RFC 7692, 5 and 7.1, and the
/// known offers of clients.
#[test]
fn a_server_takes_the_first_offer_that_it_can_keep() {
    let answer = |parameters: &str| Some(format!("permessage-deflate{parameters}"));
    let cases: Vec<(&str, Option<String>)> = vec![
        ("", None),
        ("permessage-deflate", answer("")),
        // Chromium, Firefox, npm ws; PyPI websockets adds a hint.
        ("permessage-deflate; client_max_window_bits", answer("")),
        ("permessage-deflate; client_max_window_bits=12", answer("; client_max_window_bits=12")),
        // 7.1.1.1, 7.1.1.2
        ("permessage-deflate; server_no_context_takeover", answer("; server_no_context_takeover")),
        ("permessage-deflate; client_no_context_takeover", answer("; client_no_context_takeover")),
        // 7.1.2.1
        ("permessage-deflate; server_max_window_bits=10", answer("; server_max_window_bits=10")),
        ("permessage-deflate; server_max_window_bits=15", answer("; server_max_window_bits=15")),
        // 7.1.3: a list with a fallback
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
             permessage-deflate; client_max_window_bits",
            answer("; server_max_window_bits=10"),
        ),
        // zlib has no window of 8 bits
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", answer("")),
        // We inflate from any.
        ("permessage-deflate; client_max_window_bits=8", answer("; client_max_window_bits=8")),
        // Quoted, which the grammar of RFC 6455, 9.1, allows.
        (
            "permessage-deflate; client_max_window_bits=\"10\"",
            answer("; client_max_window_bits=10"),
        ),
        // Not ours.
        ("x-webkit-deflate-frame", None),
        ("permessage-bzip2, permessage-deflate", answer("")),
        ("Permessage-Deflate", None),
        ("permessage-deflate-2", None),
        // One that is spoilt does not spoil the next.
        ("permessage-deflate; mux, permessage-deflate", answer("")),
        (
            "permessage-deflate; server_max_window_bits, \
             permessage-deflate; client_no_context_takeover=1, \
             permessage-deflate; server_no_context_takeover",
            answer("; server_no_context_takeover"),
        ),
    ];
    for (offers, expected) in cases {
        assert_eq!(accept(&permissive(), offers), expected, "{offers}");
    }
}

/// D-013 to D-015, D-017 to D-019, D-021, D-023, D-024
#[test]
fn spoilt_offers_are_declined_with_the_reason() {
    let cases: &[(&str, usize, Option<Parameter>, ParameterErrorKind)] = &[
        ("x", 0, None, Unknown),
        ("server_no_context_takeover; Server_Max_Window_Bits=9", 1, None, Unknown),
        (
            "server_no_context_takeover; server_no_context_takeover",
            1,
            Some(Parameter::ServerNoContextTakeover),
            Repeated,
        ),
        (
            "client_no_context_takeover; client_no_context_takeover",
            1,
            Some(Parameter::ClientNoContextTakeover),
            Repeated,
        ),
        (
            "server_max_window_bits=10; server_max_window_bits=10",
            1,
            Some(Parameter::ServerMaxWindowBits),
            Repeated,
        ),
        (
            "client_max_window_bits; client_max_window_bits=10",
            1,
            Some(Parameter::ClientMaxWindowBits),
            Repeated,
        ),
        (
            "server_no_context_takeover=true",
            0,
            Some(Parameter::ServerNoContextTakeover),
            ValueUnexpected,
        ),
        (
            "client_no_context_takeover=",
            0,
            Some(Parameter::ClientNoContextTakeover),
            ValueUnexpected,
        ),
        ("server_max_window_bits", 0, Some(Parameter::ServerMaxWindowBits), ValueMissing),
    ];
    for (params, index, parameter, kind) in cases {
        let expected = ParameterError { index: *index, parameter: *parameter, kind: *kind };
        let list = elements(&format!("permessage-deflate;{params}"));
        let (_, pairs) = borrowed(&list).next().unwrap();
        assert_eq!(Offer::parse(pairs), Err(expected), "{params}");
        assert_eq!(accept(&permissive(), &format!("permessage-deflate;{params}")), None);
        // D-017, D-018, D-019: the same in an answer is the server's fault.
        let answer = check(&[Offer::recommended()], &format!("permessage-deflate;{params}"));
        assert!(matches!(answer, Err(AnswerError::Parameter(_))), "{params}: {answer:?}");
    }
}

/// D-014, D-018, D-023, D-024, D-028: of all short values just eight are window bits.
#[test]
fn window_bits_are_8_to_15_and_nothing_else() {
    let alphabet = ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "+", "-", " "];
    let legal: Vec<String> = (8..=15).map(|bits: u8| bits.to_string()).collect();
    let mut values: Vec<String> = vec!["1000".into(), "99999999999999999999".into()];
    for a in alphabet {
        for b in alphabet {
            values.extend(alphabet.map(|c| [a, b, c].concat()));
        }
    }
    let offers = [Offer::new().client_max_window_bits()];
    for value in values {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            let element = [("permessage-deflate", [(name, Some(&value))])];
            let is_legal = legal.contains(&value);
            assert_eq!(Offer::parse(element[0].1).is_ok(), is_legal, "{name}={value}");
            let answer = check_answer(&offers, element);
            assert_eq!(answer.is_ok(), is_legal, "{name}={value}: {answer:?}");
        }
    }
}

/// D-004, D-005, D-007, D-017, D-018, D-019, D-020, D-024, D-025
#[test]
fn a_client_refuses_an_answer_that_does_not_suit() {
    let plain = Offer::new();
    let limited = Offer::new().server_max_window_bits(bits(10)).client_max_window_bits();
    let hinted = Offer::new().client_max_window_bits_hint(bits(10));
    let strict = Offer::new().server_no_context_takeover();
    let parameter = |index, parameter, kind| {
        AnswerError::Parameter(ParameterError { index, parameter: Some(parameter), kind })
    };
    let cases: Vec<(Vec<Offer>, &str, AnswerError)> = vec![
        (vec![], "permessage-deflate", AnswerError::UnknownExtension { index: 0 }),
        (vec![plain], "permessage-bzip2", AnswerError::UnknownExtension { index: 0 }),
        (
            vec![plain],
            "permessage-deflate, x-webkit-deflate-frame",
            AnswerError::UnknownExtension { index: 1 },
        ),
        (
            vec![plain],
            "permessage-deflate, permessage-deflate",
            AnswerError::RepeatedExtension { index: 1 },
        ),
        (
            vec![limited],
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
            parameter(1, Parameter::ClientMaxWindowBits, ValueMissing),
        ),
        (
            vec![limited],
            "permessage-deflate; server_max_window_bits=1000",
            parameter(0, Parameter::ServerMaxWindowBits, ValueInvalid),
        ),
        (
            vec![limited],
            "permessage-deflate",
            AnswerError::Missing { parameter: Parameter::ServerMaxWindowBits },
        ),
        (
            vec![limited],
            "permessage-deflate; server_max_window_bits=11",
            AnswerError::WindowTooLarge {
                parameter: Parameter::ServerMaxWindowBits,
                offered: bits(10),
                answered: bits(11),
            },
        ),
        (
            vec![hinted],
            "permessage-deflate; client_max_window_bits=11",
            AnswerError::WindowTooLarge {
                parameter: Parameter::ClientMaxWindowBits,
                offered: bits(10),
                answered: bits(11),
            },
        ),
        (
            vec![plain],
            "permessage-deflate; client_max_window_bits=15",
            AnswerError::NotOffered { parameter: Parameter::ClientMaxWindowBits },
        ),
        (
            vec![strict],
            "permessage-deflate",
            AnswerError::Missing { parameter: Parameter::ServerNoContextTakeover },
        ),
        // The error is about the last offer.
        (
            vec![limited, strict],
            "permessage-deflate",
            AnswerError::Missing { parameter: Parameter::ServerNoContextTakeover },
        ),
    ];
    for (offers, answer, error) in cases {
        assert_eq!(check(&offers, answer), Err(error), "{answer}");
        assert!(error.to_string().len() > 20);
    }
}

/// D-002, D-006, D-020, D-022
#[test]
fn a_client_keeps_to_what_was_answered_and_to_its_own_word() {
    let agreed = |server, server_takeover, client, client_takeover| {
        Ok(Some(NegotiatedCompression {
            server: Direction::new(bits(server), server_takeover),
            client: Direction::new(bits(client), client_takeover),
        }))
    };
    let plain = [Offer::new()];
    assert_eq!(check(&plain, ""), Ok(None));
    assert_eq!(check(&plain, "permessage-deflate"), agreed(15, true, 15, true));
    // Not offered, and still to be obeyed.
    assert_eq!(
        check(
            &plain,
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; \
             server_max_window_bits=12"
        ),
        agreed(12, false, 15, false)
    );
    let hinted = [Offer::new().client_no_context_takeover().client_max_window_bits_hint(bits(11))];
    assert_eq!(check(&hinted, "permessage-deflate"), agreed(15, true, 11, false));
    assert_eq!(
        check(&hinted, "permessage-deflate; client_max_window_bits=9"),
        agreed(15, true, 9, false)
    );
    let fallback = [Offer::new().server_max_window_bits(bits(10)), Offer::new()];
    assert_eq!(check(&fallback, "permessage-deflate"), agreed(15, true, 15, true));
    assert_eq!(
        check(&fallback, "permessage-deflate; server_max_window_bits=8"),
        agreed(8, true, 15, true)
    );
}

/// D-016
#[test]
fn a_server_is_not_configured_beyond_its_backend() {
    for min in (8..=15).map(bits) {
        let config = ServerConfig::new().server_min_window_bits(min);
        for window_bits in (8..=15).map(bits) {
            let result = config.server_max_window_bits(window_bits);
            let error = UnsupportedWindow { window_bits, min_window_bits: min };
            assert_eq!(result.err(), (window_bits < min).then_some(error));
            // A client's demand is kept or declined, never enlarged.
            let offer = Offer::new().server_max_window_bits(window_bits);
            let kept = config.answer(&offer).map(|answer| answer.negotiated().server.window_bits());
            match kept {
                Ok(kept) => assert_eq!(kept, window_bits.min(min.max(WindowBits::TWELVE))),
                Err(declined) => assert_eq!(declined, Decline::Window(error)),
            }
            assert_eq!(kept.is_ok(), window_bits >= min);
        }
    }
}

/// The default offer and answer are the same whichever features are on, also with none, so that a
/// crate that enables one changes nothing on the wire.
#[test]
fn no_feature_changes_what_is_negotiated_by_default() {
    assert_eq!(Offer::recommended().to_string(), "permessage-deflate; client_max_window_bits");
    assert_eq!(Offer::new().to_string(), "permessage-deflate");
    let answer = |parameters: &str| {
        Some(format!(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover{parameters}"
        ))
    };
    for (offer, expected) in [
        ("", answer("; server_max_window_bits=12")),
        (
            "; client_max_window_bits",
            answer("; server_max_window_bits=12; client_max_window_bits=12"),
        ),
        ("; server_max_window_bits=15", answer("; server_max_window_bits=12")),
        ("; server_max_window_bits=9", answer("; server_max_window_bits=9")),
        ("; server_max_window_bits=8", None),
        (
            "; client_max_window_bits=8",
            answer("; server_max_window_bits=12; client_max_window_bits=8"),
        ),
    ] {
        let offer = format!("permessage-deflate{offer}");
        assert_eq!(accept(&ServerConfig::new(), &offer), expected, "{offer}");
        assert_eq!(accept(&ServerConfig::default(), &offer), expected, "{offer}");
    }
}

#[test]
fn a_server_can_insist_on_a_small_client_window() {
    let config = permissive().client_max_window_bits(bits(10)).require_client_max_window_bits(true);
    let plain = Offer::new();
    assert_eq!(config.answer(&plain), Err(Decline::ClientWindowNotOffered));
    assert_eq!(
        accept(&config, "permessage-deflate, permessage-deflate; client_max_window_bits"),
        Some("permessage-deflate; client_max_window_bits=10".into())
    );
    // Without insistence the client keeps its 15 bits, and the answer has only parameters that it
    // allowed.
    let config = config.require_client_max_window_bits(false);
    assert_eq!(accept(&config, "permessage-deflate"), Some("permessage-deflate".into()));
}

#[test]
fn parameters_are_pairs_for_the_builder_of_the_header() {
    let offer = Offer::new().server_no_context_takeover().server_max_window_bits(bits(9));
    let expected: [(&str, Option<&str>); 2] =
        [("server_no_context_takeover", None), ("server_max_window_bits", Some("9"))];
    assert_eq!(offer.parameters().as_slice(), expected);
    assert_eq!(Offer::new().parameters().as_slice(), []);
}

fn offer_strategy() -> impl Strategy<Value = Offer> {
    (any::<bool>(), any::<bool>(), prop::option::of(8..=15_u8), prop::option::of(7..=15_u8))
        .prop_map(|(server, client, server_bits, client_bits)| {
            let mut offer = Offer::new();
            if server {
                offer = offer.server_no_context_takeover();
            }
            if client {
                offer = offer.client_no_context_takeover();
            }
            if let Some(server_bits) = server_bits {
                offer = offer.server_max_window_bits(bits(server_bits));
            }
            match client_bits {
                Some(7) => offer.client_max_window_bits(),
                Some(client_bits) => offer.client_max_window_bits_hint(bits(client_bits)),
                None => offer,
            }
        })
}

fn config_strategy() -> impl Strategy<Value = ServerConfig> {
    let server_bits = (8..=15_u8, 8..=15_u8);
    (any::<bool>(), any::<bool>(), server_bits, 8..=15_u8, any::<bool>()).prop_map(
        |(server, client, (min, server_bits), client_bits, required)| {
            ServerConfig::new()
                .server_context_takeover(server)
                .client_context_takeover(client)
                .server_min_window_bits(bits(min))
                .server_max_window_bits(bits(server_bits.max(min)))
                .unwrap()
                .client_max_window_bits(bits(client_bits))
                .require_client_max_window_bits(required)
        },
    )
}

proptest! {
    /// D-002, D-003, D-008, D-023, D-025: our client accepts our server's answers, and both mean
    /// the same; the client may only be stricter with itself.
    #[test]
    fn both_sides_agree(
        offers in prop::collection::vec(offer_strategy(), 1..4),
        config in config_strategy(),
    ) {
        let header: Vec<String> = offers.iter().map(Offer::to_string).collect();
        let list = elements(&header.join(", "));
        let read: Vec<Offer> =
            borrowed(&list).map(|(_, params)| Offer::parse(params).unwrap()).collect();
        prop_assert_eq!(&read, &offers);
        match config.accept(borrowed(&list)) {
            None => for offer in &offers {
                prop_assert!(config.answer(offer).is_err());
            }
            Some(answer) => {
                let server_side = answer.negotiated();
                let client_side = check(&offers, &answer.to_string()).unwrap().unwrap();
                prop_assert_eq!(client_side.server, server_side.server);
                prop_assert!(client_side.client.window_bits() <= server_side.client.window_bits());
                prop_assert!(
                    server_side.client.context_takeover() || !client_side.client.context_takeover()
                );
                let taken = offers.iter().find(|offer| config.answer(offer).is_ok()).unwrap();
                prop_assert_eq!(config.answer(taken), Ok(answer));
            }
        }
    }

    /// W-121, D-001: whatever the configuration, the header contains the registered name with
    /// parameters that RFC 7692, 7.1, defines.
    #[test]
    fn only_defined_parameters_are_written(
        offer in offer_strategy(),
        config in config_strategy(),
    ) {
        let answer = config.answer(&offer).map(|answer| answer.to_string());
        for element in [Ok(offer.to_string()), answer].into_iter().flatten() {
            let list = elements(&element);
            prop_assert_eq!(list.len(), 1);
            prop_assert_eq!(&list[0].0, "permessage-deflate");
            for (name, value) in &list[0].1 {
                let value = value.as_deref().map(|value| value.parse::<u8>().unwrap());
                match name.as_str() {
                    "server_no_context_takeover" | "client_no_context_takeover" => {
                        prop_assert_eq!(value, None);
                    }
                    "server_max_window_bits" => prop_assert!((8..=15).contains(&value.unwrap())),
                    "client_max_window_bits" => {
                        prop_assert!(value.is_none_or(|value| (8..=15).contains(&value)));
                    }
                    other => prop_assert!(false, "{}", other),
                }
            }
        }
    }

    /// D-018: no answer makes a client panic.
    #[test]
    fn any_answer_is_checked(header in "[a-z_;=, 0-9\"-]{0,60}", params in "(; ?[a-z_]{0,26}(=[0-9]{0,3})?){0,4}") {
        let _ = check(&[Offer::recommended()], &header);
        let _ = check(&[Offer::recommended()], &format!("permessage-deflate{params}"));
        let _ = accept(&permissive(), &format!("permessage-deflate{params}"));
    }
}

#[test]
fn no_error_of_a_chain_is_shown_twice() {
    let window_bits = WindowBits::new(8).unwrap();
    let unsupported = UnsupportedWindow { window_bits, min_window_bits: WindowBits::MAX };
    let answer = [("permessage-deflate", [("unknown", None::<&str>)])];
    let parameter = check_answer(&[Offer::new()], answer).unwrap_err();
    for (error, len) in [
        (&Decline::Window(unsupported) as &dyn core::error::Error, 2),
        (&Decline::ClientWindowNotOffered, 1),
        (&parameter, 1),
    ] {
        assert_eq!(chain(error).len(), len, "{error}");
    }
}

/// Returns the texts of a chain, as programs print it, unless one has another in it.
fn chain(error: &dyn core::error::Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        assert!(!shown.iter().any(|shown| shown.contains(&text)), "{text:?} in {shown:?}");
        shown.push(text);
        source = error.source();
    }
    shown
}
