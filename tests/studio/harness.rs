//! A studio in a folder of its own, and a plain HTTP client that can also say what no browser would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest time that anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Settings that make a film cheap: 64x64 pixels, drawn a quarter as wide as the model likes it, 8 frames a second.
pub const SMALL: &str =
    r#"{"size":{"width":64,"height":64},"draw_size":{"width":128,"height":128},"fps":"8"}"#;
/// The same as flags.
pub const SMALL_FLAGS: [&str; 6] = ["--size", "64x64", "--draw-size", "128x128", "--fps", "8"];

/// The prompts of the bench's song.
pub const PROMPTS: &str = "# ours\nteal ocean waves\nburning orange flames\n";

/// A file of the bench's folder as text.
pub fn text(bench: &Bench, name: &str) -> String {
    String::from_utf8(bench.read(name)).unwrap()
}

/// A folder with a song, and the studio that runs in it.
pub struct Bench {
    folder: TempDir,
    program: Option<Child>,
    pub port: u16,
    token: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Bench {
    /// A running studio in a folder with `song.wav`, 3 seconds of clicks over a tone, with prompts and cheap settings.
    pub fn new() -> Self {
        Self::with_song(3.0)
    }

    pub fn with_song(duration_secs: f64) -> Self {
        let mut bench = Self {
            folder: TempDir::new().unwrap(),
            program: None,
            port: 0,
            token: String::new(),
        };
        write_song(&bench.path("song.wav"), duration_secs);
        bench.write("prompts.txt", PROMPTS);
        bench.write("song.settings.json", SMALL);
        bench.start();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of all files in the folder.
    pub fn names(&self) -> Vec<String> {
        let entries = self.folder.path().read_dir().unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_visualize"));
        command.current_dir(self.folder.path()).args(args);
        command
    }

    pub fn start(&mut self) {
        let first = 10_000 + (std::process::id() % 400) * 100;
        let mut program = self
            .command(&["studio", "--no-open", "--port", &first.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut link = String::new();
        BufReader::new(program.stdout.take().unwrap())
            .read_line(&mut link)
            .unwrap();
        let link = link
            .trim()
            .strip_prefix("http://127.0.0.1:")
            .unwrap_or_else(|| panic!("{link}"));
        let (port, token) = link.split_once("/?token=").unwrap();
        (self.port, self.token) = (port.parse().unwrap(), token.to_owned());
        self.program = Some(program);
    }

    /// Ends the program as a power cut does.
    pub fn kill(&mut self) {
        let mut program = self.program.take().unwrap();
        program.kill().unwrap();
        program.wait().unwrap();
    }

    /// Ends the program by Ctrl-C; how long that took.
    #[cfg(unix)]
    pub fn interrupt(&mut self) -> Duration {
        let started = Instant::now();
        let mut program = self.program.take().unwrap();
        let kill = Command::new("kill")
            .args(["-INT", &program.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        program.wait().unwrap();
        started.elapsed()
    }

    pub fn link_path(&self) -> String {
        format!("/?token={}", self.token)
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn cookie(&self) -> String {
        format!("visualize_{}={}", self.port, self.token)
    }

    /// A request with exactly these headers besides its length.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.send(method, path, headers, body);
        let mut bytes = Vec::new();
        // A server that refuses a body may close before all of it is sent.
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let has_length = headers.iter().any(|(name, _)| *name == "content-length");
        if !has_length && (!body.is_empty() || method != "GET") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        let _ = stream.write_all(body);
        stream
    }

    /// A request as our page makes it, with further headers.
    pub fn ask_with(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let (host, cookie) = (self.host(), self.cookie());
        let origin = format!("http://{host}");
        let mut headers = vec![
            ("host", host.as_str()),
            ("cookie", &cookie),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
        ];
        headers.extend(more);
        self.raw(method, path, &headers, body)
    }

    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.ask_with(method, path, &[], body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, b"")
    }

    #[track_caller]
    pub fn get_json(&self, path: &str) -> Value {
        self.get(path).assert(200).json()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, body.to_string().as_bytes())
    }

    /// The song once it is heard.
    pub fn heard(&self) -> Value {
        self.wait("the song is heard", || {
            let song = self.get_json("/api/songs/song.wav");
            (song["phase"] != "analyzing").then_some(song)
        })
    }

    /// The newest plan, once it is calibrated.
    pub fn calibrated(&self) -> Value {
        self.heard();
        self.wait("a calibrated plan", || {
            let answer = self.get("/api/songs/song.wav/plan");
            let plan = (answer.status == 200).then(|| answer.json())?;
            (plan["is_calibrated"] == true).then_some(plan)
        })
    }

    pub fn hash(&self, document: &str) -> Value {
        self.get_json("/api/songs/song.wav")[document]["hash"].clone()
    }

    /// Changes prompts by an edit.
    #[track_caller]
    pub fn edit(&self, document: &str, edit: Value) -> Answer {
        let base = self.hash(document);
        let path = format!("/api/songs/song.wav/{document}");
        self.post(&path, json!({"base": base, "edit": edit}))
    }

    /// A new job; its number.
    #[track_caller]
    pub fn job(&self, kind: &str) -> u64 {
        let job = self.post("/api/jobs", json!({"song": "song.wav", "kind": kind}));
        job.assert(200).json()["id"].as_u64().unwrap()
    }

    /// A job as it is now.
    pub fn job_now(&self, id: u64) -> Value {
        let state = self.get_json("/api/state");
        let jobs = state["jobs"].as_array().unwrap();
        jobs.iter()
            .find(|job| job["id"] == id)
            .unwrap_or_else(|| panic!("no job {id}"))
            .clone()
    }

    /// A job once it has a phase.
    #[track_caller]
    pub fn job_in(&self, id: u64, phase: &str) -> Value {
        self.wait(phase, || {
            let job = self.job_now(id);
            assert!(job["phase"] != "failed" || phase == "failed", "{job}");
            (job["phase"] == phase).then_some(job)
        })
    }

    #[track_caller]
    pub fn wait<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = find() {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain for: {what}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The stream of events.
    pub fn events(&self) -> Events {
        let (host, cookie) = (self.host(), self.cookie());
        let headers = [("host", host.as_str()), ("cookie", &cookie)];
        Events(BufReader::new(self.send(
            "GET",
            "/api/events",
            &headers,
            b"",
        )))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// Events, one after the other.
pub struct Events(BufReader<TcpStream>);

impl Iterator for Events {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Self {
            status,
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn assert(&self, status: u16) -> &Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// A 16-bit WAV of a soft tone with a click every half second.
pub fn write_song(path: &std::path::Path, duration_secs: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..(duration_secs * 22050.0) as u64 {
        let time = i as f64 / 22050.0;
        let since_click = time % 0.5;
        let click = (-since_click / 0.02).exp() * (since_click * 9000.0).sin();
        let tone = 0.1 * (std::f64::consts::TAU * 220.0 * time).sin();
        writer
            .write_sample(((0.6 * click + tone) * 32767.0) as i16)
            .unwrap();
    }
    writer.finalize().unwrap();
}
