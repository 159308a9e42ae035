//! Paths in URLs, percent-encoded (RFC 3986).

use std::fmt::Write as _;

/// A path as it stands in a URL; `/` and `:` stay.
pub fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/:-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// `%20` as a blank and so on. A text that isn't UTF-8 then stays as it is, and so does a `%` without two digits behind it.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back() {
        for (path, url) in [
            ("/a b/Größe+50%.mp3", "/a%20b/Gr%C3%B6%C3%9Fe%2B50%25.mp3"),
            ("/C:/盾#1?.mp3", "/C:/%E7%9B%BE%231%3F.mp3"),
            ("", ""),
        ] {
            assert_eq!(encoded(path), url);
            assert_eq!(decoded(url), path);
        }
        for odd in ["100%", "%", "%f", "%zz", "%+1", "%ff.mp3"] {
            assert_eq!(decoded(odd), odd);
        }
        assert_eq!(decoded("%e7%9b%be"), "盾");
    }
}
