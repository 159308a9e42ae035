mod shortened;

use analysis::{Analysis, Band};
use common::units::{format_secs, samples_to_secs};
use plot::{Anchor, Figure, Panel, Text, palette};
use shortened::shortened;
use timeline::{Frame, Timeline};

const WIDTH: f64 = 1400.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 30.0;
const GAP: f64 = 14.0;

/// A picture of the plan over the song's time: sections and prompts, beats, both velocities with their positions, and the
/// pulse with the onsets that caused it. `analysis` adds what was heard.
pub fn plot(timeline: &Timeline, analysis: Option<&Analysis>) -> Figure {
    let mut sheet = Sheet::new(timeline, analysis);
    sheet.title();
    sheet.sections();
    sheet.prompts();
    sheet.beats();
    sheet.speed(
        "noise speed",
        "seeds / second",
        palette::CYAN,
        |frame| frame.noise_velocity,
        |frame| frame.noise_position,
    );
    sheet.speed(
        "prompt speed",
        "prompts / second",
        palette::VIOLET,
        |frame| frame.prompt_velocity,
        |frame| frame.prompt_from as f64 + frame.prompt_mix,
    );
    sheet.pulse();
    sheet.figure
}

/// A figure that is filled from top to bottom.
struct Sheet<'a> {
    figure: Figure,
    timeline: &'a Timeline,
    analysis: Option<&'a Analysis>,
    /// First and last time in seconds of the song.
    start_secs: f64,
    end_secs: f64,
    /// Lower edge of what is drawn so far.
    bottom: f64,
}

impl<'a> Sheet<'a> {
    fn new(timeline: &'a Timeline, analysis: Option<&'a Analysis>) -> Self {
        let start_secs = samples_to_secs(timeline.song.start_sample, timeline.song.sample_rate_hz);
        Self {
            figure: Figure::new(WIDTH, if analysis.is_some() { 806.0 } else { 694.0 }),
            timeline,
            analysis,
            start_secs,
            end_secs: start_secs + timeline.duration_secs,
            bottom: 0.0,
        }
    }

    /// The next panel below, over the film's time.
    fn panel(&mut self, height: f64) -> Panel {
        let panel = Panel::new(LEFT, self.bottom, WIDTH - LEFT - RIGHT, height)
            .x(self.start_secs, self.end_secs);
        self.bottom = panel.bottom() + GAP;
        panel.background(&mut self.figure);
        panel
    }

    /// Value of each frame over the song's time.
    fn values(&self, value: impl Fn(&Frame) -> f64) -> Vec<(f64, f64)> {
        let rate = self.timeline.frame_rate;
        let time = |frame: &Frame| self.start_secs + rate.frame_time_secs(frame.frame_idx);
        self.timeline
            .frames
            .iter()
            .map(|frame| (time(frame), value(frame)))
            .collect()
    }

    fn title(&mut self) {
        let timeline = self.timeline;
        let name = timeline
            .song
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let style = Text {
            size: 20.0,
            bold: true,
            ..Text::default()
        };
        self.figure.text(LEFT, 38.0, &name, style);
        let facts = [
            format!(
                "{} to {}",
                format_secs(self.start_secs, 1),
                format_secs(self.end_secs, 1)
            ),
            format!(
                "{} frames at {} per second",
                timeline.frames.len(),
                timeline.frame_rate
            ),
            format!("{} prompts", timeline.prompts.len()),
            format!("seed {}", timeline.seed),
            format!(
                "{}, {} steps, {}",
                timeline.render.model, timeline.render.n_steps, timeline.render.size
            ),
        ];
        let style = Text {
            color: palette::MUTED,
            ..Text::default()
        };
        self.figure.text(LEFT, 59.0, &facts.join("  ·  "), style);
        self.bottom = 78.0;
    }

    fn sections(&mut self) {
        let Some(analysis) = self.analysis else {
            return;
        };
        let panel = self.panel(24.0);
        panel.name(&mut self.figure, "sections", "");
        let mut labels: Vec<&str> = Vec::new();
        for section in &analysis.sections {
            if !labels.contains(&section.label.as_str()) {
                labels.push(&section.label);
            }
            let color = palette::series(
                labels
                    .iter()
                    .position(|l| *l == section.label)
                    .unwrap_or_default(),
            );
            self.block(
                &panel,
                (section.start_secs, section.end_secs),
                color,
                &section.label,
            );
        }
    }

    /// A coloured span of a panel with a text in it, cut to the film's time.
    fn block(&mut self, panel: &Panel, (start, end): (f64, f64), color: &str, text: &str) {
        let (start, end) = (start.max(self.start_secs), end.min(self.end_secs));
        if start >= end {
            return;
        }
        let (x, width) = (panel.x_px(start), panel.x_px(end) - panel.x_px(start));
        self.figure
            .rect(x, panel.top, width, panel.height, color, 0.28, 0.0);
        self.figure
            .line((x, panel.top), (x, panel.bottom()), color, 2.0);
        let style = Text {
            size: 11.5,
            ..Text::default()
        };
        let text = shortened(text, width - 12.0, style.size);
        self.figure
            .text(x + 7.0, panel.top + panel.height / 2.0 + 4.0, &text, style);
    }

    /// How much of each prompt is there, with its words from its arrival on.
    fn prompts(&mut self) {
        let names = self.panel(24.0);
        names.name(&mut self.figure, "prompts", "");
        let n_prompts = self.timeline.prompts.len();
        let times: Vec<f64> = self
            .timeline
            .prompts
            .iter()
            .map(|p| self.start_secs + p.arrival_secs)
            .collect();
        for (idx, prompt) in self.timeline.prompts.iter().enumerate() {
            let start = if idx == 0 {
                self.start_secs
            } else {
                times[idx]
            };
            let end = times.get(idx + 1).copied().unwrap_or(self.end_secs);
            self.block(&names, (start, end), self.color(idx), &prompt.words.text);
        }
        self.bottom -= GAP - 2.0;
        let shares = self.panel(64.0).y(0.0, 1.0);
        shares.name(&mut self.figure, "", "share of each");
        for idx in 0..n_prompts {
            let share = |frame: &Frame| match (frame.prompt_from == idx, frame.prompt_to == idx) {
                (true, true) => 1.0,
                (true, false) => 1.0 - frame.prompt_mix,
                (false, true) => frame.prompt_mix,
                (false, false) => 0.0,
            };
            let points = self.values(share);
            let color = self.color(idx);
            let first = points.iter().position(|p| p.1 > 0.0).unwrap_or_default();
            let last = points
                .iter()
                .rposition(|p| p.1 > 0.0)
                .map_or(0, |at| at + 1);
            let points = points.get(first..last).unwrap_or_default();
            shares.area(&mut self.figure, points.iter().copied(), color, 0.22);
            shares.curve(&mut self.figure, points.iter().copied(), color, 1.4);
        }
    }

    fn beats(&mut self) {
        let Some(analysis) = self.analysis else {
            return;
        };
        let panel = self.panel(20.0).y(0.0, 1.0);
        panel.name(&mut self.figure, "bars", "");
        let beats = analysis
            .beats
            .iter()
            .filter(|b| (self.start_secs..self.end_secs).contains(&b.time_secs));
        let beats: Vec<_> = beats.collect();
        // Beats that would run into each other are left out, and numbers come at round bars with room around them.
        let px_per_beat = panel.width / beats.len().max(1) as f64;
        let bars_before = analysis
            .beats
            .iter()
            .filter(|b| b.position_in_bar == 1 && b.time_secs < self.start_secs)
            .count();
        let n_downbeats = beats.iter().filter(|b| b.position_in_bar == 1).count();
        let px_per_bar = panel.width / n_downbeats.max(1) as f64;
        let every = [1, 2, 4, 8, 16, 32, 64, 128]
            .into_iter()
            .find(|n| f64::from(*n) * px_per_bar > 34.0);
        let every = every.unwrap_or(256) as usize;
        let mut bar = bars_before;
        for beat in beats {
            let x = panel.x_px(beat.time_secs);
            if beat.position_in_bar == 1 {
                bar += 1;
                let is_numbered = (bar - 1).is_multiple_of(every);
                if is_numbered || px_per_bar > 3.0 {
                    let color = if is_numbered {
                        palette::TEXT
                    } else {
                        palette::MUTED
                    };
                    self.figure
                        .line((x, panel.top), (x, panel.bottom()), color, 1.2);
                }
                if is_numbered {
                    let style = Text {
                        size: 10.0,
                        color: palette::MUTED,
                        ..Text::default()
                    };
                    self.figure
                        .text(x + 4.0, panel.top + 13.5, &bar.to_string(), style);
                }
            } else if px_per_beat > 6.0 {
                self.figure.line(
                    (x, panel.bottom() - 6.0),
                    (x, panel.bottom()),
                    palette::MUTED,
                    1.0,
                );
            }
        }
    }

    /// A velocity as an area, with the position it adds up to as a line on a scale of its own, named at the right.
    fn speed(
        &mut self,
        name: &str,
        unit: &str,
        color: &str,
        velocity: impl Fn(&Frame) -> f64,
        position: impl Fn(&Frame) -> f64,
    ) {
        let velocities = self.values(velocity);
        let positions = self.values(position);
        let top = velocities.iter().map(|v| v.1).fold(0.0, f64::max).max(1e-3) * 1.12;
        let panel = self.panel(150.0).y(0.0, top);
        panel.time_grid(&mut self.figure);
        panel.value_axis(&mut self.figure, 4);
        self.arrivals(&panel);
        panel.area(&mut self.figure, velocities.iter().copied(), color, 0.25);
        panel.curve(&mut self.figure, velocities.iter().copied(), color, 1.4);
        let (first, last) = (positions.first(), positions.last());
        let (low, high) = (first.map_or(0.0, |p| p.1), last.map_or(1.0, |p| p.1));
        let over = panel.y(low, low + (high - low).max(1e-3) * 1.12);
        over.curve(
            &mut self.figure,
            positions.iter().copied(),
            palette::TEXT,
            1.6,
        );
        let style = Text {
            size: 11.0,
            color: palette::TEXT,
            anchor: Anchor::End,
            bold: false,
        };
        let right = panel.left + panel.width - 8.0;
        self.figure.text(
            right,
            over.y_px(high) - 7.0,
            &format!("position {high:.1}"),
            style,
        );
        self.heading(&panel, name, unit, color);
    }

    fn pulse(&mut self) {
        let pulses = self.values(|frame| frame.pulse);
        let top = pulses.iter().map(|p| p.1).fold(0.0, f64::max).max(0.1) * 1.12;
        let panel = self.panel(150.0).y(0.0, top);
        panel.time_axis(&mut self.figure);
        panel.value_axis(&mut self.figure, 4);
        self.arrivals(&panel);
        panel.area(
            &mut self.figure,
            pulses.iter().copied(),
            palette::AMBER,
            0.25,
        );
        panel.curve(&mut self.figure, pulses, palette::AMBER, 1.2);
        self.heading(&panel, "pulse", "radians", palette::AMBER);
        self.bottom = panel.bottom() + 24.0;
        let Some(analysis) = self.analysis else {
            return;
        };
        let strip = self.panel(26.0).y(0.0, 1.0);
        strip.name(&mut self.figure, "onsets", "high, mid, low");
        let heard = analysis
            .onsets
            .iter()
            .filter(|o| (self.start_secs..self.end_secs).contains(&o.time_secs));
        for onset in heard {
            let (row, color) = match onset.band {
                Band::High => (0.0, palette::CYAN),
                Band::Mid => (1.0, palette::AMBER),
                Band::Low => (2.0, palette::CORAL),
            };
            let x = strip.x_px(onset.time_secs);
            let middle = strip.top + strip.height * (row + 0.5) / 3.0;
            let half = (strip.height / 6.0 - 0.5) * onset.strength.clamp(0.15, 1.0);
            self.figure
                .line((x, middle - half), (x, middle + half), color, 1.2);
        }
    }

    /// Colour of a prompt; one that comes back has the same again.
    fn color(&self, idx: usize) -> &'static str {
        let words = self.timeline.prompts.get(idx).map(|prompt| &prompt.words);
        let first = self
            .timeline
            .prompts
            .iter()
            .position(|prompt| Some(&prompt.words) == words);
        palette::series(first.unwrap_or(idx))
    }

    /// Thin lines where prompts arrive.
    fn arrivals(&mut self, panel: &Panel) {
        for prompt in &self.timeline.prompts {
            let secs = self.start_secs + prompt.arrival_secs;
            if secs > self.start_secs && secs < self.end_secs {
                panel.mark(&mut self.figure, secs, palette::MUTED, 0.7);
            }
        }
    }

    /// Name and unit in front of a panel and its values.
    fn heading(&mut self, panel: &Panel, name: &str, unit: &str, color: &str) {
        let (x, middle) = (panel.left - 46.0, panel.top + panel.height / 2.0);
        let style = Text {
            color,
            bold: true,
            anchor: Anchor::End,
            ..Text::default()
        };
        self.figure.text(x, middle - 2.0, name, style);
        let weaker = Text {
            size: 10.0,
            color: palette::MUTED,
            bold: false,
            ..style
        };
        self.figure.text(x, middle + 13.0, unit, weaker);
    }
}
