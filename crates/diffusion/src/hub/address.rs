//! Web addresses of the hub's pages and files, as people copy them from a browser.

/// Names under which the hub and its mirror are known.
const HOSTS: [&str; 4] = [
    "huggingface.co",
    "www.huggingface.co",
    "hf.co",
    "hf-mirror.com",
];

/// Whether a text is a web address, of the hub or not.
pub fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://") || without_host(text).is_some()
}

/// Whether a text is an address of the hub.
pub fn is_of_hub(text: &str) -> bool {
    without_host(text).is_some()
}

/// What an address of the hub means: `owner/name`, `owner/name@revision`, or `owner/name/FILE` with or without a revision. The
/// branch `main` isn't named.
pub fn plain(text: &str) -> Option<String> {
    let path = without_host(text)?;
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let path = path.get(..end)?.trim_end_matches('/');
    let mut parts = path.splitn(5, '/');
    let (owner, name) = (parts.next()?, parts.next()?);
    let (verb, revision, file) = (parts.next(), parts.next(), parts.next());
    let mut plain = format!("{owner}/{name}");
    if matches!(verb, Some("blob" | "resolve" | "raw"))
        && let Some(file) = file
    {
        plain += &format!("/{}", decoded(file));
    }
    if verb.is_some()
        && let Some(revision) = revision.map(decoded).filter(|revision| revision != "main")
    {
        plain += &format!("@{revision}");
    }
    Some(plain)
}

fn without_host(text: &str) -> Option<&str> {
    let text = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or(text);
    let (host, path) = text.split_once('/')?;
    let is_hub = HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known));
    is_hub.then_some(path)
}

/// `%2F` and its like as the letters that they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let value = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let value = value.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(value.unwrap_or(*first));
        rest = match value {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_mean_models_and_files() {
        for (text, wanted) in [
            ("https://huggingface.co/a/b", "a/b"),
            ("https://huggingface.co/a/b/", "a/b"),
            ("hf.co/a/b", "a/b"),
            ("https://huggingface.co/a/b/tree/main", "a/b"),
            ("https://huggingface.co/a/b/tree/v2/unet", "a/b@v2"),
            (
                "https://huggingface.co/a/b/tree/refs%2Fpr%2F3",
                "a/b@refs/pr/3",
            ),
            (
                "https://huggingface.co/a/b/blob/main/x.safetensors",
                "a/b/x.safetensors",
            ),
            (
                "https://huggingface.co/a/b/resolve/main/c/x%20y.safetensors?download=true",
                "a/b/c/x y.safetensors",
            ),
            (
                "http://HuggingFace.co/a/b/blob/v1/x.safetensors#L1",
                "a/b/x.safetensors@v1",
            ),
        ] {
            assert_eq!(plain(text).as_deref(), Some(wanted), "{text}");
            assert!(is_address(text));
        }
        for text in [
            "https://civitai.com/models/1",
            "a/b",
            "huggingface.co",
            "./hf.co/a/b",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
        assert!(is_address("https://civitai.com/models/1"));
        assert!(!is_address("a/b"));
        assert_eq!(decoded("100%"), "100%");
    }
}
