//! Addresses, and what goes into HTTP headers.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue, Uri};

use super::problem::Collector;
use super::tables;
use super::view::{View, Word};

/// Checks every address and header of the file.
pub(super) fn check(file: &View<'_>, problems: &mut Collector) {
    check_listen(file, problems);
    if let Some(value) = file.word("admin_key") {
        check_key(&value, problems);
    }
    for key in file.list("keys", &tables::KEY) {
        if let Some(value) = key.word("key") {
            check_key(&value, problems);
        }
    }
    for model in file.list("models", &tables::MODEL) {
        if let Some(url) = model.word("base_url").filter(|url| !url.text.is_empty())
            && let Err(message) = check_base_url(url.text)
        {
            problems.report(&url.path, url.span, message, None);
        }
        if let Some(value) = model.word("api_key") {
            check_key(&value, problems);
        }
        check_headers(&model.below("extra", &tables::EXTRA), problems);
    }
}

/// The address the gateway listens on; open to others only if it asks for a key.
fn check_listen(file: &View<'_>, problems: &mut Collector) {
    let Some(listen) = file.word("listen").filter(|listen| !listen.text.is_empty()) else {
        return; // missing or reported: the default is a loopback address
    };
    let hint = |hint: String| (!listen.from_variable).then_some(hint);
    let address: SocketAddr = match listen.text.parse() {
        Ok(address) => address,
        Err(_) => {
            let message = "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
            let port = listen.text.rsplit(':').next().unwrap_or_default();
            let port = port.parse::<u16>().ok();
            let hint = port.and_then(|port| hint(format!("did you mean 127.0.0.1:{port}?")));
            return problems.report(&listen.path, listen.span, message, hint);
        }
    };
    let no_keys = match file.node("keys") {
        None => true,
        Some((node, _)) => matches!(&node.value, super::node::Value::Sequence(keys) if keys.is_empty()),
    };
    if no_keys && !address.ip().to_canonical().is_loopback() {
        let message = "without `keys` anyone who reaches this address could spend your money";
        let advice = format!(
            "list the callers under `keys`, or listen on 127.0.0.1:{}",
            address.port()
        );
        let advice = hint(advice).or_else(|| Some("list the callers under `keys`".to_owned()));
        problems.report(&listen.path, listen.span, message, advice);
    }
}

/// An http or https address that paths can be put behind. Says what is wrong without quoting the
/// address, which may hold a password.
fn check_base_url(text: &str) -> Result<(), &'static str> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err("expected an address that begins with http:// or https://");
    }
    if text.contains('#') {
        return Err("the address of an API cannot have a fragment (`#…`)");
    }
    if text.contains('?') {
        return Err("the address of an API cannot have a query (`?…`)");
    }
    let uri: Uri = text.parse().map_err(|_| "this is not a valid address")?;
    let Some(authority) = uri.authority() else {
        return Err("the address has no host");
    };
    if authority.as_str().contains('@') {
        return Err("credentials cannot stand in the address, use `api_key` or `extra.headers`");
    }
    if authority.host().is_empty() {
        return Err("the address has no host");
    }
    let port = authority.as_str().rsplit(':').next().unwrap_or_default();
    let has_port = authority.as_str().len() > authority.host().len();
    if has_port && port.parse::<u16>().is_err() {
        return Err("the port of the address is not a number up to 65535");
    }
    Ok(())
}

/// A key travels in a header; the line break at the end of a key file is the usual accident.
fn check_key(value: &Word<'_>, problems: &mut Collector) {
    if !value.text.chars().all(|c| c.is_ascii_graphic()) {
        let message = "the key holds a space, a line break or another character no key has";
        problems.report(&value.path, value.span, message, None);
    }
}

fn check_headers(extra: &View<'_>, problems: &mut Collector) {
    let mut seen = std::collections::HashSet::new();
    for (entry, path) in extra.map("headers") {
        match HeaderName::from_bytes(entry.key.as_bytes()) {
            Err(_) => {
                let message = "this is not the name of an HTTP header";
                problems.report(&path, entry.key_span, message, None);
            }
            Ok(name) => {
                // The same spelling twice is reported as a duplicate key.
                let spelled = name.as_str() == entry.key;
                if !seen.insert(name) && !spelled {
                    let message = "the header is given twice, names of headers ignore case";
                    problems.report(&path, entry.key_span, message, None);
                }
            }
        }
        if let Some(text) = entry.value.text()
            && HeaderValue::from_str(&text.text).is_err()
        {
            let message = "the value holds a line break or another character no HTTP header can";
            problems.report(&path, entry.value.span, message, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for good in [
            "http://127.0.0.1:8000/v1",
            "https://api.example.com",
            "HTTPS://host/",
            "http://[::1]:1/v1",
        ] {
            assert_eq!(check_base_url(good), Ok(()), "{good}");
        }
        for (bad, part) in [
            ("api.example.com/v1", "begins with http"),
            ("ftp://host", "begins with http"),
            ("https://user:pw@host/", "credentials"),
            ("https://host/?a=1", "query"),
            ("https://host/#a", "fragment"),
            ("https://", "valid"),
            ("https://ho st/", "valid"),
            ("https://host:99999/", "65535"),
            ("https://:80/", "host"),
        ] {
            let message = check_base_url(bad).unwrap_err();
            assert!(message.contains(part), "{bad}: {message}");
        }
    }
}
