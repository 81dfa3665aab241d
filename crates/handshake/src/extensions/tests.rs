use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn parse(lines: &[&str]) -> Result<Vec<String>, ExtensionsError> {
    let pairs: Vec<(&str, &[u8])> = lines.iter().map(|line| (HEADER, line.as_bytes())).collect();
    let extensions = Extensions::parse(Headers::from_pairs(&pairs))?;
    Ok(extensions.map(|extension| canonical(&extension)).collect())
}

fn canonical(extension: &PeerExtension<'_>) -> String {
    let mut text = extension.name().to_string();
    for (name, value) in extension.params() {
        text += &value.map_or(format!(";{name}"), |value| format!(";{name}={value}"));
    }
    text
}

#[test]
fn the_grammar_of_9_1_is_read() {
    for (line, expected) in [
        ("foo", &["foo"][..]),
        ("foo, bar; baz=2", &["foo", "bar;baz=2"]),
        ("foo;a;b=c;d=\"e\"", &["foo;a;b=c;d=e"]),
        (" \t, foo ;\ta = b , ,bar,", &["foo;a=b", "bar"]),
        ("foo,foo; x, foo", &["foo", "foo;x", "foo"]),
        ("deflate-stream", &["deflate-stream"]),
        (
            "mux; max-channels=4; flow-control, deflate-stream",
            &["mux;max-channels=4;flow-control", "deflate-stream"],
        ),
        (
            "permessage-deflate; client_max_window_bits",
            &["permessage-deflate;client_max_window_bits"],
        ),
    ] {
        assert_eq!(parse(&[line]).as_deref().unwrap(), expected, "{line:?}");
    }
    assert_eq!(parse(&[]), Ok(Vec::new()));
}

/// W-120
#[test]
fn a_quoted_value_must_be_a_token_once_unescaped() {
    for (line, expected) in
        [("f; x=\"10\"", "f;x=10"), ("f; x=\"\\1\\0\"", "f;x=10"), ("f;x=\"a\";y", "f;x=a;y")]
    {
        assert_eq!(parse(&[line]).unwrap(), [expected], "{line:?}");
    }
    for (line, offset) in [
        ("f; x=\"1 0\"", 7),
        ("f; x=\"\"", 6),
        ("f; x=\"1\\ 0\"", 7),
        ("f; x=\"1\\\"0\"", 7),
        ("f; x=\"1,0\"", 7),
        ("f; x=\"10", 8),
        ("f; x=\"10\\", 8),
        ("f; x=\"\u{e9}\"", 6),
        ("f; x=\"10\"20", 9),
    ] {
        assert_eq!(parse(&[line]), Err(ExtensionsError::Malformed { line: 0, offset }), "{line:?}");
    }
}

/// W-119
#[test]
fn what_breaks_the_grammar_is_refused_with_its_place() {
    for (line, offset) in [
        ("foo bar", 4),
        (";foo", 0),
        ("foo;", 4),
        ("foo;;bar", 4),
        ("foo; a=", 7),
        ("foo; =b", 5),
        ("foo; a=b c", 9),
        ("foo=bar", 3),
        ("foo; a b", 7),
        ("foo; a=b=c", 8),
        ("\"foo\"", 0),
        ("foo, (bar)", 5),
        ("foo; a=@", 7),
        ("f\u{f6}o", 1),
        ("foo;,bar", 4),
    ] {
        assert_eq!(parse(&[line]), Err(ExtensionsError::Malformed { line: 0, offset }), "{line:?}");
    }
    assert_eq!(parse(&["foo", "bar baz"]), Err(ExtensionsError::Malformed { line: 1, offset: 4 }));
    for empty in [&[""][..], &[" , ,"], &["", ","]] {
        assert_eq!(parse(empty), Err(ExtensionsError::Empty), "{empty:?}");
    }
}

/// W-052
#[test]
fn split_lines_mean_the_joined_list() {
    let joined = parse(&["a; x=1, b, c; y"]).unwrap();
    assert_eq!(parse(&["a; x=1", "b, c; y"]).unwrap(), joined);
    assert_eq!(parse(&["a; x=1,", "", " , b", "c; y"]).unwrap(), joined);
}

#[test]
fn a_value_with_backslashes_is_compared_unescaped() {
    let plain = ParamValue { raw: "10" };
    let escaped = ParamValue { raw: "\\10" };
    assert_eq!(plain, escaped);
    assert!(escaped == *"10");
    for other in ["1", "11", "100", "01"] {
        assert_ne!(escaped, ParamValue { raw: other });
        assert!(escaped != *other, "{other}");
    }
    assert_eq!((plain.as_str(), escaped.as_str()), (Some("10"), None));
    assert_eq!(format!("{escaped} {escaped:?}"), "10 \"10\"");
}

/// The work is one pass, whatever the bytes. A quadratic reader needs many minutes for this.
#[test]
fn adversarial_lists_take_linear_time() {
    for unit in ["\\", "\"", ",", " ", ";", "a;", "a=", "a=\"", "a;b=\"\\", "a,", "\t,"] {
        let list = unit.repeat(100_000 / unit.len());
        for prefix in ["", "a", "a;b=\"", "a;b=\"\\"] {
            let _ = parse(&[&format!("{prefix}{list}")]);
        }
    }
}

#[test]
fn only_tokens_can_be_written() {
    assert_eq!(Extension::new("", &[]), Err(ExtensionBuildError::Name));
    assert_eq!(Extension::new("a\r\nb", &[]), Err(ExtensionBuildError::Name));
    let params = [("a", None), ("b,c", None)];
    assert_eq!(Extension::new("x", &params), Err(ExtensionBuildError::ParamName { index: 1 }));
    let params = [("a", Some("1\r\n"))];
    assert_eq!(Extension::new("x", &params), Err(ExtensionBuildError::ParamValue { index: 0 }));
    let params = [("a", Some(""))];
    assert_eq!(Extension::new("x", &params), Err(ExtensionBuildError::ParamValue { index: 0 }));
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (error, shown) in [
        (ExtensionsError::Empty, "the list of extensions is empty"),
        (
            ExtensionsError::Malformed { line: 1, offset: 4 },
            "line 1 of the extension list breaks the grammar at offset 4",
        ),
    ] {
        assert_eq!(error.to_string(), shown);
    }
    for (error, shown) in [
        (ExtensionBuildError::Name, "the name of the extension is not a token"),
        (
            ExtensionBuildError::ParamName { index: 1 },
            "the name of extension parameter 1 is not a token",
        ),
        (
            ExtensionBuildError::ParamValue { index: 2 },
            "the value of extension parameter 2 is not a token",
        ),
    ] {
        assert_eq!(error.to_string(), shown);
    }
}

/// A reader of the ABNF that keeps no place and knows no cursor: it splits.
fn oracle(line: &str) -> Option<Vec<String>> {
    let trim = |text: &str| text.trim_matches([' ', '\t']).to_string();
    let token = |text: String| is_token(text.as_bytes()).then_some(text);
    let mut extensions = Vec::new();
    // No legal value holds a comma, a semicolon or an equals sign, quoted or not.
    for element in line.split(',').map(trim).filter(|element| !element.is_empty()) {
        let mut parts = element.split(';').map(trim);
        let mut text = token(parts.next()?)?;
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                text += &format!(";{}", token(part)?);
                continue;
            };
            let value = trim(value);
            let value = match value.strip_prefix('"') {
                Some(rest) => {
                    let inside = rest.strip_suffix('"')?;
                    if inside.ends_with('\\') || inside.contains("\\\\") {
                        return None;
                    }
                    inside.replace('\\', "")
                }
                None => value,
            };
            text += &format!(";{}={}", token(trim(name))?, token(value)?);
        }
        extensions.push(text);
    }
    (!extensions.is_empty()).then_some(extensions)
}

proptest! {
    /// W-119
    #[test]
    fn the_reader_agrees_with_an_oracle(
        parts in prop::collection::vec(
            prop::sample::select(&["a", "bc", ";", ",", "=", "\"", "\\", " ", "\t", "x=1", "; y"][..]),
            0..12,
        )
    ) {
        let line = parts.concat();
        prop_assert_eq!(parse(&[&line]).ok(), oracle(&line), "{:?}", line);
    }

    #[test]
    fn what_is_written_reads_back(
        name in "[a-z-]{1,8}",
        params in prop::collection::vec(
            ("[a-z_]{1,8}", prop::option::of("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,4}")), 0..5,
        ),
    ) {
        let params: Vec<_> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let extension = Extension::new(&name, &params).unwrap();
        let line = ExtensionList(&[extension, extension]).to_string();
        let pairs = [(HEADER, line.as_bytes())];
        let read: Vec<_> = Extensions::parse(Headers::from_pairs(&pairs)).unwrap().collect();
        prop_assert_eq!(read.len(), 2);
        for read in read {
            prop_assert_eq!(read.name(), extension.name());
            let read: Vec<_> =
                read.params().map(|(name, value)| (name, value.and_then(|value| value.as_str()))).collect();
            prop_assert_eq!(&read[..], extension.params());
        }
    }

    #[test]
    fn no_bytes_panic(value: Vec<u8>) {
        let pairs = [(HEADER, &value[..])];
        if let Ok(extensions) = Extensions::parse(Headers::from_pairs(&pairs)) {
            let all = extensions.map(|extension| extension.params().count()).sum::<usize>();
            prop_assert!(all <= value.len());
        }
    }
}
