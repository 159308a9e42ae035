//! What a person sees while a command works: a bar on a terminal, a line now and then elsewhere, nothing with `--quiet`.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use visualize::diffusion::hub::DownloadEvent;
use visualize::pipeline::Event;
use visualize::prompts::shorten;
use visualize::timeline::FrameInputs;
use visualize::units::format_secs;
use visualize::{Analysis, Timeline};

use super::args::OutputArgs;
use super::terminal::{printable, say};
use super::wording::with_flags;

/// Letters of a prompt in the bar.
const PROMPT_LETTERS: usize = 24;
/// Time between two lines where there is no terminal to draw a bar on.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Turns a run's events into lines and a bar on stderr.
pub struct Progress {
    is_quiet: bool,
    bar: ProgressBar,
    started: Instant,
    n_done_before: u64,
    last_line: Instant,
}

impl Progress {
    /// Shows nothing until the first event.
    pub fn new(output: OutputArgs) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self {
            is_quiet: output.quiet,
            bar,
            started: Instant::now(),
            n_done_before: 0,
            last_line: Instant::now(),
        }
    }

    /// A line for the person, above the bar.
    pub fn line(&self, text: &str) {
        if !self.is_quiet {
            self.bar.suspend(|| say(text));
        }
    }

    /// A bar that counts frames while a film is decoded.
    pub fn frames_bar(&self) -> ProgressBar {
        if self.is_quiet {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} frames, {per_sec}") {
            bar.set_style(style);
        }
        bar
    }

    /// Shows an event.
    pub fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Note(text) => self.line(&with_flags(text)),
            Event::Download(download) => self.download(download),
            Event::Probes { n_done, n_probes } => self.probe(n_done as u64, n_probes as u64),
            Event::Rendering { n_frames, n_done } => self.start_bar(n_frames, n_done),
            Event::Analyzed(analysis) => self.line(&analyzed(analysis)),
            Event::Planned(timeline) => {
                self.bar.finish_and_clear();
                self.line(&planned(timeline));
            }
            Event::Estimate {
                secs,
                frames_per_second,
            } => self.line(&format!(
                "about {} left at {frames_per_second:.1} frames a second",
                format_secs(secs, 0),
            )),
            Event::Frames { n_done, inputs, .. } => self.advance(n_done, inputs),
            Event::Muxing => {
                self.bar.finish_and_clear();
                self.line("muxing");
            }
        }
    }

    /// Probes drawn for the calibration; the first begins a bar of its own.
    fn probe(&mut self, n_done: u64, n_probes: u64) {
        if self.is_quiet {
            return;
        }
        if self.bar.length() != Some(n_probes) {
            self.bar = self.new_bar(n_probes, "{bar:24} {pos}/{len} {msg}");
            self.bar.set_message("probes");
        }
        self.bar.set_position(n_done);
    }

    /// A model on its way from the hub.
    fn download(&mut self, download: DownloadEvent<'_>) {
        match download {
            DownloadEvent::Begin {
                id,
                n_files,
                n_bytes,
            } => {
                self.line(&format!(
                    "loading {id} from the hub: {n_files} files, {}",
                    format_bytes(n_bytes)
                ));
                self.last_line = Instant::now();
                self.bar = self.new_bar(
                    n_bytes,
                    "{bar:24} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left · {msg}",
                );
            }
            DownloadEvent::Bytes {
                name,
                n_done,
                n_bytes,
            } => {
                self.bar.set_position(n_done);
                self.bar.set_message(printable(name).into_owned());
                if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_INTERVAL {
                    self.last_line = Instant::now();
                    let (done, all) = (format_bytes(n_done), format_bytes(n_bytes));
                    self.line(&format!("{done} of {all}: {name}"));
                }
            }
            DownloadEvent::Waiting { name } => {
                self.line(&format!(
                    "another process is loading {name}; waiting for it"
                ));
            }
            DownloadEvent::Done => {
                self.bar.finish_and_clear();
                self.line("loaded");
            }
        }
    }

    /// A bar on a terminal, nothing elsewhere.
    fn new_bar(&self, len: u64, template: &str) -> ProgressBar {
        if self.is_quiet {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")),
            Err(_) => bar,
        }
    }

    fn start_bar(&mut self, n_frames: u64, n_done: u64) {
        if n_done > 0 && n_done < n_frames {
            self.line(&format!(
                "continuing: {n_done} of {n_frames} frames are finished"
            ));
        }
        self.n_done_before = n_done;
        self.started = Instant::now();
        self.last_line = Instant::now();
        if self.is_quiet || n_done == n_frames {
            return;
        }
        self.bar = self.new_bar(n_frames, "{bar:24} {pos}/{len} {msg}");
        self.bar.set_position(n_done);
    }

    /// Speed and remaining time count the frames of this run only, not those found finished.
    fn advance(&mut self, n_done: u64, inputs: &FrameInputs) {
        let n_frames = self.bar.length().unwrap_or(n_done);
        let n_new = n_done.saturating_sub(self.n_done_before) as f64;
        let per_second = n_new / self.started.elapsed().as_secs_f64().max(1e-9);
        let left_secs = n_frames.saturating_sub(n_done) as f64 / per_second.max(1e-9);
        let memory = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem as u64);
        let (from, to) = (
            shorten(&inputs.prompt_from.text, PROMPT_LETTERS),
            shorten(&inputs.prompt_to.text, PROMPT_LETTERS),
        );
        let prompts = if from == to {
            from
        } else {
            format!("{from} → {to} {:.0}%", inputs.prompt_mix * 100.0)
        };
        let state = format!(
            "{per_second:.1} frames/s, {} left, {} · {prompts}",
            format_secs(left_secs, 0),
            format_bytes(memory)
        );
        self.bar.set_position(n_done);
        if self.bar.is_hidden() {
            if self.last_line.elapsed() >= LINE_INTERVAL {
                self.last_line = Instant::now();
                self.line(&format!("{n_done}/{n_frames} {state}"));
            }
        } else {
            self.bar.set_message(printable(&state).into_owned());
        }
    }
}

fn analyzed(analysis: &Analysis) -> String {
    let length = format_secs(analysis.duration_secs, 1);
    let n_bars = analysis
        .beats
        .iter()
        .filter(|beat| beat.position_in_bar == 1)
        .count();
    match analysis.tempo_bpm {
        Some(tempo_bpm) => format!(
            "heard {length}: {tempo_bpm:.1} BPM, {n_bars} bars, {} onsets, {} sections",
            analysis.onsets.len(),
            analysis.sections.len()
        ),
        None => format!(
            "heard {length}: no beat, {} onsets; loudness alone moves the film",
            analysis.onsets.len()
        ),
    }
}

fn planned(timeline: &Timeline) -> String {
    let render = &timeline.render;
    let drawn = if render.draw_size == render.size {
        String::new()
    } else {
        format!(", drawn at {} and scaled", render.draw_size)
    };
    format!(
        "planned {} frames of {} at {} a second{drawn}; {} prompts, {} steps a frame, model {}",
        timeline.frames.len(),
        render.size,
        timeline.play_rate(),
        timeline.prompts.len(),
        render.n_steps,
        render.model,
    )
}

/// A size as people read it.
pub fn format_bytes(n_bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = n_bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 10.0 && unit > 0 {
        format!("{value:.1} {}", units[unit])
    } else {
        format!("{value:.0} {}", units[unit])
    }
}
