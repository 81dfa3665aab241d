use std::string::ToString as _;

use super::*;

#[test]
fn hosts_and_ports_are_read() {
    for (text, host, port, written) in [
        ("example.com", "example.com", None, "example.com"),
        ("example.com:8080", "example.com", Some(8080), "example.com:8080"),
        ("example.com:", "example.com", None, "example.com"),
        ("example.com.", "example.com.", None, "example.com."),
        ("127.0.0.1:0080", "127.0.0.1", Some(80), "127.0.0.1:80"),
        ("[::1]", "::1", None, "[::1]"),
        ("[2001:DB8::1]:65535", "2001:DB8::1", Some(65535), "[2001:DB8::1]:65535"),
        ("[::ffff:1.2.3.4]:", "::ffff:1.2.3.4", None, "[::ffff:1.2.3.4]"),
        ("my_service", "my_service", None, "my_service"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None, "xn--bcher-kva.example"),
        ("b%C3%BCcher", "b%C3%BCcher", None, "b%C3%BCcher"),
    ] {
        let authority = Authority::parse(text).unwrap();
        assert_eq!((authority.host(), authority.port()), (host, port), "{text:?}");
        assert_eq!(authority.is_ipv6(), text.starts_with('['), "{text:?}");
        assert_eq!(authority.to_string(), written);
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    use AuthorityError::{Host, Ipv6, NoHost, Port, UserInfo};
    for (text, error) in [
        ("", NoHost),
        (":80", NoHost),
        ("user@host", UserInfo { offset: 4 }),
        ("user:secret@host:80", UserInfo { offset: 11 }),
        ("@", UserInfo { offset: 0 }),
        ("a b", Host { offset: 1 }),
        ("a/b", Host { offset: 1 }),
        ("a,b", Host { offset: 1 }),
        ("a\\b", Host { offset: 1 }),
        ("a\r\nb", Host { offset: 1 }),
        ("b\u{fc}cher", Host { offset: 1 }),
        ("a%2", Host { offset: 1 }),
        ("a%zz", Host { offset: 1 }),
        ("a%2z", Host { offset: 1 }),
        ("a]", Host { offset: 1 }),
        ("::1", NoHost),
        ("a::1", Port { offset: 2 }),
        ("[::1", Ipv6 { offset: 0 }),
        ("[]", Ipv6 { offset: 0 }),
        ("[1.2.3.4]", Ipv6 { offset: 0 }),
        ("[fe80::1%25eth0]", Ipv6 { offset: 0 }),
        ("[v1.x]", Ipv6 { offset: 0 }),
        ("[::1]80", Port { offset: 5 }),
        ("[::1]:x", Port { offset: 6 }),
        ("a:65536", Port { offset: 2 }),
        ("a:+80", Port { offset: 2 }),
        ("a:-1", Port { offset: 2 }),
        ("a:8 0", Port { offset: 2 }),
        ("a:99999999999999999999", Port { offset: 2 }),
    ] {
        assert_eq!(Authority::parse(text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (error, shown) in [
        (AuthorityError::NoHost, "the host is empty"),
        (
            AuthorityError::UserInfo { offset: 4 },
            "user information before the host is not allowed (`@` at offset 4)",
        ),
        (AuthorityError::Host { offset: 1 }, "the byte at offset 1 is not allowed in a host name"),
        (
            AuthorityError::Ipv6 { offset: 0 },
            "the bracket at offset 0 does not hold an IPv6 address",
        ),
        (
            AuthorityError::Port { offset: 2 },
            "the port at offset 2 is not a number from 0 to 65535",
        ),
    ] {
        assert_eq!(error.to_string(), shown);
    }
}

#[test]
fn hosts_are_compared_without_case_and_addresses_by_value() {
    let same = |a, b| Authority::parse(a).unwrap().is_same_host(&Authority::parse(b).unwrap());
    assert!(same("Example.COM", "example.com:8080"));
    assert!(same("[::1]", "[0:0:0:0:0:0:0:1]"));
    assert!(!same("example.com", "example.com."));
    assert!(!same("example.com", "www.example.com"));
    assert!(!same("[::1]", "[::2]"));
    assert!(!same("[::ffff:1.2.3.4]", "1.2.3.4"));
}
