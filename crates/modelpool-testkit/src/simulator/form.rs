//! Forms (`multipart/form-data`), as far as their fields have to be read.

/// The parts of a form, each with its head and its value. The boundary is
/// what its first line says.
fn parts(body: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let line_end = find(body, b"\r\n")?;
    let boundary = body.get(..line_end)?;
    if !boundary.starts_with(b"--") {
        return None;
    }
    let delimiter = [b"\r\n", boundary].concat();
    let mut rest = body.get(line_end..)?;
    let mut parts = Vec::new();
    while let Some(end) = find(rest, &delimiter) {
        let part = &rest[..end];
        let head_end = find(part, b"\r\n\r\n")?;
        parts.push((&part[..head_end], &part[head_end + 4..]));
        rest = &rest[end + delimiter.len()..];
    }
    // After the last part stands `--`.
    rest.starts_with(b"--").then_some(parts)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The value of a field; `None` where there is no such field, or no form.
pub(super) fn field(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let named = format!(" name=\"{name}\"");
    let parts = parts(body)?;
    let part = parts
        .iter()
        .find(|(head, _)| find(head, named.as_bytes()).is_some());
    part.map(|(_, value)| value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let form = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
            Content-Disposition: form-data; name=\"b\"; filename=\"c\"\r\n\r\n\r\n\0\r\n--x--\r\n";
        assert_eq!(field(form, "a").unwrap(), b"1");
        assert_eq!(field(form, "b").unwrap(), b"\r\n\0");
        assert_eq!(field(form, "c"), None);
        assert_eq!(field(&form[..form.len() - 10], "a"), None, "it is cut");
        assert_eq!(field(b"{}", "a"), None);
    }
}
