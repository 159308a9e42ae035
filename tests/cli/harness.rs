//! Runs the program in a folder of its own and looks at what it leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use visualize::video::ChunkReader;

/// A folder with a short song and a prompts file.
pub struct Bench {
    folder: TempDir,
}

/// What a run said.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Flags that make a film cheap: 64x64 pixels, drawn a quarter as wide as the model likes it, 8 frames a second.
pub const SMALL: [&str; 6] = ["--size", "64x64", "--draw-size", "128x128", "--fps", "8"];

impl Bench {
    /// `song.wav`, 3 seconds of clicks over a tone, and `prompts.txt` with two prompts.
    pub fn new() -> Self {
        let bench = Self {
            folder: TempDir::new().unwrap(),
        };
        write_song(&bench.path("song.wav"), 22050, 1, 3.0);
        bench.write("prompts.txt", b"teal ocean waves\nburning orange flames\n");
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The program, ready to run in the folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_visualize"));
        command
            .current_dir(self.folder.path())
            .args(args)
            .env_remove("RUST_LOG");
        command
    }

    /// The program, begun in the folder; what it reads and says goes through pipes.
    pub fn begin(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::from(self.command(args).output().unwrap())
    }

    /// The encoded frames of the film NAME.mp4, from its chunks. The files hold the time that drawing took as well.
    pub fn encoded_frames(&self, name: &str) -> Vec<Vec<u8>> {
        let folder = self.path(&format!("{name}.visualize"));
        let mut chunks: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "chunk"))
            .collect();
        chunks.sort();
        let mut frames = Vec::new();
        for chunk in chunks {
            let mut reader = ChunkReader::open(chunk).unwrap();
            let mut frame = Vec::new();
            while reader.read_sample(&mut frame).unwrap() {
                frames.push(frame.clone());
            }
        }
        frames
    }

    /// Renders `song` with `prompts.txt` and the cheap flags, plus `more`.
    pub fn film(&self, song: &str, more: &[&str]) -> Run {
        let mut args = vec![song, "--prompts", "prompts.txt"];
        args.extend(SMALL);
        args.extend(more);
        self.run(&args)
    }

    /// Plans `song.wav` with `prompts.txt` and the cheap flags, plus `more`, into `out`.
    #[track_caller]
    pub fn plan(&self, out: &str, more: &[&str]) {
        let mut args = vec!["plan", "song.wav", "--prompts", "prompts.txt", "-o", out];
        args.extend(SMALL);
        args.extend(more);
        self.run(&args).assert_done();
    }

    /// Asserts that a run was refused with exit code 2, said each of `words`, and left no film behind.
    #[track_caller]
    pub fn assert_refused(&self, run: &Run, words: &[&str]) {
        assert_eq!(
            run.code, 2,
            "stdout: {}\nstderr: {}",
            run.stdout, run.stderr
        );
        assert!(
            run.stderr.starts_with("error: ") || run.stderr.contains("\nerror: "),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?} in:\n{}", run.stderr);
        }
        let films: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".mp4"))
            .collect();
        assert!(films.is_empty(), "left behind: {films:?}");
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    #[track_caller]
    pub fn assert_done(&self) -> &Self {
        assert_eq!(
            self.code, 0,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.stdout))
    }
}

/// A 16-bit WAV of a soft tone with a click every half second.
pub fn write_song(path: &Path, sample_rate_hz: u32, n_channels: u16, duration_secs: f64) {
    let spec = hound::WavSpec {
        channels: n_channels,
        sample_rate: sample_rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let n_samples = (duration_secs * f64::from(sample_rate_hz)) as u64;
    for i in 0..n_samples {
        let time = i as f64 / f64::from(sample_rate_hz);
        let since_click = time % 0.5;
        let click = (-since_click / 0.02).exp() * (since_click * 9000.0).sin();
        let tone = 0.1 * (std::f64::consts::TAU * 220.0 * time).sin();
        for _ in 0..n_channels {
            writer
                .write_sample(((0.6 * click + tone) * 32767.0) as i16)
                .unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// A 32-bit float WAV of the given samples, one channel.
pub fn write_float_song(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22050,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
}
