//! `Utf8Validator` beside `core::str`, at any cuts.
//!
//! Input: the cuts, then the text.

use core::str;

use tidings_frame::{InvalidUtf8, Utf8Validator};

use crate::cuts::Cuts;

/// Validates the text in every way.
pub fn run(data: &[u8]) {
    let mut text = data;
    let cuts = Cuts::take(&mut text);
    for (way, slices) in cuts.ways(text) {
        check(way, text, slices);
    }
}

fn check(way: &str, text: &[u8], slices: Vec<&[u8]>) {
    let truth = str::from_utf8(text);
    let valid_len = truth.map_or_else(|error| error.valid_up_to(), str::len);
    let invalid = InvalidUtf8 { offset: valid_len as u64 };
    let refused_at = refused_at(text, valid_len);

    let mut validator = Utf8Validator::new();
    let mut heard = String::new();
    let mut pushed = 0;
    for slice in slices {
        pushed += slice.len();
        match validator.push(slice) {
            Ok(part) => {
                assert!(refused_at.is_none_or(|at| pushed < at), "{way}: the bad byte passed");
                heard.extend(part.carried);
                heard.push_str(part.rest);
            }
            Err(error) => {
                assert!(refused_at.is_some_and(|at| pushed >= at), "{way}: refused too early");
                assert_eq!(error, invalid, "{way}");
                assert!(text[..valid_len].starts_with(heard.as_bytes()), "{way}");
                return;
            }
        }
        // The bytes not returned yet are the start of one character.
        assert!(pushed - heard.len() < 4 && text.starts_with(heard.as_bytes()), "{way}");
        assert!(heard.len() == valid_len.min(pushed) || pushed < valid_len, "{way}");
    }
    assert_eq!(refused_at, None, "{way}");
    assert_eq!(heard.as_bytes(), &text[..valid_len], "{way}");
    let complete = if truth.is_ok() { Ok(()) } else { Err(invalid) };
    assert_eq!(validator.finish(), complete, "{way}: at the end");
    // The validator is ready for the next text.
    assert_eq!(validator.push("é".as_bytes()).map(|part| part.rest), Ok("é"), "{way}");
    assert_eq!(validator.finish(), Ok(()), "{way}");
}

/// Returns how many bytes it takes to see that the text is invalid, whatever follows. `None` if it
/// may yet become valid.
fn refused_at(text: &[u8], valid_len: usize) -> Option<usize> {
    (valid_len..=text.len().min(valid_len + 4)).find(|end| {
        str::from_utf8(&text[valid_len..*end]).is_err_and(|error| error.error_len().is_some())
    })
}
