//! With the parser and the builder of `tidings-handshake`: the header contains exactly the
//! negotiated parameters.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use tidings_deflate::{EXTENSION_NAME, Offer, ServerConfig, WindowBits, check_answer};
use tidings_handshake::{Extension, Extensions, Headers};

type Pairs<'a> = &'a [(&'a str, &'a [u8])];

fn answer(pairs: Pairs<'_>) -> Option<String> {
    let offers = Extensions::parse(Headers::from_pairs(pairs)).unwrap();
    let answer = ServerConfig::new()
        .server_max_window_bits(WindowBits::MAX)
        .unwrap()
        .accept(offers.map(|offer| (offer.name(), offer.params())))?;
    let parameters = answer.parameters();
    Some(Extension::new(EXTENSION_NAME, parameters.as_slice()).unwrap().to_string())
}

/// D-001, D-014: several lines, white space, quoted values with and without backslashes.
#[test]
fn offers_come_over_many_lines_and_quoted() {
    const NAME: &str = "Sec-WebSocket-Extensions";
    let no_takeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let cases: &[(Pairs<'_>, Option<&str>)] = &[
        (&[], None),
        (&[(NAME, b"foo;bar=\"a\", baz")], None),
        (&[(NAME, b"foo"), ("Host", b"x"), (NAME, b" , permessage-deflate")], Some("")),
        (
            &[(NAME, b"permessage-deflate ;client_max_window_bits = \"10\"")],
            Some("; client_max_window_bits=10"),
        ),
        (
            &[(NAME, b"permessage-deflate; client_max_window_bits=\"1\\0\"")],
            Some("; client_max_window_bits=10"),
        ),
        (&[(NAME, b"permessage-deflate; client_max_window_bits=\"010\"")], None),
        (&[(NAME, b"permessage-deflate; x"), (NAME, b"permessage-deflate")], Some("")),
    ];
    for (pairs, expected) in cases {
        let expected = expected.map(|parameters| format!("{no_takeover}{parameters}"));
        assert_eq!(answer(pairs), expected, "{pairs:?}");
    }
}

/// D-003, D-007
#[test]
fn the_client_reads_the_answer_with_the_same_parser() {
    let offers = [Offer::new().server_max_window_bits(WindowBits::TWELVE), Offer::new()];
    let header = offers.map(|offer| {
        Extension::new(EXTENSION_NAME, offer.parameters().as_slice()).unwrap().to_string()
    });
    let header = header.join(", ");
    let pairs: Pairs<'_> = &[("Sec-WebSocket-Extensions", header.as_bytes())];
    let answer = answer(pairs).unwrap();
    let pairs: Pairs<'_> = &[("Sec-WebSocket-Extensions", answer.as_bytes())];
    let answer = Extensions::parse(Headers::from_pairs(pairs)).unwrap();
    let agreement =
        check_answer(&offers, answer.map(|extension| (extension.name(), extension.params())));
    let agreement = agreement.unwrap().unwrap();
    assert!(!agreement.server.context_takeover());
    assert_eq!(agreement.server.window_bits(), WindowBits::TWELVE);
}
