//! The analysis as one picture: sections, waveform, onsets, beats, tempo and bands over a common time axis.

use super::{Analysis, Band};
use crate::plot::{Anchor, Figure, Panel, Text, palette};
use crate::units::format_secs;

/// Space for the names in front of the panels, in pixels.
const LEFT: f64 = 120.0;
/// Space behind the panels, in pixels.
const RIGHT: f64 = 32.0;

/// Draws `analysis`. The sheet grows with the song, up to a limit, so that single beats can be told apart.
pub fn plot(analysis: &Analysis) -> Figure {
    let width = (analysis.duration_secs * 14.0 + LEFT + RIGHT).clamp(1280.0, 3200.0);
    let mut figure = Figure::new(width, 706.0);
    let panel = |top: f64, height: f64| {
        Panel::new(LEFT, top, width - LEFT - RIGHT, height).x(0.0, analysis.duration_secs.max(1e-3))
    };
    heading(&mut figure, analysis);
    sections(&mut figure, &panel(84.0, 26.0), analysis);
    waveform(&mut figure, &panel(118.0, 140.0), analysis);
    beats(&mut figure, &panel(266.0, 48.0), analysis);
    onsets(&mut figure, &panel(322.0, 110.0), analysis);
    tempo(&mut figure, &panel(440.0, 70.0), analysis);
    for (band, name, range, color) in [
        (2, "high", "above 2.5 kHz", palette::CYAN),
        (1, "mid", "200 Hz – 2.5 kHz", palette::AMBER),
        (0, "low", "below 200 Hz", palette::CORAL),
    ] {
        let top = 518.0 + 50.0 * (2 - band) as f64;
        let lane = panel(top, 44.0);
        envelope(&mut figure, &lane, analysis, band, color);
        lane.name(&mut figure, name, range);
        if band == 0 {
            lane.time_axis(&mut figure);
        }
    }
    figure
}

fn heading(figure: &mut Figure, analysis: &Analysis) {
    let name = analysis
        .track
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let title = Text {
        size: 20.0,
        bold: true,
        ..Text::default()
    };
    figure.text(LEFT, 42.0, &name, title);
    let mut facts = vec![format_secs(analysis.duration_secs, 1)];
    match analysis.tempo_bpm {
        Some(bpm) => {
            let sure = (analysis.beat_confidence * 100.0).round();
            facts.push(format!("{bpm:.1} bpm"));
            facts.push(format!("{} beats a bar", analysis.beats_per_bar()));
            facts.push(format!("{} beats, {sure} % sure", analysis.beats.len()));
        }
        None => facts.push("no beat found".to_owned()),
    }
    facts.push(format!("{} onsets", analysis.onsets.len()));
    let detail = Text {
        size: 13.0,
        color: palette::MUTED,
        ..Text::default()
    };
    figure.text(LEFT, 64.0, &facts.join("   ·   "), detail);
}

fn sections(figure: &mut Figure, panel: &Panel, analysis: &Analysis) {
    panel.name(figure, "sections", "");
    let mut labels: Vec<&str> = Vec::new();
    for section in &analysis.sections {
        let idx = labels
            .iter()
            .position(|l| *l == section.label)
            .unwrap_or_else(|| {
                labels.push(&section.label);
                labels.len() - 1
            });
        let color = palette::series(idx);
        let (start, end) = (panel.x_px(section.start_secs), panel.x_px(section.end_secs));
        let opacity = 0.2 + 0.45 * section.energy.clamp(0.0, 1.0);
        figure.rect(
            start + 1.0,
            panel.top,
            end - start - 2.0,
            panel.height,
            color,
            opacity,
            3.0,
        );
        let text = Text {
            size: 12.0,
            bold: true,
            anchor: Anchor::Middle,
            ..Text::default()
        };
        if end - start > 9.0 * section.label.chars().count() as f64 {
            figure.text((start + end) / 2.0, panel.top + 17.5, &section.label, text);
        }
    }
}

fn waveform(figure: &mut Figure, panel: &Panel, analysis: &Analysis) {
    let hops = &analysis.hops;
    let rms = |bands: &[f32; 3]| f64::from(bands.iter().map(|b| b * b).sum::<f32>().sqrt());
    let loudest = hops.bands.iter().map(rms).fold(1e-6, f64::max);
    let panel = panel.y(-1.05, 1.05);
    panel.background(figure);
    panel.time_grid(figure);
    panel.name(figure, "waveform", "RMS");
    let shape = |of: &dyn Fn(&[f32; 3]) -> f64| -> Vec<(f64, f64)> {
        let points = hops.bands.iter().enumerate();
        points
            .flat_map(|(i, b)| {
                let (secs, value) = (i as f64 * hops.hop_secs, of(b) / loudest);
                [(secs, -value), (secs, value)]
            })
            .collect()
    };
    panel.band(figure, shape(&rms), palette::CYAN, 0.75);
    panel.band(
        figure,
        shape(&|b| f64::from(b[0].hypot(b[1]))),
        palette::AMBER,
        0.8,
    );
    panel.band(figure, shape(&|b| f64::from(b[0])), palette::CORAL, 0.9);
    for section in analysis.sections.iter().skip(1) {
        panel.mark(figure, section.start_secs, palette::TEXT, 1.0);
    }
}

fn beats(figure: &mut Figure, panel: &Panel, analysis: &Analysis) {
    panel.background(figure);
    panel.name(figure, "beats", "bars numbered");
    let n_downbeats = analysis
        .beats
        .iter()
        .filter(|b| b.position_in_bar == 1)
        .count();
    let px_per_bar = panel.width / n_downbeats.max(1) as f64;
    // Bar numbers at 1, 5, 9 … where there is no room for all.
    let numbered = [1usize, 2, 4, 8, 16, 32, 64]
        .into_iter()
        .find(|n| px_per_bar * *n as f64 > 30.0);
    let mut bar = 0usize;
    for beat in &analysis.beats {
        let x = panel.x_px(beat.time_secs);
        if beat.position_in_bar == 1 {
            bar += 1;
            figure.line(
                (x, panel.top + 16.0),
                (x, panel.bottom()),
                palette::TEXT,
                1.6,
            );
            if numbered.is_some_and(|n| (bar - 1).is_multiple_of(n)) {
                let text = Text {
                    size: 10.0,
                    color: palette::TEXT,
                    anchor: Anchor::Middle,
                    bold: false,
                };
                figure.text(x, panel.top + 12.0, &bar.to_string(), text);
            }
        } else if px_per_bar > 12.0 {
            figure.line(
                (x, panel.top + 30.0),
                (x, panel.bottom()),
                palette::MUTED,
                1.0,
            );
        }
    }
}

fn onsets(figure: &mut Figure, panel: &Panel, analysis: &Analysis) {
    let hops = &analysis.hops;
    let panel = panel.y(0.0, 1.3);
    panel.background(figure);
    panel.time_grid(figure);
    panel.name(figure, "onset strength", "marks: onsets");
    let points = hops.onset_strength.iter().enumerate();
    let points = points.map(|(i, s)| (i as f64 * hops.hop_secs, f64::from(*s)));
    panel.area(figure, points, palette::VIOLET, 0.85);
    for onset in &analysis.onsets {
        let color = match onset.band {
            Band::Low => palette::CORAL,
            Band::Mid => palette::AMBER,
            Band::High => palette::CYAN,
        };
        let x = panel.x_px(onset.time_secs);
        let length = 3.0 + 9.0 * onset.strength.clamp(0.0, 1.0);
        figure.line((x, panel.top), (x, panel.top + length), color, 1.2);
    }
}

/// Tempo from beat to beat, smoothed over a bar.
fn tempo(figure: &mut Figure, panel: &Panel, analysis: &Analysis) {
    let points: Vec<(f64, f64)> = analysis
        .beats
        .windows(5)
        .map(|w| {
            (
                w[2].time_secs,
                240.0 / (w[4].time_secs - w[0].time_secs).max(1e-3),
            )
        })
        .collect();
    let (low, high) = points
        .iter()
        .fold((f64::MAX, 0.0f64), |(l, h), p| (l.min(p.1), h.max(p.1)));
    let middle = if points.is_empty() {
        120.0
    } else {
        (low + high) / 2.0
    };
    let reach = if points.is_empty() {
        10.0
    } else {
        ((high - low) * 0.6).max(6.0)
    };
    let panel = panel.y(middle - reach, middle + reach);
    panel.background(figure);
    panel.time_grid(figure);
    panel.value_axis(figure, 3);
    let x = panel.left - 40.0;
    let text = Text {
        anchor: Anchor::End,
        ..Text::default()
    };
    figure.text(x, panel.top + panel.height / 2.0 - 3.0, "tempo", text);
    let weaker = Text {
        size: 10.0,
        color: palette::MUTED,
        ..text
    };
    figure.text(x, panel.top + panel.height / 2.0 + 12.0, "bpm", weaker);
    panel.curve(figure, points, palette::GREEN, 1.8);
}

fn envelope(figure: &mut Figure, panel: &Panel, analysis: &Analysis, band: usize, color: &str) {
    let hops = &analysis.hops;
    let loudest = hops.bands.iter().fold(1e-6f32, |m, b| m.max(b[band]));
    let panel = panel.y(0.0, 1.05);
    panel.background(figure);
    panel.time_grid(figure);
    let points = hops.bands.iter().enumerate();
    let points = points.map(|(i, b)| (i as f64 * hops.hop_secs, f64::from(b[band] / loudest)));
    panel.area(figure, points, color, 0.85);
}
