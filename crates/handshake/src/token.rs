//! The lexical rules of HTTP (RFC 9110, section 5.6) that the handshake needs: tokens, optional
//! white space, field values and comma-separated lists.

/// RFC 9110, 5.6.2: `tchar`.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z'
            | b'^'..=b'z' | b'|' | b'~'
    )
}

/// RFC 9110, 5.6.2: `token = 1*tchar`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_tchar)
}

/// RFC 9110, 5.5: a byte that may stand in a field value. CR, LF and NUL never may; the other
/// control characters have no honest use.
pub(crate) const fn is_field_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// RFC 9110, 5.6.3: `OWS`.
pub(crate) const fn is_optional_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The value without optional white space on either side.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    trim_start(trim_end(value))
}

/// The value without leading optional white space.
pub(crate) fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

fn trim_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110, 5.6.1.2: the elements of a list; empty ones are skipped.
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Returns whether a list field such as `Connection` names this option, in any case.
pub(crate) fn list_contains(value: &[u8], option: &str) -> bool {
    list_elements(value).any(|element| element.eq_ignore_ascii_case(option.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_characters_are_those_of_rfc_9110() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_tchar(byte), expected, "byte {byte:#04x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn a_field_value_holds_no_control_character_but_tab() {
        for byte in 0..=u8::MAX {
            let expected = byte == b'\t' || !byte.is_ascii_control();
            assert_eq!(is_field_value_byte(byte), expected, "byte {byte:#04x}");
        }
    }

    #[test]
    fn a_list_is_compared_by_whole_elements_in_any_case() {
        for value in ["Upgrade", "upgrade", "keep-alive, Upgrade", ",, \tUPGRADE\t ,", "a,upgrade"]
        {
            assert!(list_contains(value.as_bytes(), "Upgrade"), "{value:?}");
        }
        for value in
            ["", "Upgraded", "not-upgrade", "keep-alive; upgrade", "up grade", "\"upgrade\""]
        {
            assert!(!list_contains(value.as_bytes(), "Upgrade"), "{value:?}");
        }
    }
}
