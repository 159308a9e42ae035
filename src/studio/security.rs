//! Who may talk to the studio: pages that this program's own link has opened, in browsers of this machine.
//!
//! Other web pages in the same browser can send requests to 127.0.0.1, too. What keeps them out:
//!
//! | check | against | answer |
//! |---|---|---|
//! | `Host` is ours | names of others that resolve to 127.0.0.1 (DNS rebinding) | 403 |
//! | `Sec-Fetch-Site` is `same-origin` or `none` | requests of other pages, where the browser tells | 403 |
//! | `Origin` is ours for methods that change something | the same, in every browser | 403 |
//! | a cookie with the token of the link | other users and programs of this machine | 401 |
//!
//! The cookie is named by the port, so that two studios don't take each other's place; `SameSite=Strict` keeps it from requests
//! of other pages as well.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::hex::hex;
use common::{Error, Result};

use super::answer::Refused;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// What a page may load: our own files alone. Pictures and sound also from blobs, which scripts of ours make.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"), // for browsers that don't know frame-ancestors
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Tells our pages from others.
pub struct Guard {
    port: u16,
    token: String,
}

impl Guard {
    /// For a server on a port, with a new token.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no random numbers.
    pub fn new(port: u16) -> Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::internal(format!("the system gives no random numbers: {error}"))
        })?;
        Ok(Self {
            port,
            token: hex(&bytes),
        })
    }

    /// The link that opens the page.
    pub fn link(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    fn cookie_name(&self) -> String {
        format!("visualize_{}", self.port)
    }

    /// The cookie for who came with the link's token.
    fn cookie(&self) -> String {
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie_name(),
            self.token
        )
    }

    fn is_our_host(&self, host: &str) -> bool {
        ["127.0.0.1", "localhost"]
            .iter()
            .any(|name| host.eq_ignore_ascii_case(&format!("{name}:{}", self.port)))
    }

    /// Whether the request may be answered, its cookie aside.
    fn check_source(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let hosts = headers.get_all(header::HOST).iter().count();
        if hosts != 1 || !text(header::HOST).is_some_and(|host| self.is_our_host(host)) {
            return Err(foreign("the request names another host"));
        }
        let site = text(HeaderName::from_static("sec-fetch-site"));
        if !site.is_none_or(|site| ["same-origin", "none"].contains(&site)) {
            return Err(foreign("the request comes from another page"));
        }
        if *method == Method::GET || *method == Method::HEAD {
            return Ok(());
        }
        let origin = text(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        match origin.is_some_and(|host| self.is_our_host(host)) {
            true => Ok(()),
            false => Err(foreign("a change must come from the studio's own page")),
        }
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let prefix = format!("{}=", self.cookie_name());
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(&prefix))
            .any(|token| self.is_token(token))
    }

    /// Compares all bytes, so that the time it takes tells nothing.
    fn is_token(&self, given: &str) -> bool {
        let (given, own) = (given.as_bytes(), self.token.as_bytes());
        let differing = given.iter().zip(own).fold(0, |sum, (a, b)| sum | (a ^ b));
        given.len() == own.len() && differing == 0
    }
}

fn foreign(reason: &str) -> Refused {
    Refused::new(StatusCode::FORBIDDEN, reason)
}

/// Lets requests of our pages through, turns the link's token into the cookie, and puts our headers on every answer.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = answer(&guard, request, next).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

async fn answer(guard: &Guard, request: Request, next: Next) -> Response {
    if let Err(refused) = guard.check_source(request.method(), request.headers()) {
        return refused.into_response();
    }
    if let Some(token) = token_of(&request) {
        return match guard.is_token(token) {
            true => welcome(guard),
            false => stranger(&request),
        };
    }
    match guard.has_cookie(request.headers()) {
        true => next.run(request).await,
        false => stranger(&request),
    }
}

/// The token of the opening link.
fn token_of(request: &Request) -> Option<&str> {
    let is_opening = request.method() == Method::GET && request.uri().path() == "/";
    let query = request.uri().query().filter(|_| is_opening)?;
    query
        .split('&')
        .find_map(|part| part.strip_prefix("token="))
}

/// Sets the cookie and leads to the page without the token in its address.
fn welcome(guard: &Guard) -> Response {
    let headers = [
        (header::LOCATION, "/".to_owned()),
        (header::SET_COOKIE, guard.cookie()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// What those get who have no cookie: a page for people, JSON for scripts.
fn stranger(request: &Request) -> Response {
    let refused = Refused::new(
        StatusCode::UNAUTHORIZED,
        "this page was not opened by the program's link",
    )
    .with_hint(
        "open the link that `visualize studio` printed in the terminal; each start has its own",
    );
    if request.uri().path().starts_with("/api/") {
        return refused.into_response();
    }
    const PAGE: &str = include_str!("stranger.html");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::UNAUTHORIZED, headers, Body::from(PAGE)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn our_hosts_alone_are_let_in() {
        let guard = Guard::new(4000).unwrap();
        for (host, is_ours) in [
            ("127.0.0.1:4000", true),
            ("LOCALHOST:4000", true),
            ("127.0.0.1", false),
            ("127.0.0.1:4001", false),
            ("evil.example:4000", false),
            ("127.0.0.1:4000.evil.example", false),
            ("", false),
        ] {
            let found = guard.check_source(&Method::GET, &headers(&[("host", host)]));
            assert_eq!(found.is_ok(), is_ours, "{host}");
        }
        let two = headers(&[("host", "127.0.0.1:4000"), ("host", "evil.example")]);
        assert!(guard.check_source(&Method::GET, &two).is_err());
        assert!(guard.check_source(&Method::GET, &HeaderMap::new()).is_err());
    }

    #[test]
    fn changes_need_our_origin() {
        let guard = Guard::new(4000).unwrap();
        for (origin, is_ours) in [
            ("http://127.0.0.1:4000", true),
            ("http://localhost:4000", true),
            ("https://127.0.0.1:4000", false),
            ("http://127.0.0.1:4001", false),
            ("null", false),
        ] {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
                let lines = headers(&[("host", "127.0.0.1:4000"), ("origin", origin)]);
                assert_eq!(
                    guard.check_source(&method, &lines).is_ok(),
                    is_ours,
                    "{method} {origin}"
                );
            }
        }
        let lines = headers(&[("host", "127.0.0.1:4000")]);
        assert!(guard.check_source(&Method::POST, &lines).is_err());
    }

    #[test]
    fn the_token_is_the_whole_token() {
        let guard = Guard::new(4000).unwrap();
        let other = Guard::new(4000).unwrap();
        assert_ne!(guard.token, other.token);
        assert!(guard.is_token(&guard.token));
        assert!(!guard.is_token(&guard.token[1..]));
        assert!(!guard.is_token(""));
        assert!(!guard.is_token(&other.token));
        let cookie = format!("a=b; visualize_4000={}", guard.token);
        assert!(guard.has_cookie(&headers(&[("cookie", &cookie)])));
        let foreign = format!("visualize_4001={}", guard.token);
        assert!(!guard.has_cookie(&headers(&[("cookie", &foreign)])));
    }
}
