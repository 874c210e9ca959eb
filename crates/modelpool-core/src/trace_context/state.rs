//! The header `tracestate`: a list of `key=value`, one of each tracing system. Nothing in it is ours; it is checked,
//! so that what is kept is well-formed, and cut to a length.

use std::sync::Arc;

use http::HeaderValue;

/// Most members that a list may have.
const MOST_MEMBERS: usize = 32;

/// What is kept, in bytes: as much as everybody is asked to hand on.
const MOST_BYTES: usize = 512;

/// A member longer than that is the first to go where there is no room for all.
const LONG_MEMBER: usize = 128;

/// Reads all headers of that name as one list; `None` where there is nothing in it, or anything is malformed.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Option<Arc<str>> {
    let mut members: Vec<&str> = Vec::new();
    for value in values {
        for member in value.to_str().ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let is_repeated = || members.iter().any(|other| key_of(other) == key);
            if members.len() == MOST_MEMBERS || !is_key(key) || !is_value(value) || is_repeated() {
                return None;
            }
            members.push(member);
        }
    }
    cut(&mut members);
    (!members.is_empty()).then(|| members.join(",").into())
}

/// Leaves out long members, and then the last ones, until there is room for the others.
fn cut(members: &mut Vec<&str>) {
    if length(members) > MOST_BYTES {
        members.retain(|member| member.len() <= LONG_MEMBER);
    }
    while length(members) > MOST_BYTES {
        members.pop();
    }
}

fn length(members: &[&str]) -> usize {
    let commas = members.len().saturating_sub(1);
    members.iter().map(|member| member.len()).sum::<usize>() + commas
}

fn key_of(member: &str) -> &str {
    member.split_once('=').map_or(member, |(key, _)| key)
}

/// `system` or `tenant@system`.
fn is_key(key: &str) -> bool {
    match key.split_once('@') {
        None => is_word(key, 256) && key.starts_with(|first: char| first.is_ascii_lowercase()),
        Some((tenant, system)) => {
            is_word(tenant, 241)
                && tenant.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                && is_word(system, 14)
                && system.starts_with(|first: char| first.is_ascii_lowercase())
        }
    }
}

fn is_word(word: &str, most: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
    (1..=most).contains(&word.len()) && word.bytes().all(allowed)
}

/// Printable, without a comma or an equals sign. Blanks at the end were taken off with the list's.
fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(headers: &[&str]) -> Option<String> {
        let values: Vec<HeaderValue> = headers
            .iter()
            .map(|value| HeaderValue::from_str(value).unwrap())
            .collect();
        read(values.iter()).map(|state| state.to_string())
    }

    #[test]
    fn all_headers_are_one_list() {
        let joined = state(&["congo=t61rcWkgMzE, rojo=00f067aa0ba902b7", "", "1t@sys=a b,, "]);
        let expected = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7,1t@sys=a b";
        assert_eq!(joined.as_deref(), Some(expected));
        assert_eq!(state(&[]), None);
        assert_eq!(state(&[" , "]), None);
    }

    #[test]
    fn one_mistake_and_nothing_is_kept() {
        let long_key = format!("a{}=1", "b".repeat(256));
        let long_value = format!("a={}", "b".repeat(257));
        for wrong in [
            "a",
            "=1",
            "a=",
            "A=1",
            "1a=1",
            "a b=1",
            "a=1=2",
            "a=1,a=2",
            "@a=1",
            "a@=1",
            "a@b@c=1",
            "a@1=1",
            "a=\u{1}",
            &long_key,
            &long_value,
        ] {
            let Ok(value) = HeaderValue::from_str(wrong) else {
                continue;
            };
            assert_eq!(read([&value].into_iter()), None, "{wrong}");
        }
        let many = |count: usize| {
            (0..count)
                .map(|number| format!("k{number}=1"))
                .collect::<Vec<_>>()
        };
        assert!(state(&[&many(32).join(",")]).is_some());
        assert_eq!(state(&[&many(33).join(",")]), None);
    }

    #[test]
    fn what_is_too_long_loses_its_long_members_and_then_its_last() {
        let long = format!("long={}", "x".repeat(200));
        let short = |name: &str| format!("{name}={}", "x".repeat(100));
        let all = [short("a"), long, short("b"), short("c"), short("d"), short("e")].join(",");
        let kept = state(&[&all]).unwrap();
        assert_eq!(kept, [short("a"), short("b"), short("c"), short("d")].join(","));
    }
}
