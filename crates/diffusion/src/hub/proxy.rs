//! Which proxy a request goes through, by the environment variables that curl knows.

use common::{Error, Result};
use ureq::Proxy;
use ureq::http::Uri;

/// The proxies of an environment, as they are written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://`: the variable's name and its value.
    pub http: Option<(String, String)>,
    /// For `https://`.
    pub https: Option<(String, String)>,
    /// Hosts that are asked directly, with commas between them.
    pub excluded: String,
}

impl Proxies {
    /// The proxies that environment variables give; `var` looks one up. A variable in lower case wins over the same in upper case,
    /// and each scheme's own over that for all.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 4]| {
            let mut names = names.into_iter();
            names.find_map(|name| Some((name.to_owned(), var(name)?)))
        };
        let all = ["all_proxy", "ALL_PROXY"];
        Self {
            http: first(["http_proxy", "HTTP_PROXY", all[0], all[1]]),
            https: first(["https_proxy", "HTTPS_PROXY", all[0], all[1]]),
            excluded: var("no_proxy")
                .or_else(|| var("NO_PROXY"))
                .unwrap_or_default(),
        }
    }

    /// The proxy for an address; none if it is asked directly.
    ///
    /// # Errors
    /// [`Error::Network`] for a proxy that can't be used, such as one that speaks SOCKS.
    pub(super) fn for_url(&self, url: &str) -> Result<Option<Proxy>> {
        let uri: Option<Uri> = url.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let chosen = match uri.as_ref().and_then(Uri::scheme_str) {
            Some("https") => &self.https,
            _ => &self.http,
        };
        let Some((name, value)) = chosen.as_ref().filter(|_| !self.excludes(host)) else {
            return Ok(None);
        };
        let wrong = |reason: &str| {
            // The address without the password that may stand in it.
            let shown = match (value.split_once("://"), value.rsplit_once('@')) {
                (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
                (None, Some((_, host))) => host.to_owned(),
                _ => value.clone(),
            };
            Error::network(url, format!("{name}={shown} {reason}")).with_hint(format!(
                "set {name} to a proxy with an http:// address, or unset it"
            ))
        };
        let scheme = value
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.is_some_and(|scheme| scheme.starts_with("socks")) {
            return Err(wrong("is a SOCKS proxy, which can't be used"));
        }
        let proxy = Proxy::new(value);
        proxy
            .map(Some)
            .map_err(|_| wrong("is no address of a proxy"))
    }

    /// `example.com` stands for itself and all below it; `*` for all hosts.
    fn excludes(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        self.excluded.split([',', ' ']).any(|entry| {
            let entry = entry
                .trim()
                .trim_start_matches("*.")
                .trim_start_matches('.');
            let entry = entry.to_ascii_lowercase();
            let below = host
                .strip_suffix(&entry)
                .is_some_and(|rest| rest.ends_with('.'));
            entry == "*" || (!entry.is_empty() && (host == entry || below))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// The proxy's host for an address.
    fn host(vars: &[(&str, &str)], url: &str) -> Option<String> {
        let proxy = proxies(vars).for_url(url).unwrap();
        proxy.map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn each_scheme_has_its_own_proxy() {
        let (http, https) = ("http://hub.test/a", "https://hub.test/a");
        let p = "http://p:1";
        for (vars, for_http, for_https) in [
            (&[][..], None, None),
            (&[("HTTPS_PROXY", p)], None, Some("p")),
            (&[("http_proxy", p)], Some("p"), None),
            (&[("HTTP_PROXY", p)], Some("p"), None),
            (&[("ALL_PROXY", p)], Some("p"), Some("p")),
            (
                &[("ALL_PROXY", p), ("https_proxy", "q:2")],
                Some("p"),
                Some("q"),
            ),
            (
                &[("ALL_PROXY", p), ("NO_PROXY", "x, .hub.test")],
                None,
                None,
            ),
            (&[("ALL_PROXY", p), ("NO_PROXY", "test")], None, None),
            (&[("ALL_PROXY", p), ("NO_PROXY", "*")], None, None),
            (
                &[("ALL_PROXY", p), ("NO_PROXY", "b.test")],
                Some("p"),
                Some("p"),
            ),
        ] {
            assert_eq!(host(vars, http).as_deref(), for_http, "{vars:?}");
            assert_eq!(host(vars, https).as_deref(), for_https, "{vars:?}");
        }
    }

    #[test]
    fn socks_is_refused_without_its_password() {
        for (name, value) in [
            ("ALL_PROXY", "socks5://me:secret@p:1"),
            ("HTTPS_PROXY", "SOCKS5h://p:1"),
            ("HTTPS_PROXY", "http://"),
        ] {
            let error = proxies(&[(name, value)])
                .for_url("https://hub.test/")
                .unwrap_err();
            let text = format!("{error} {}", error.hint().unwrap_or_default());
            assert!(text.contains(name) && !text.contains("secret"), "{text}");
            assert!(text.contains("http://"), "{text}");
        }
        // What isn't used isn't judged.
        let vars = [("HTTPS_PROXY", "socks5://p:1")];
        assert_eq!(host(&vars, "http://hub.test/"), None);
    }
}
