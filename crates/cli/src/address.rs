//! The address to listen on, as the user has written it: [`parse`].

/// Reads `PORT` or `HOST:PORT`, and returns `HOST:PORT`. A port alone is one of this machine, which others
/// cannot reach.
///
/// # Errors
/// The port is not one; or else the text is something else, which `form` explains.
pub(crate) fn parse(text: &str, form: &str) -> Result<String, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    let (address, port) = match port.rsplit_once(':') {
        None => (format!("127.0.0.1:{port}"), port),
        // `::1`, or `fe80::1:8080`: where its port begins cannot be seen.
        Some(_) if is_bare_ipv6(text) => {
            return Err(format!("write [{text}]:PORT for this IPv6 address"));
        }
        Some((_, port)) => (text.to_owned(), port),
    };
    match port.parse::<u16>() {
        Ok(_) => Ok(address),
        Err(_) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("a port is 0 to 65535".to_owned())
        }
        Err(_) => Err(form.to_owned()),
    }
}

fn is_bare_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_perhaps_a_host() {
        for (text, parsed) in [
            ("8080", Ok("127.0.0.1:8080")),
            (":8080", Ok("127.0.0.1:8080")),
            ("0", Ok("127.0.0.1:0")),
            ("localhost:8080", Ok("localhost:8080")),
            ("[::1]:8080", Ok("[::1]:8080")),
            ("65536", Err("a port is 0 to 65535")),
            ("localhost:99999", Err("a port is 0 to 65535")),
            ("::1", Err("write [::1]:PORT for this IPv6 address")),
            ("localhost", Err("form")),
            ("localhost:", Err("form")),
            ("", Err("form")),
        ] {
            assert_eq!(
                parse(text, "form"),
                parsed.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
