mod verdicts;

use common::statistics::{median, quantile};
use common::units::format_secs;
use plot::{Anchor, Figure, Panel, Text, palette};

use super::{Evidence, REACH_SECS, Verification};
use verdicts::verdicts;

const WIDTH: f64 = 1400.0;
const HEIGHT: f64 = 956.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 30.0;
/// Length in seconds of the part that is shown in detail.
const DETAIL_SECS: f64 = 8.0;
/// Percentile of the steps that the whole film's panel reaches up to: one leap doesn't flatten everything else.
const TOP_SHARE: f64 = 0.998;

const VISIBLE: &str = palette::CYAN;
const TARGET: &str = palette::AMBER;
const HIT: &str = palette::CORAL;

/// A picture of what was found: visible change beside target speed over the whole film and frame by frame over its
/// liveliest part, the sections, the onsets, the distribution of their lags, the speed of each section, and the verdicts.
pub fn plot(found: &Verification) -> Figure {
    let mut figure = Figure::new(WIDTH, HEIGHT);
    title(&mut figure, found);
    let curves = Curves::of(&found.evidence);
    let length_secs = curves.visible.last().map_or(1.0, |point| point.0);
    let whole = |top: f64, height: f64| {
        Panel::new(LEFT, top, WIDTH - LEFT - RIGHT, height).x(0.0, length_secs)
    };
    sections(&mut figure, &whole(78.0, 24.0), found);
    film(&mut figure, &whole(112.0, 200.0), &curves);
    onsets(&mut figure, &whole(338.0, 22.0), &found.evidence);
    detail(&mut figure, &curves, &found.evidence);
    lags(&mut figure, found);
    speeds(&mut figure, found);
    verdicts(&mut figure, found);
    figure
}

/// Steps over time, in units of their median.
struct Curves {
    visible: Vec<(f64, f64)>,
    target: Vec<(f64, f64)>,
}

impl Curves {
    fn of(evidence: &Evidence) -> Self {
        let scaled = |steps: &[f64]| -> Vec<(f64, f64)> {
            let unit = median(steps).filter(|m| *m > 0.0).unwrap_or(1.0);
            let times = evidence.change.times_secs.iter();
            times
                .zip(steps)
                .map(|(time, step)| (*time, step / unit))
                .collect()
        };
        Self {
            visible: scaled(&evidence.change.steps),
            target: scaled(evidence.target.as_deref().unwrap_or_default()),
        }
    }

    /// The value that a panel has to reach to show a share of the points in `from..to`.
    fn top(&self, (from, to): (f64, f64), share: f64) -> f64 {
        let both = self.visible.iter().chain(&self.target);
        let within: Vec<f64> = both
            .filter(|p| (from..=to).contains(&p.0))
            .map(|p| p.1)
            .collect();
        1.08 * quantile(&within, share).unwrap_or(1.0).max(1.0)
    }
}

fn small(color: &str) -> Text<'_> {
    Text {
        size: 11.0,
        color,
        ..Text::default()
    }
}

fn title(figure: &mut Figure, found: &Verification) {
    let style = Text {
        size: 20.0,
        bold: true,
        ..Text::default()
    };
    let tags = &found.probe.tags;
    let name = if tags.title.is_empty() {
        "film"
    } else {
        &tags.title
    };
    figure.text(LEFT, 38.0, name, style);
    let mut facts = vec![format_secs(found.probe.duration_secs, 1)];
    if let Some(video) = &found.probe.video {
        let rate = video
            .frame_rate
            .map_or_else(String::new, |rate| format!(" at {rate} a second"));
        facts.push(format!("{} frames of {}{rate}", video.n_frames, video.size));
    }
    if !tags.encoder.is_empty() {
        facts.push(tags.encoder.clone());
    }
    let style = Text {
        color: palette::MUTED,
        ..Text::default()
    };
    figure.text(LEFT, 59.0, &facts.join("  ·  "), style);
}

fn sections(figure: &mut Figure, panel: &Panel, found: &Verification) {
    panel.background(figure);
    panel.name(figure, "sections", "");
    let mut labels: Vec<&str> = Vec::new();
    for section in &found.measures.sections {
        let idx = labels
            .iter()
            .position(|label| *label == section.label)
            .unwrap_or_else(|| {
                labels.push(&section.label);
                labels.len() - 1
            });
        let x = panel.x_px(section.start_secs).max(panel.left);
        let end = panel.x_px(section.end_secs).min(panel.left + panel.width);
        let color = palette::series(idx);
        figure.rect(x, panel.top, end - x, panel.height, color, 0.28, 0.0);
        figure.line((x, panel.top), (x, panel.bottom()), color, 2.0);
        if end - x > 16.0 {
            figure.text(
                x + 7.0,
                panel.top + 16.0,
                &section.label,
                small(palette::TEXT),
            );
        }
    }
}

fn film(figure: &mut Figure, panel: &Panel, curves: &Curves) {
    let panel = panel.y(0.0, curves.top((0.0, f64::MAX), TOP_SHARE));
    panel.background(figure);
    panel.time_axis(figure);
    panel.value_axis(figure, 4);
    panel.area(figure, curves.visible.iter().copied(), VISIBLE, 0.3);
    panel.curve(figure, curves.visible.iter().copied(), VISIBLE, 1.0);
    panel.curve(figure, curves.target.iter().copied(), TARGET, 1.0);
    heading(figure, &panel, "speed", "steps over median");
    legend(figure, &panel);
}

fn legend(figure: &mut Figure, panel: &Panel) {
    let (right, y) = (panel.left + panel.width - 10.0, panel.top + 16.0);
    for (offset, text, color) in [(0.0, "target", TARGET), (76.0, "visible", VISIBLE)] {
        let style = Text {
            anchor: Anchor::End,
            bold: true,
            ..small(color)
        };
        figure.text(right - offset, y, text, style);
    }
}

fn heading(figure: &mut Figure, panel: &Panel, name: &str, detail: &str) {
    let (x, middle) = (panel.left - 34.0, panel.top + panel.height / 2.0);
    let style = Text {
        anchor: Anchor::End,
        ..Text::default()
    };
    figure.text(x, middle - 3.0, name, style);
    let weaker = Text {
        size: 10.0,
        color: palette::MUTED,
        ..style
    };
    figure.text(x, middle + 12.0, detail, weaker);
}

fn onsets(figure: &mut Figure, panel: &Panel, evidence: &Evidence) {
    panel.background(figure);
    panel.name(figure, "onsets", "bright: strong");
    for onset in evidence
        .analysis
        .iter()
        .flat_map(|analysis| &analysis.onsets)
    {
        let is_strong = onset.strength >= super::STRONG;
        let (color, width) = if is_strong {
            (HIT, 1.3)
        } else {
            (palette::GRID, 1.0)
        };
        let x = panel.x_px(evidence.seen_secs(onset.time_secs));
        let half = 0.5 * panel.height * onset.strength.clamp(0.2, 1.0);
        let middle = panel.top + 0.5 * panel.height;
        figure.line((x, middle - half), (x, middle + half), color, width);
    }
}

/// The part with the most strong onsets, each step as a bar of its own.
fn detail(figure: &mut Figure, curves: &Curves, evidence: &Evidence) {
    let onsets = evidence.strong_onsets();
    let n_within = |start: f64| {
        let from = onsets.partition_point(|onset| *onset < start);
        onsets.partition_point(|onset| *onset < start + DETAIL_SECS) - from
    };
    let starts = onsets.iter().map(|onset| onset - 0.25);
    let start = starts
        .max_by_key(|start| n_within(*start))
        .unwrap_or(0.0)
        .max(0.0);
    let range = (start, start + DETAIL_SECS);
    let panel = Panel::new(LEFT, 382.0, WIDTH - LEFT - RIGHT, 230.0)
        .x(range.0, range.1)
        .y(0.0, curves.top(range, 1.0));
    panel.background(figure);
    panel.time_axis(figure);
    panel.value_axis(figure, 4);
    for onset in onsets
        .iter()
        .filter(|onset| (range.0..range.1).contains(*onset))
    {
        panel.mark(figure, *onset, HIT, 1.2);
    }
    let bar = (0.6 * panel.width * evidence.frame_secs / DETAIL_SECS).max(1.0);
    for (time, step) in &curves.visible {
        if (range.0..range.1).contains(time) {
            let (x, y) = (panel.x_px(*time), panel.y_px(*step));
            figure.rect(
                x - 0.5 * bar,
                y,
                bar,
                panel.bottom() - y,
                VISIBLE,
                0.75,
                0.0,
            );
        }
    }
    panel.curve(figure, curves.target.iter().copied(), TARGET, 1.6);
    heading(figure, &panel, "frame by frame", "lines: strong onsets");
    legend(figure, &panel);
}

/// How late strong onsets are seen, in quarters of a frame.
fn lags(figure: &mut Figure, found: &Verification) {
    let evidence = &found.evidence;
    let bin_secs = 0.25 * evidence.frame_secs;
    let n_side = (REACH_SECS / bin_secs).ceil() as i32;
    let mut counts = vec![0u32; 2 * n_side as usize + 1];
    for lag in evidence.lags() {
        let bin = (lag.lag_secs / bin_secs).round() as i32 + n_side;
        if let Some(count) = usize::try_from(bin)
            .ok()
            .and_then(|bin| counts.get_mut(bin))
        {
            *count += 1;
        }
    }
    let reach = (f64::from(n_side) + 0.5) * bin_secs * 1000.0;
    let highest = counts.iter().copied().max().unwrap_or_default().max(1);
    let panel = Panel::new(LEFT, 672.0, 370.0, 240.0)
        .x(-reach, reach)
        .y(0.0, 1.1 * f64::from(highest));
    panel.background(figure);
    panel.value_axis(figure, 4);
    let half_frame = 500.0 * evidence.frame_secs;
    let (from, to) = (panel.x_px(-half_frame), panel.x_px(half_frame));
    figure.rect(
        from,
        panel.top,
        to - from,
        panel.height,
        palette::GREEN,
        0.1,
        0.0,
    );
    for (bin, count) in (-n_side..).zip(&counts) {
        let (x, y) = (
            f64::from(bin) * bin_secs * 1000.0,
            panel.y_px(f64::from(*count)),
        );
        let width = 0.8 * panel.width / counts.len() as f64;
        figure.rect(
            panel.x_px(x) - 0.5 * width,
            y,
            width,
            panel.bottom() - y,
            VISIBLE,
            0.85,
            1.0,
        );
    }
    for ms in [-100.0, -50.0, 0.0, 50.0, 100.0] {
        let style = Text {
            anchor: Anchor::Middle,
            ..small(palette::MUTED)
        };
        figure.text(
            panel.x_px(ms),
            panel.bottom() + 16.0,
            &format!("{ms:+.0}"),
            style,
        );
    }
    caption(
        figure,
        &panel,
        "lag of strong onsets in ms",
        "seen after it is heard: right · green: half a frame",
    );
}

/// Each section's speed over its energy.
fn speeds(figure: &mut Figure, found: &Verification) {
    let sections = &found.measures.sections;
    let fastest = sections
        .iter()
        .map(|s| s.speed)
        .fold(0.0, f64::max)
        .max(1e-9);
    let panel = Panel::new(580.0, 672.0, 280.0, 240.0)
        .x(0.0, 1.05)
        .y(0.0, 1.15 * fastest);
    panel.background(figure);
    panel.value_axis(figure, 4);
    let mut labels: Vec<&str> = Vec::new();
    for section in sections {
        let idx = labels
            .iter()
            .position(|label| *label == section.label)
            .unwrap_or_else(|| {
                labels.push(&section.label);
                labels.len() - 1
            });
        let (x, y) = (panel.x_px(section.energy), panel.y_px(section.speed));
        figure.circle(x, y, 5.0, palette::series(idx));
        figure.text(x + 8.0, y - 5.0, &section.label, small(palette::TEXT));
    }
    for energy in [0.0, 0.5, 1.0] {
        let style = Text {
            anchor: Anchor::Middle,
            ..small(palette::MUTED)
        };
        figure.text(
            panel.x_px(energy),
            panel.bottom() + 16.0,
            &energy.to_string(),
            style,
        );
    }
    caption(
        figure,
        &panel,
        "visible speed over energy",
        "a point for each section",
    );
}

fn caption(figure: &mut Figure, panel: &Panel, name: &str, detail: &str) {
    figure.text(panel.left, panel.top - 20.0, name, Text::default());
    figure.text(
        panel.left,
        panel.top - 6.0,
        detail,
        Text {
            size: 10.0,
            ..small(palette::MUTED)
        },
    );
}
