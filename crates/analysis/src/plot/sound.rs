//! Harmonic and percussive parts, brightness, stereo width and chroma.

use image::{Rgb, RgbImage};
use plot::{Anchor, Figure, Panel, Text, palette};

use super::super::{Analysis, Mode, pitch_name};
use super::name;
use common::Result;

/// Hops over which brightness is averaged: 0.3 s.
const BRIGHTNESS_HOPS: usize = 30;
/// Semitones above the tonic that belong to a major and a (natural) minor scale.
const SCALES: [[u8; 7]; 2] = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]];
/// Colours of chroma from nothing to the strongest pitch class.
const HEAT: [[f32; 3]; 4] = [
    [22.0, 26.0, 36.0],
    [74.0, 61.0, 130.0],
    [214.0, 110.0, 140.0],
    [250.0, 214.0, 140.0],
];

/// The harmonic part above the middle, the percussive one below.
pub(super) fn parts(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let hops = &analysis.hops;
    let (harmonic, percussive) = (hops.harmonic.to_vec()?, hops.percussive.to_vec()?);
    let loudest = harmonic
        .iter()
        .chain(&percussive)
        .copied()
        .fold(1e-6f32, f32::max);
    // Roots of amplitudes: quiet parts show, too.
    let level = |value: &f32| f64::from((value / loudest).max(0.0).sqrt());
    let (mut upper, mut lower) = (*panel, *panel);
    (upper.height, lower.height) = (panel.height / 2.0, panel.height / 2.0);
    lower.top += upper.height;
    panel.background(figure);
    panel.time_grid(figure);
    upper.name(figure, "harmonic", "");
    lower.name(figure, "percussive", "");
    let points = harmonic.iter().enumerate();
    let points = points.map(|(i, v)| (i as f64 * hops.hop_secs, level(v)));
    upper
        .y(0.0, 1.05)
        .area(figure, points, palette::VIOLET, 0.85);
    let points = percussive.iter().enumerate();
    let points = points.flat_map(|(i, v)| {
        let secs = i as f64 * hops.hop_secs;
        [(secs, 0.0), (secs, -level(v))]
    });
    lower
        .y(-1.05, 0.0)
        .band(figure, points, palette::GREEN, 0.85);
    Ok(())
}

/// The spectral centroid, averaged where there is sound.
pub(super) fn brightness(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let hops = &analysis.hops;
    let panel = panel.y(100f64.log2(), 8000f64.log2());
    panel.background(figure);
    panel.time_grid(figure);
    for (hz, text) in [(250.0f64, "250"), (1000.0, "1k"), (4000.0, "4k")] {
        panel.value_line(figure, hz.log2(), text);
    }
    name(figure, &panel, "brightness", "Hz");
    let brightness_hz = hops.brightness_hz.to_vec()?;
    let averaged = brightness_hz.chunks(BRIGHTNESS_HOPS).enumerate();
    let points = averaged.filter_map(|(i, chunk)| {
        let audible: Vec<f64> = chunk
            .iter()
            .filter(|hz| **hz > 1.0)
            .map(|hz| f64::from(*hz).log2())
            .collect();
        let secs = (i * BRIGHTNESS_HOPS + chunk.len() / 2) as f64 * hops.hop_secs;
        let mean = audible.iter().sum::<f64>() / audible.len() as f64;
        (!audible.is_empty()).then_some((secs, mean))
    });
    panel.curve(figure, points, palette::CYAN, 1.5);
    Ok(())
}

/// The side signal's share.
pub(super) fn width(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let slow = &analysis.slow_hops;
    let width = slow.width.to_vec()?;
    let widest = width.iter().copied().fold(0.25f32, f32::max);
    let panel = panel.y(0.0, f64::from(widest) * 1.05);
    panel.background(figure);
    panel.time_grid(figure);
    panel.name(figure, "width", "mono – wide");
    let points = width.iter().enumerate();
    let points = points.map(|(i, w)| (i as f64 * slow.hop_secs, f64::from(*w)));
    panel.area(figure, points, palette::AMBER, 0.6);
    Ok(())
}

/// Pitch classes from C at the bottom to B at the top; those of the key are bright, its tonic is bold.
pub(super) fn chroma(figure: &mut Figure, panel: &Panel, analysis: &Analysis) -> Result<()> {
    let slow = &analysis.slow_hops;
    panel.background(figure);
    let chroma = slow.chroma.to_vec()?;
    let (columns, row_px) = (panel.width.max(1.0) as u32, panel.height / 12.0);
    let picture = RgbImage::from_fn(columns, 12 * row_px as u32, |x, y| {
        let row = 11 - (y / row_px.max(1.0) as u32).min(11) as usize;
        let secs = |x: u32| f64::from(x) / f64::from(columns) * analysis.duration_secs;
        let first = (secs(x) / slow.hop_secs.max(1e-3)) as usize;
        let last = ((secs(x + 1) / slow.hop_secs.max(1e-3)) as usize).max(first + 1);
        let part = chroma
            .get(first..last.min(chroma.len()))
            .unwrap_or_default();
        heat(part.iter().map(|chroma| chroma[row]).sum::<f32>() / part.len().max(1) as f32)
    });
    // What can't be encoded is left out; the frame and the names stay.
    let _ = figure.picture(panel.left, panel.top, panel.width, panel.height, &picture);
    let in_key = |pitch_class: u8| {
        let key = analysis.key.as_ref()?;
        let scale = SCALES[usize::from(key.mode == Mode::Minor)];
        Some((
            scale.contains(&((pitch_class + 12 - key.tonic) % 12)),
            pitch_class == key.tonic,
        ))
    };
    for pitch_class in 0..12u8 {
        let (belongs, is_tonic) = in_key(pitch_class).unwrap_or((true, false));
        let style = Text {
            size: 9.5,
            color: if belongs {
                palette::TEXT
            } else {
                palette::MUTED
            },
            anchor: Anchor::End,
            bold: is_tonic,
        };
        let y = panel.bottom() - (f64::from(pitch_class) + 0.5) * row_px + 3.3;
        figure.text(panel.left - 6.0, y, pitch_name(pitch_class), style);
    }
    let detail = analysis
        .key
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    name(figure, panel, "chroma", &detail);
    Ok(())
}

/// A colour for a value of 0..=1.
fn heat(value: f32) -> Rgb<u8> {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let idx = (place as usize).min(HEAT.len() - 2);
    let share = place - idx as f32;
    let mixed = |c: usize| HEAT[idx][c] + share * (HEAT[idx + 1][c] - HEAT[idx][c]);
    Rgb([0, 1, 2].map(|c| mixed(c) as u8))
}
