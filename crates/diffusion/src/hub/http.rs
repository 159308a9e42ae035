use std::io::Read;

use common::{Error, Result};
use serde_json::Value;
use ureq::config::Config;
use ureq::http::{HeaderMap, Method, Response, Uri};
use ureq::{Agent, Body};

use super::cache::is_safe_name;
use super::id::HubId;
use super::settings::HubSettings;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Longest answer of the API that is read, in bytes.
const MAX_API_LEN: u64 = 32 << 20;
/// How often a request is tried that a busy server refused.
const N_TRIES: u32 = 4;

/// Speaks the hub's protocol.
pub(super) struct Client<'a> {
    agent: Agent,
    settings: &'a HubSettings,
}

/// What the hub says about a revision.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub commit: String,
    /// Names of all files, with `/` between folders.
    pub files: Vec<String>,
}

/// What the hub says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Name of the contents: SHA-256 in hex for large files.
    pub etag: String,
    pub n_bytes: u64,
}

impl Metadata {
    /// The SHA-256 of the contents, where the hub tells it: of files in large-file storage, thus of all weights.
    pub fn sha256(&self) -> Option<&str> {
        let is_sha256 = self.etag.len() == 64 && self.etag.bytes().all(|b| b.is_ascii_hexdigit());
        is_sha256.then_some(&self.etag)
    }
}

impl<'a> Client<'a> {
    pub fn new(settings: &'a HubSettings) -> Self {
        Self::by(settings, Agent::new_with_config)
    }

    /// By the connections of an agent that is made with these settings.
    pub fn by(settings: &'a HubSettings, agent: impl FnOnce(Config) -> Agent) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("visualize/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_connect(Some(settings.timeout))
            .timeout_recv_response(Some(settings.timeout))
            .timeout_per_read(Some(settings.timeout))
            .proxy(None) // each request has its own
            .build();
        Self {
            agent: agent(config),
            settings,
        }
    }

    /// Where a file of a commit is.
    pub fn url(&self, id: &HubId, commit: &str, name: &str) -> String {
        let endpoint = &self.settings.endpoint;
        format!(
            "{endpoint}/{}/resolve/{}/{}",
            id.repository(),
            encode(commit, ""),
            encode(name, "/")
        )
    }

    /// The commit and files of an id's revision.
    pub fn listing(&self, id: &HubId) -> Result<Listing> {
        let endpoint = &self.settings.endpoint;
        let revision = encode(id.revision(), "");
        let url = format!(
            "{endpoint}/api/models/{}/revision/{revision}",
            id.repository()
        );
        let broken = |reason: &str| self.broken(&url, reason);
        let (_, response) = self.follow(&Method::GET, &url, None, id)?;
        let mut text = String::new();
        let mut body = response.into_body().into_reader().take(MAX_API_LEN);
        body.read_to_string(&mut text)
            .map_err(|error| broken(&format!("broke off: {error}")))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| broken(&format!("sent something else than JSON: {error}")))?;
        let commit = value.get("sha").and_then(Value::as_str);
        let commit = commit.filter(|commit| is_safe_name(commit));
        let files = value.get("siblings").and_then(Value::as_array);
        let name = |file: &Value| Some(file.get("rfilename")?.as_str()?.to_owned());
        match (commit, files) {
            (Some(commit), Some(files)) => Ok(Listing {
                commit: commit.to_owned(),
                files: files
                    .iter()
                    .filter_map(name)
                    .filter(|name| is_inside(name))
                    .collect(),
            }),
            (None, _) => Err(broken("names no commit (sha)")),
            (_, None) => Err(broken("lists no files (siblings)")),
        }
    }

    /// Name and size of a file's contents. The hub answers for contents that lie elsewhere; other servers are asked there.
    pub fn metadata(&self, url: &str, id: &HubId) -> Result<Metadata> {
        let (headers, response) = self.follow(&Method::HEAD, url, None, id)?;
        let linked = |name: &str| headers.iter().find_map(|headers| text(headers, name));
        let last = response.headers();
        let etag = linked("x-linked-etag")
            .or_else(|| text(last, "etag"))
            .map(|etag| etag.trim_start_matches("W/").trim_matches('"'))
            .filter(|etag| is_safe_name(etag))
            .ok_or_else(|| self.broken(url, "names no ETag that could be used"))?;
        let n_bytes = linked("x-linked-size")
            .or_else(|| text(last, "content-length"))
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| self.broken(url, "doesn't tell the file's size"))?;
        Ok(Metadata {
            etag: etag.to_owned(),
            n_bytes,
        })
    }

    /// The first `n_bytes` of a file, or all of a shorter one.
    pub fn start_of(&self, url: &str, n_bytes: u64, id: &HubId) -> Result<Vec<u8>> {
        let range = format!("bytes=0-{}", n_bytes.saturating_sub(1));
        let (_, response) = self.follow(&Method::GET, url, Some(range), id)?;
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_reader().take(n_bytes);
        body.read_to_end(&mut bytes)
            .map_err(|error| self.broken(url, &format!("broke off: {error}")))?;
        Ok(bytes)
    }

    /// A file from byte `begin` on, or from its start where the server doesn't know ranges: see the answer's status.
    pub fn get(&self, url: &str, begin: u64, id: &HubId) -> Result<Response<Body>> {
        let range = (begin > 0).then(|| format!("bytes={begin}-"));
        self.follow(&Method::GET, url, range, id)
            .map(|(_, response)| response)
    }

    /// The answer at the end of all redirects, and the headers of each answer on the way. What knows an answer already
    /// (`X-Linked-Etag` and `X-Linked-Size` of a HEAD request) isn't followed further.
    fn follow(
        &self,
        method: &Method,
        url: &str,
        range: Option<String>,
        id: &HubId,
    ) -> Result<(Vec<HeaderMap>, Response<Body>)> {
        let mut url = url.to_owned();
        let mut headers: Vec<HeaderMap> = Vec::new();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(method, &url, range.as_deref())?;
            headers.push(response.headers().clone());
            let knows = |name: &str| headers.iter().any(|headers| headers.contains_key(name));
            let is_known =
                *method == Method::HEAD && knows("x-linked-etag") && knows("x-linked-size");
            let status = response.status();
            if status.is_success() || status.is_redirection() && is_known || status.as_u16() == 416
            {
                return Ok((headers, response));
            }
            let location = text(response.headers(), "location");
            match location.filter(|_| status.is_redirection()) {
                Some(location) => {
                    url = join(&url, location).ok_or_else(|| {
                        self.broken(&url, &format!("leads to {location}, which is no address"))
                    })?;
                }
                None => return Err(self.refused(&url, status.as_u16(), &headers, id)),
            }
        }
        Err(self.broken(&url, "leads in circles"))
    }

    /// One request, tried again while the server is busy.
    fn ask(&self, method: &Method, url: &str, range: Option<&str>) -> Result<Response<Body>> {
        let mut delay = self.settings.retry_delay;
        let proxy = self.settings.proxies.for_url(url)?;
        for try_idx in 1..=N_TRIES {
            let mut request = match *method {
                Method::HEAD => self.agent.head(url),
                _ => self.agent.get(url),
            };
            if let Some(range) = range {
                request = request.header("Range", range);
            }
            // The token is for the hub alone, not for wherever it sends us.
            if let Some(token) = self.settings.token.as_ref().filter(|_| self.is_hub(url)) {
                request = request.header("Authorization", format!("Bearer {}", token.reveal()));
            }
            let response = request
                .config()
                .proxy(proxy.clone())
                .build()
                .call()
                .map_err(|error| self.unreachable(url, &error))?;
            let is_busy = matches!(response.status().as_u16(), 429 | 500 | 502 | 503 | 504);
            if !is_busy || try_idx == N_TRIES {
                return Ok(response);
            }
            std::thread::sleep(delay);
            delay *= 2;
        }
        Err(self.broken(url, "stays busy"))
    }

    fn is_hub(&self, url: &str) -> bool {
        let origin = |url: &str| -> Option<(String, String)> {
            let uri: Uri = url.parse().ok()?;
            Some((
                uri.scheme_str()?.to_owned(),
                uri.authority()?.as_str().to_ascii_lowercase(),
            ))
        };
        origin(url).is_some() && origin(url) == origin(&self.settings.endpoint)
    }

    fn unreachable(&self, url: &str, error: &ureq::Error) -> Error {
        let hint = match self.is_hub(url) {
            true => {
                "check the network (HTTPS_PROXY, HF_ENDPOINT), or copy the model's folder here and give its path"
            }
            false => {
                "check the network; what was downloaded is kept, and the same command resumes there"
            }
        };
        Error::network(url, format!("can't be reached: {error}")).with_hint(hint)
    }

    fn broken(&self, url: &str, reason: &str) -> Error {
        Error::network(url, reason).with_hint("is HF_ENDPOINT a Hugging Face hub?")
    }

    /// The error for a refusal, in the words that the hub gives a code for.
    fn refused(&self, url: &str, status: u16, headers: &[HeaderMap], id: &HubId) -> Error {
        let said = |name: &str| {
            headers
                .iter()
                .find_map(|headers| text(headers, name))
                .unwrap_or_default()
        };
        let endpoint = &self.settings.endpoint;
        let model = id.repository();
        let token_hint = match self.settings.token {
            Some(_) => {
                "check the name; the token (HF_TOKEN, or the file `token` in HF_HOME) may not be allowed to read it"
            }
            None => "check the name; a private model needs a token in HF_TOKEN",
        };
        let refuse =
            |reason: String, hint: &str| Error::weights(id.to_string(), reason).with_hint(hint);
        let is_token_wrong = [
            "Invalid credentials",
            "Invalid username or password",
            "Invalid user token",
        ]
        .iter()
        .any(|words| said("x-error-message").contains(words));
        let has_token = self.settings.token.is_some();
        match (said("x-error-code"), status) {
            (code, 401) if has_token && (is_token_wrong || code.is_empty()) => refuse(
                "the hub doesn't take the token (401): it is wrong, or no longer valid".to_owned(),
                &format!(
                    "make a new one at {endpoint}/settings/tokens and set HF_TOKEN to it (it is read from HF_TOKEN, else from the file `token` in HF_HOME), or ask without one: HF_HUB_DISABLE_IMPLICIT_TOKEN=1"
                ),
            ),
            ("GatedRepo", _) => refuse(
                format!("the hub gives it only to people who accepted its terms ({status})"),
                &format!(
                    "accept them at {endpoint}/{model}, then set HF_TOKEN to a token of that account"
                ),
            ),
            ("RevisionNotFound", _) => refuse(
                format!("the hub has no revision {} of it", id.revision()),
                "give a branch, a tag or a commit, such as owner/name@main",
            ),
            ("EntryNotFound", _) => refuse(
                format!("the hub has no file {url}"),
                "the repository may have changed; try again",
            ),
            ("RepoNotFound", _) => refuse(
                format!("the hub has no such model, or keeps it private ({status})"),
                token_hint,
            ),
            (_, 401) => refuse(
                "the hub has no such model, or keeps it private (401)".to_owned(),
                token_hint,
            ),
            (_, 403) => refuse("the hub forbids the download (403)".to_owned(), token_hint),
            (_, 404) => refuse(
                format!("not found (404): {url}"),
                "check the name and the revision",
            ),
            _ => Error::network(
                url,
                format!(
                    "was refused with status {status} {}",
                    said("x-error-message")
                ),
            )
            .with_hint("try again later; what was downloaded is kept"),
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a file's name leads nowhere else.
fn is_inside(name: &str) -> bool {
    !name.contains('\\') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A path or a part of one in a URL; letters of `kept` stay as they are.
fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if letter.is_ascii_alphanumeric() || "-_.~".contains(letter) || kept.contains(letter) {
            encoded.push(letter);
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

/// The address that a `Location` header means.
fn join(base: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let base: Uri = base.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    match location {
        _ if location.starts_with("//") => Some(format!("{scheme}:{location}")),
        _ if location.starts_with('/') => Some(format!("{scheme}://{authority}{location}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined() {
        let base = "https://hub.test/a/b?c";
        for (location, url) in [
            ("https://cdn.test/x", Some("https://cdn.test/x")),
            ("/api/x?y", Some("https://hub.test/api/x?y")),
            ("//cdn.test/x", Some("https://cdn.test/x")),
            ("file:///etc/passwd", None),
            ("x", None),
        ] {
            assert_eq!(join(base, location).as_deref(), url, "{location}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_seen() {
        for name in ["../x", "a/../x", "/x", "a//b", "a\\b", "."] {
            assert!(!is_inside(name), "{name}");
        }
        assert!(is_inside("unet/config.json"));
        assert_eq!(encode("refs/pr/1", ""), "refs%2Fpr%2F1");
        assert_eq!(encode("a b/ü", "/"), "a%20b/%C3%BC");
    }
}
