//! A server that speaks the hub's protocol: the model API, `resolve` with its headers, and redirects to a second origin
//! where large files lie.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use sha2::{Digest, Sha256};

/// The commit that `main` stands at.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The running server; it ends with the process.
#[derive(Clone)]
pub struct Server {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

/// What is served, and how badly.
#[derive(Default)]
pub struct State {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Answers that refuse: status and `X-Error-Code`.
    pub refusal: Option<(u16, &'static str)>,
    /// The token without which nothing is given.
    pub token: Option<&'static str>,
    /// The next answers with large contents end after so many bytes.
    pub cuts: VecDeque<usize>,
    /// The next requests are refused as busy.
    pub n_busy: usize,
    /// Large contents differ in one byte from what their hash says.
    pub is_corrupt: bool,
    /// Ranges are ignored.
    pub has_no_ranges: bool,
    /// What the API answers instead.
    pub listing: Option<String>,
    /// What a file's HEAD answer says instead.
    pub headers: Vec<(&'static str, String)>,
    /// Everything that was asked.
    pub log: Vec<Request>,
    cdn: String,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// First byte of the range, if one is asked for.
    pub range: Option<u64>,
    /// Byte after its last, if it has an end.
    pub end: Option<usize>,
    pub authorization: Option<String>,
    pub is_cdn: bool,
}

impl Server {
    /// Serves a model folder as the repository `owner/name`.
    pub fn new(folder: &Path) -> Self {
        let state = Arc::new(Mutex::new(State {
            files: files_of(folder),
            ..State::default()
        }));
        let cdn = listen(&state, true);
        state.lock().unwrap().cdn = cdn;
        Self {
            endpoint: listen(&state, false),
            state,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Requests since the last call.
    pub fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().log)
    }
}

impl State {
    pub fn rename(&mut self, from: &str, to: &str) {
        let bytes = self.files.remove(from).unwrap();
        self.files.insert(to.to_owned(), bytes);
    }
}

/// All files of a folder and of its folders, but for those that the model is trained with.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "training" {
            continue;
        }
        if path.is_dir() {
            let inner = files_of(&path).into_iter();
            files.extend(inner.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

fn listen(state: &Arc<Mutex<State>>, is_cdn: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            std::thread::spawn(move || serve(&stream, &state, is_cdn));
        }
    });
    origin
}

/// Answers the requests of one connection, until it is closed or an answer is cut.
fn serve(stream: &TcpStream, state: &Mutex<State>, is_cdn: bool) {
    let mut lines = BufReader::new(stream);
    while let Some(request) = read_request(&mut lines, is_cdn) {
        let answer = {
            let mut state = state.lock().unwrap();
            state.log.push(request.clone());
            answer(&mut state, &request)
        };
        let mut out = stream;
        let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !answer
            .headers
            .iter()
            .any(|(name, _)| *name == "Content-Length")
        {
            head += &format!("Content-Length: {}\r\n", answer.body.len());
        }
        let body = match request.method.as_str() {
            "HEAD" => &[],
            _ => &answer.body[..answer.cut.unwrap_or(answer.body.len())],
        };
        let is_sent = out
            .write_all((head + "\r\n").as_bytes())
            .and_then(|()| out.write_all(body));
        if is_sent.is_err() || answer.cut.is_some() {
            return;
        }
    }
}

fn read_request(lines: &mut impl BufRead, is_cdn: bool) -> Option<Request> {
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        range: None,
        end: None,
        authorization: None,
        is_cdn,
    };
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Some(request);
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let (begin, end) = value
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                request.range = Some(begin.parse().unwrap());
                request.end = end.parse::<usize>().ok().map(|last| last + 1);
            }
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
}

fn answer(state: &mut State, request: &Request) -> Answer {
    let plain = |status| Answer {
        status,
        ..Answer::default()
    };
    let coded = |status, code: &str| Answer {
        headers: vec![("X-Error-Code", code.to_owned())],
        ..plain(status)
    };
    if state.n_busy > 0 {
        state.n_busy -= 1;
        return plain(503);
    }
    let path = request.path.split('?').next().unwrap();
    if request.is_cdn {
        return contents(state, path.trim_start_matches('/'), request);
    }
    if let Some((status, code)) = state.refusal {
        return coded(status, code);
    }
    let given = request.authorization.as_deref();
    if let Some(token) = state
        .token
        .filter(|token| given != Some(&format!("Bearer {token}")))
    {
        return coded(
            if given.is_some() { 403 } else { 401 },
            if token == "gate" { "GatedRepo" } else { "" },
        );
    }
    if let Some(revision) = path.strip_prefix("/api/models/owner/name/revision/") {
        return match revision {
            "main" | COMMIT | "refs%2Fpr%2F1" => {
                let siblings: Vec<_> = state
                    .files
                    .keys()
                    .map(|name| serde_json::json!({"rfilename": name}))
                    .collect();
                let listing =
                    serde_json::json!({"id": "owner/name", "sha": COMMIT, "siblings": siblings});
                Answer {
                    body: state
                        .listing
                        .clone()
                        .unwrap_or_else(|| listing.to_string())
                        .into_bytes(),
                    ..plain(200)
                }
            }
            _ => coded(404, "RevisionNotFound"),
        };
    }
    if let Some(name) = path.strip_prefix("/api/resolve-cache/") {
        return contents(state, name, request);
    }
    let Some(rest) = path.strip_prefix("/owner/name/resolve/") else {
        return coded(404, "RepoNotFound");
    };
    let Some((name, bytes)) = rest
        .split_once('/')
        .filter(|(commit, _)| *commit == COMMIT)
        .and_then(|(_, name)| Some((name, state.files.get(name)?)))
    else {
        return coded(404, "EntryNotFound");
    };
    let mut headers = vec![("X-Repo-Commit", COMMIT.to_owned())];
    if !name.ends_with(".safetensors") {
        headers.push(("Location", format!("/api/resolve-cache/{name}")));
        return Answer {
            headers,
            ..plain(307)
        };
    }
    headers.push(("Location", format!("{}/{name}?signature=x", state.cdn)));
    match state.headers.is_empty() {
        true => {
            headers.push(("X-Linked-Etag", format!("\"{}\"", sha256(bytes))));
            headers.push(("X-Linked-Size", bytes.len().to_string()));
        }
        false => headers.extend(state.headers.clone()),
    }
    Answer {
        headers,
        body: b"Found. Redirecting".to_vec(),
        ..plain(302)
    }
}

/// A file's bytes, with an ETag as small files have it.
fn contents(state: &mut State, name: &str, request: &Request) -> Answer {
    let Some(bytes) = state.files.get(name) else {
        return Answer {
            status: 404,
            ..Answer::default()
        };
    };
    let mut bytes = bytes.clone();
    let mut headers = vec![("ETag", format!("W/\"{}\"", &sha256(&bytes)[..40]))];
    if state.is_corrupt && request.is_cdn {
        bytes[1000] ^= 1;
    }
    let n_bytes = bytes.len();
    let begin = request.range.filter(|_| !state.has_no_ranges);
    if let Some(begin) = begin {
        headers.push((
            "Content-Range",
            format!("bytes {begin}-{}/{n_bytes}", n_bytes - 1),
        ));
        bytes.truncate(request.end.unwrap_or(n_bytes));
        bytes.drain(..(begin as usize).min(bytes.len()));
    }
    if request.method == "HEAD" {
        headers.push(("Content-Length", n_bytes.to_string()));
        bytes.clear();
    }
    Answer {
        status: if begin.is_some() { 206 } else { 200 },
        headers,
        cut: if request.is_cdn && request.method == "GET" {
            state.cuts.pop_front()
        } else {
            None
        },
        body: bytes,
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
