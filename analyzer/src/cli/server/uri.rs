//! `file:` addresses of the protocol, to paths and back.

use std::path::{Path, PathBuf};

/// `None` for another scheme, or what is no text.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host, which is empty or this machine, and then the path.
    let path = &rest[rest.find('/')?..];
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.bytes();
    while let Some(byte) = left.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| (b? as char).to_digit(16);
                (digit(left.next())? * 16 + digit(left.next())?) as u8
            }
            byte => byte,
        });
    }
    let path = String::from_utf8(bytes).ok()?;
    // `/C:/src` is `C:/src`.
    let drive = path.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(2) == Some(&b':');
    Some(PathBuf::from(if drive { &path[1..] } else { &path }))
}

pub(super) fn uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "file:///" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte.into()),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in ["/a b/ü%/c.rs", "/src/lib.rs"] {
            assert_eq!(path(&uri(Path::new(text))), Some(PathBuf::from(text)));
        }
        assert_eq!(uri(Path::new("/a b/ü.rs")), "file:///a%20b/%C3%BC.rs");
        assert_eq!(path("file:///c%3A/src/lib.rs"), Some(PathBuf::from("c:/src/lib.rs")));
        assert_eq!(uri(Path::new("C:\\src\\lib.rs")), "file:///C%3A/src/lib.rs");
        for no in ["untitled:x", "file://", "file:///%", "file:///%ff"] {
            assert_eq!(path(no), None, "{no}");
        }
    }
}
