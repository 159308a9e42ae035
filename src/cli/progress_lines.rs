//! Progress for programs that read it: a line for each event on stderr.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visualize::diffusion::hub::DownloadEvent;
use visualize::pipeline::Event;

use super::args::{OutputArgs, ProgressFormat};
use super::terminal::say;
use super::wording::with_flags;

/// Time between two lines that count.
const INTERVAL: Duration = Duration::from_secs(1);

/// Turns a run's events into lines.
pub struct ProgressLines {
    format: ProgressFormat,
    is_quiet: bool,
    n_frames: u64,
    /// When a line last counted something.
    counted: Option<Instant>,
}

impl ProgressLines {
    /// Says nothing until the first event.
    pub fn new(format: ProgressFormat, output: OutputArgs) -> Self {
        Self {
            format,
            is_quiet: output.quiet,
            n_frames: 0,
            counted: None,
        }
    }

    /// Tells an event.
    pub fn event(&mut self, event: Event<'_>) {
        if self.is_quiet {
            return;
        }
        match self.format {
            ProgressFormat::Openjd => self.openjd(event),
            ProgressFormat::Jsonl | ProgressFormat::Bar => self.json(event),
        }
    }

    fn json(&mut self, event: Event<'_>) {
        let line: Value = match event {
            Event::Note(text) => json!({"event": "note", "text": with_flags(text)}),
            Event::Rendering { n_frames, n_done } => {
                self.n_frames = n_frames;
                json!({"event": "rendering", "n_frames": n_frames, "n_done": n_done})
            }
            Event::Estimate {
                secs,
                frames_per_second,
            } => json!({"event": "estimate", "secs": secs, "frames_per_second": frames_per_second}),
            Event::Frames { n_done, .. } if self.is_time(n_done == self.n_frames) => {
                json!({"event": "frames", "n_frames": self.n_frames, "n_done": n_done})
            }
            Event::Download(DownloadEvent::Bytes {
                name,
                n_done,
                n_bytes,
            }) if self.is_time(n_done == n_bytes) => {
                json!({"event": "download", "name": name, "n_bytes": n_bytes, "n_done": n_done})
            }
            _ => return,
        };
        // A reader that has gone ends no run.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn openjd(&mut self, event: Event<'_>) {
        match event {
            Event::Note(text) => status(&with_flags(text)),
            Event::Rendering { n_frames, n_done } => {
                self.n_frames = n_frames;
                status(&format!("{n_done} of {n_frames} frames are finished"));
                self.percent(n_done);
            }
            Event::Frames { n_done, .. } if self.is_time(n_done == self.n_frames) => {
                self.percent(n_done);
            }
            Event::Download(DownloadEvent::Begin { id, .. }) => {
                status(&format!("loading {id} from the hub"));
            }
            _ => {}
        }
    }

    fn percent(&self, n_done: u64) {
        let percent = 100.0 * n_done as f64 / self.n_frames.max(1) as f64;
        say(&format!("openjd_progress: {percent:.1}"));
    }

    /// Whether a line may count again: once in a while, and at the end.
    fn is_time(&mut self, is_last: bool) -> bool {
        let is_time = is_last || self.counted.is_none_or(|last| last.elapsed() >= INTERVAL);
        if is_time {
            self.counted = Some(Instant::now());
        }
        is_time
    }
}

fn status(text: &str) {
    say(&format!("openjd_status: {}", text.replace('\n', " ")));
}
