use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

fn read<'a>(pairs: &'a [(&'a str, &'a [u8])]) -> Result<Vec<&'a str>, SubprotocolError> {
    let headers = Headers::from_pairs(pairs);
    check_offer(headers).map(|()| Subprotocols::of(headers).collect())
}

fn line(value: &str) -> [(&str, &[u8]); 1] {
    [(HEADER, value.as_bytes())]
}

#[test]
fn a_list_is_read_in_its_order() {
    for (value, expected) in [
        ("chat", &["chat"][..]),
        ("chat, superchat", &["chat", "superchat"]),
        (" ,chat\t,,superchat , ", &["chat", "superchat"]),
        ("v10.stomp,v11.stomp", &["v10.stomp", "v11.stomp"]),
        // Subprotocols are compared with case.
        ("chat,Chat", &["chat", "Chat"]),
    ] {
        assert_eq!(read(&line(value)).unwrap(), expected, "{value:?}");
    }
    assert_eq!(read(&[]), Ok(Vec::new()));
}

/// W-055
#[test]
fn split_lines_mean_the_joined_list() {
    let split: &[(&str, &[u8])] =
        &[(HEADER, b"a, b"), ("x", b"y"), ("sec-websocket-protocol", b"c")];
    assert_eq!(read(split).unwrap(), ["a", "b", "c"]);
    let twice: &[(&str, &[u8])] = &[(HEADER, b"a, b"), (HEADER, b"b")];
    assert_eq!(read(twice), Err(SubprotocolError::Repeated { index: 2 }));
}

/// W-021
#[test]
fn an_offer_is_one_or_more_different_tokens() {
    use SubprotocolError::{Empty, NotToken, Repeated};
    for (value, error) in [
        ("", Empty),
        (" , ", Empty),
        ("a b", NotToken { index: 0 }),
        ("a, b;c", NotToken { index: 1 }),
        ("\"chat\"", NotToken { index: 0 }),
        ("ch\u{e4}t", NotToken { index: 0 }),
        ("a, b, a", Repeated { index: 2 }),
    ] {
        assert_eq!(read(&line(value)), Err(error), "{value:?}");
    }
    for (list, expected) in [
        (&["chat", "superchat"][..], Ok(())),
        (&[], Ok(())),
        (&[""], Err(NotToken { index: 0 })),
        (&["a", "a b"], Err(NotToken { index: 1 })),
        (&["a,b"], Err(NotToken { index: 0 })),
        (&["a\r\nb"], Err(NotToken { index: 0 })),
        (&["a", "b", "a"], Err(Repeated { index: 2 })),
    ] {
        assert_eq!(check_list(list), expected, "{list:?}");
    }
}

#[test]
fn the_limit_is_exact() {
    let names: Vec<_> = (0..=MAX_SUBPROTOCOLS).map(|number| format!("p{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(check_list(&names[1..]), Ok(()));
    assert_eq!(check_list(&names), Err(SubprotocolError::TooMany));
    assert_eq!(read(&line(&names[1..].join(","))).unwrap(), &names[1..]);
    assert_eq!(read(&line(&names.join(","))), Err(SubprotocolError::TooMany));
}

/// One pass, whatever the bytes.
#[test]
fn adversarial_lists_take_linear_time() {
    for unit in [",", " ", " ,", "a", "a ", "\t,\t"] {
        let value = unit.repeat(1_000_000 / unit.len());
        let _ = read(&line(&value));
    }
}
