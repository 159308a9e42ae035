use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Error, Result};

use super::proxy::Proxies;

/// The hub itself.
const ENDPOINT: &str = "https://huggingface.co";

/// Where the hub and its cache are, and who asks: what Python's `huggingface_hub` reads from the same variables.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The cache's folder: `$HF_HUB_CACHE`, else `hub` in `$HF_HOME`, else in `huggingface` in `$XDG_CACHE_HOME` or
    /// `~/.cache`. `None` where no home is known.
    pub cache: Option<PathBuf>,
    /// `$HF_ENDPOINT`, without a slash at its end.
    pub endpoint: String,
    /// `$HF_TOKEN`, else what the file `$HF_TOKEN_PATH` or `$HF_HOME/token` holds.
    pub token: Option<Token>,
    /// `$HF_HUB_OFFLINE`: nothing is asked of the network.
    pub is_offline: bool,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Longest silence of a server, `$HF_HUB_DOWNLOAD_TIMEOUT` in seconds.
    pub timeout: Duration,
    /// Wait before a failed request is tried again; doubled each time.
    pub retry_delay: Duration,
}

/// A secret that isn't printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token; surrounding blanks are dropped. `None` for an empty one, and for one that can't stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_sound = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        is_sound.then(|| Self(text.to_owned()))
    }

    /// The secret.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl HubSettings {
    /// The settings of this process's environment.
    pub fn from_env() -> Self {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// The settings that environment variables give; `var` looks one up.
    pub fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            let value = var(name).and_then(|value| value.into_string().ok());
            value.filter(|value| !value.is_empty())
        };
        let is_true = |name: &str| text(name).is_some_and(|value| is_true(&value));
        let user = ["HOME", "USERPROFILE"].into_iter().find_map(&var);
        let user = user.map(PathBuf::from);
        let path = |name: &str| {
            let value = var(name).filter(|value| !value.is_empty())?;
            Some(expand(Path::new(&value), user.as_deref()))
        };
        let home = path("HF_HOME").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(user.as_ref()?.join(".cache")))?;
            Some(caches.join("huggingface"))
        });
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(home.as_ref()?.join("hub")));
        let token_file = path("HF_TOKEN_PATH").or_else(|| Some(home.as_ref()?.join("token")));
        let token = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
            .into_iter()
            .find_map(|name| Token::new(&text(name)?))
            .or_else(|| Token::new(&std::fs::read_to_string(token_file?).ok()?))
            .filter(|_| !is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let timeout_secs = text("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|secs| secs.parse().ok());
        Self {
            cache,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            proxies: Proxies::from_vars(text),
            is_offline: is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE"),
            timeout: Duration::from_secs(timeout_secs.unwrap_or(10).clamp(1, 3600)),
            retry_delay: Duration::from_secs(1),
        }
    }

    /// The cache's folder.
    ///
    /// # Errors
    /// [`Error::Weights`] where none is known.
    pub fn cache(&self) -> Result<&Path> {
        self.cache.as_deref().ok_or_else(|| {
            Error::weights("models of the hub", "no folder is known to keep them in")
                .with_hint("set HF_HOME to a folder")
        })
    }
}

/// `~/x` in the user's home.
fn expand(path: &Path, user: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user) {
        (Ok(rest), Some(user)) => user.join(rest),
        _ => path.to_owned(),
    }
}

fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> HubSettings {
        let find = |name: &str| vars.iter().find(|(known, _)| *known == name);
        HubSettings::from_vars(|name| find(name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (vars, cache) in [
            (&[("HOME", "/u")][..], "/u/.cache/huggingface/hub"),
            (
                &[("HOME", "/u"), ("XDG_CACHE_HOME", "/c")],
                "/c/huggingface/hub",
            ),
            (&[("HOME", "/u"), ("HF_HOME", "/h")], "/h/hub"),
            (&[("HOME", "/u"), ("HF_HOME", "~/h")], "/u/h/hub"),
            (&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/x")], "/x"),
            (&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "")], "/h/hub"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
        ] {
            assert_eq!(
                settings(vars).cache().unwrap(),
                Path::new(cache),
                "{vars:?}"
            );
        }
        assert!(settings(&[]).cache().is_err());
    }

    #[test]
    fn endpoint_and_offline_mode() {
        let plain = settings(&[]);
        assert_eq!(plain.endpoint, ENDPOINT);
        assert!(!plain.is_offline);
        let other = settings(&[("HF_ENDPOINT", "http://x:1/"), ("HF_HUB_OFFLINE", "yes")]);
        assert_eq!(other.endpoint, "http://x:1");
        assert!(other.is_offline);
        assert!(!settings(&[("HF_HUB_OFFLINE", "0")]).is_offline);
    }

    #[test]
    fn the_token_comes_from_its_variable_else_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = ("HF_HOME", folder.path().to_str().unwrap());
        let token = |vars: &[(&str, &str)]| settings(vars).token.map(|token| token.0);
        assert_eq!(token(&[home]).as_deref(), Some("hf_file"));
        assert_eq!(
            token(&[home, ("HF_TOKEN", " hf_env ")]).as_deref(),
            Some("hf_env")
        );
        assert_eq!(token(&[home, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(token(&[("HF_TOKEN", "a\nb")]), None);
        assert!(!format!("{:?}", settings(&[home])).contains("hf_file"));
    }
}
