//! The analysis as one picture over a common time axis: what a musician would write above and below a waveform.
//!
//! | file | panels |
//! |---|---|
//! | `mod.rs` | heading, sections, waveform, loudness |
//! | `rhythm.rs` | bars, onsets by band, tempo |
//! | `sound.rs` | harmonic and percussive parts, brightness, width, chroma |

mod rhythm;
mod sound;

use common::units::format_secs;
use plot::{Anchor, Figure, Panel, Text, palette};

use super::Analysis;
use common::Result;

/// Space for the names in front of the panels, in pixels.
const LEFT: f64 = 132.0;
/// Space behind the panels, in pixels.
const RIGHT: f64 = 32.0;
/// Space between panels, in pixels.
const GAP: f64 = 8.0;
/// Height of the heading, in pixels.
const TOP: f64 = 84.0;
/// Space for the times below the last panel, in pixels.
const BOTTOM: f64 = 34.0;

/// A panel's height in pixels and what it shows.
type Part = (f64, fn(&mut Figure, &Panel, &Analysis) -> Result<()>);

/// Draws `analysis`. The sheet grows with the song, up to a limit, so that single beats can be told apart.
///
/// # Errors
/// As [`Series::read`](super::Series::read).
pub fn plot(analysis: &Analysis) -> Result<Figure> {
    let mut parts: Vec<Part> = vec![
        (28.0, sections),
        (118.0, waveform),
        (44.0, rhythm::bars),
        (46.0, rhythm::high),
        (46.0, rhythm::mid),
        (46.0, rhythm::low),
        (64.0, rhythm::tempo),
        (72.0, loudness),
        (84.0, sound::parts),
        (48.0, sound::brightness),
    ];
    if !analysis.slow_hops.width.is_empty() {
        parts.push((40.0, sound::width));
    }
    parts.push((132.0, sound::chroma));
    let width = (analysis.duration_secs * 14.0 + LEFT + RIGHT).clamp(1280.0, 3200.0);
    let height: f64 = parts.iter().map(|(height, _)| height + GAP).sum();
    let mut figure = Figure::new(width, TOP + height + BOTTOM);
    heading(&mut figure, analysis);
    let mut panel = Panel::new(LEFT, TOP, width - LEFT - RIGHT, 0.0);
    for (height, draw) in parts {
        panel.height = height;
        panel = panel.x(0.0, analysis.duration_secs.max(1e-3));
        draw(&mut figure, &panel, analysis)?;
        panel.top += height + GAP;
    }
    panel.top -= GAP;
    panel.height = 0.0;
    panel.time_axis(&mut figure);
    for section in analysis.sections.iter().skip(1) {
        let x = panel.x_px(section.start_secs);
        figure.line((x, TOP), (x, panel.top), palette::MUTED, 0.6);
    }
    Ok(figure)
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
    let percent = |share: f64| format!("{:.0} % sure", share * 100.0);
    let mut facts = vec![format_secs(analysis.duration_secs, 1)];
    match analysis.tempo_bpm {
        Some(bpm) => {
            facts.push(format!(
                "{bpm:.1} bpm ({})",
                percent(analysis.tempo_confidence)
            ));
            let n_beats = analysis.beats_per_bar();
            facts.push(format!(
                "{n_beats} beats a bar ({})",
                percent(analysis.beat_confidence)
            ));
        }
        None => facts.push("no beat found".to_owned()),
    }
    if let Some(key) = &analysis.key {
        facts.push(format!("{key} ({})", percent(key.confidence)));
    }
    if let Some(lufs) = analysis.loudness_lufs {
        facts.push(format!("{lufs:.1} LUFS"));
    }
    facts.push(format!("{} onsets", analysis.onsets.len()));
    let detail = Text {
        size: 13.0,
        color: palette::MUTED,
        ..Text::default()
    };
    figure.text(LEFT, 64.0, &facts.join("   ·   "), detail);
}

fn sections(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    panel.name(figure, "sections", "");
    let mut labels: Vec<&str> = Vec::new();
    for section in &analysis.sections {
        let known = labels.iter().position(|label| *label == section.label);
        let idx = known.unwrap_or_else(|| {
            labels.push(&section.label);
            labels.len() - 1
        });
        let (start, end) = (panel.x_px(section.start_secs), panel.x_px(section.end_secs));
        let opacity = 0.2 + 0.5 * section.energy.clamp(0.0, 1.0);
        let color = palette::series(idx);
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
            size: 12.5,
            bold: true,
            anchor: Anchor::Middle,
            ..Text::default()
        };
        if end - start > 8.0 * section.label.chars().count() as f64 {
            figure.text((start + end) / 2.0, panel.top + 18.5, &section.label, text);
        }
    }
    Ok(())
}

fn waveform(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let hops = &analysis.hops;
    let bands = hops.bands.to_vec()?;
    let rms = |bands: &[f32; 3]| f64::from(bands.iter().map(|b| b * b).sum::<f32>().sqrt());
    let loudest = bands.iter().map(rms).fold(1e-6, f64::max);
    let panel = panel.y(-1.05, 1.05);
    panel.background(figure);
    panel.time_grid(figure);
    panel.name(figure, "waveform", "RMS by band");
    let shape = |of: &dyn Fn(&[f32; 3]) -> f64| -> Vec<(f64, f64)> {
        let points = bands.iter().enumerate();
        let both = points.flat_map(|(i, b)| {
            let (secs, value) = (i as f64 * hops.hop_secs, of(b) / loudest);
            [(secs, -value), (secs, value)]
        });
        both.collect()
    };
    panel.band(figure, shape(&rms), palette::CYAN, 0.75);
    let below_high = shape(&|b| f64::from(b[0].hypot(b[1])));
    panel.band(figure, below_high, palette::AMBER, 0.8);
    panel.band(figure, shape(&|b| f64::from(b[0])), palette::CORAL, 0.9);
    Ok(())
}

/// Momentary loudness as an area, short-term as a line, integrated as a level.
fn loudness(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let slow = &analysis.slow_hops;
    let momentary_lufs = slow.momentary_lufs.to_vec()?;
    let top = momentary_lufs.iter().copied().fold(-40.0f32, f32::max);
    let top = f64::from(top / 6.0).ceil() * 6.0;
    let panel = panel.y(top - 30.0, top);
    panel.background(figure);
    panel.time_grid(figure);
    panel.value_axis(figure, 3);
    name(figure, &panel, "loudness", "LUFS");
    let points = |values: &[f32]| -> Vec<(f64, f64)> {
        let values = values.iter().enumerate();
        values
            .map(|(i, v)| (i as f64 * slow.hop_secs, f64::from(*v)))
            .collect()
    };
    panel.area(figure, points(&momentary_lufs), palette::CYAN, 0.3);
    panel.curve(
        figure,
        points(&slow.short_term_lufs.to_vec()?),
        palette::AMBER,
        1.8,
    );
    if let Some(lufs) = analysis.loudness_lufs {
        let y = panel.y_px(lufs);
        let ends = ((panel.left, y), (panel.left + panel.width, y));
        figure.line(ends.0, ends.1, palette::MUTED, 0.8);
    }
    Ok(())
}

/// The name of a panel whose values stand between them.
fn name(figure: &mut Figure, panel: &Panel, name: &str, detail: &str) {
    let mut beside = *panel;
    beside.left -= 30.0;
    beside.name(figure, name, detail);
}
