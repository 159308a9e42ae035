//! Bars, onsets by band and tempo.

use plot::{Anchor, Figure, Panel, Text, palette};

use super::super::{Analysis, Band};
use super::name;
use common::Result;

/// Beats over which the tempo is averaged.
const TEMPO_BEATS: usize = 4;

/// Downbeats with the numbers of their bars, and the beats between where there is room.
pub(super) fn bars(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    panel.background(figure);
    panel.name(figure, "beats", "bars numbered");
    let downbeats = analysis.beats.iter().filter(|b| b.position_in_bar == 1);
    let px_per_bar = panel.width / downbeats.count().max(1) as f64;
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
                    anchor: Anchor::Middle,
                    ..Text::default()
                };
                figure.text(x, panel.top + 12.0, &bar.to_string(), text);
            }
        } else if px_per_bar > 12.0 {
            figure.line(
                (x, panel.top + 28.0),
                (x, panel.bottom()),
                palette::MUTED,
                1.0,
            );
        }
    }
    Ok(())
}

/// Onsets and level above 2.5 kHz.
pub(super) fn high(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    panel.name(figure, "high", "above 2.5 kHz");
    lane(figure, panel, analysis, Band::High, palette::CYAN)
}

/// Onsets and level from 200 Hz to 2.5 kHz.
pub(super) fn mid(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    panel.name(figure, "mid", "200 Hz – 2.5 kHz");
    lane(figure, panel, analysis, Band::Mid, palette::AMBER)
}

/// Onsets and level below 200 Hz.
pub(super) fn low(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    panel.name(figure, "low", "below 200 Hz");
    lane(figure, panel, analysis, Band::Low, palette::CORAL)
}

/// A band's level, and its onsets as stems whose height is their strength.
fn lane(
    figure: &mut Figure,
    panel: &Panel,
    analysis: &Analysis,
    band: Band,
    color: &str,
) -> Result<()> {
    let hops = &analysis.hops;
    let idx = band as usize;
    let bands = hops.bands.to_vec()?;
    let loudest = bands.iter().fold(1e-6f32, |m, b| m.max(b[idx]));
    let panel = panel.y(0.0, 1.08);
    panel.background(figure);
    panel.time_grid(figure);
    let points = bands.iter().enumerate();
    let points = points.map(|(i, b)| (i as f64 * hops.hop_secs, f64::from(b[idx] / loudest)));
    panel.area(figure, points, color, 0.32);
    for onset in analysis.onsets.iter().filter(|onset| onset.band == band) {
        let x = panel.x_px(onset.time_secs);
        let y = panel.y_px(onset.strength.clamp(0.05, 1.0));
        figure.line((x, panel.bottom()), (x, y), color, 1.2);
        figure.circle(x, y, 1.7, color);
    }
    Ok(())
}

/// Tempo from beat to beat, averaged over some of them.
pub(super) fn tempo(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let around = analysis.beats.windows(TEMPO_BEATS + 1);
    let points: Vec<(f64, f64)> = around
        .map(|w| {
            let length = w[TEMPO_BEATS].time_secs - w[0].time_secs;
            let bpm = 60.0 * TEMPO_BEATS as f64 / length.max(1e-3);
            (w[TEMPO_BEATS / 2].time_secs, bpm)
        })
        .collect();
    let low = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let high = points.iter().map(|p| p.1).fold(0.0, f64::max);
    let (middle, reach) = if points.is_empty() {
        (120.0, 10.0)
    } else {
        ((low + high) / 2.0, ((high - low) * 0.6).max(6.0))
    };
    let panel = panel.y(middle - reach, middle + reach);
    panel.background(figure);
    panel.time_grid(figure);
    panel.value_axis(figure, 3);
    name(figure, &panel, "tempo", "bpm");
    panel.curve(figure, points, palette::GREEN, 1.8);
    Ok(())
}
