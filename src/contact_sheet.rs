//! A sheet of a film's pictures with their times and prompts: the whole film at one glance.

use std::path::Path;

use common::Result;
use common::units::format_secs;
use image::RgbImage;
use mapping::prompts::shorten;
use plot::{Anchor, Figure, Text, palette};
use timeline::Timeline;
use video::FilmReader;

/// Most pictures on a sheet.
const MAX_TILES: u64 = 24;
const N_COLUMNS: u64 = 6;
/// Width of a picture on the sheet in pixels.
const TILE_WIDTH: f64 = 200.0;
const GAP: f64 = 16.0;
/// Height of the two lines of text below a picture.
const CAPTION: f64 = 40.0;
/// Letters of the small text that fit below a picture.
const CAPTION_LETTERS: usize = 32;

/// Draws frames of `film`, evenly spread, with their times and the prompts of `timeline`, into `sheet` (PNG or SVG).
///
/// # Errors
/// When the film can't be decoded, or the sheet can't be written.
pub fn save(timeline: &Timeline, film: &Path, sheet: &Path) -> Result<()> {
    let n_frames = timeline.frames.len() as u64;
    let n_tiles = n_frames.clamp(1, MAX_TILES);
    let n_columns = n_tiles.min(N_COLUMNS);
    let tile_height = TILE_WIDTH * f64::from(timeline.render.size.height)
        / f64::from(timeline.render.size.width.max(1));
    let cell = (TILE_WIDTH + GAP, tile_height + CAPTION + GAP);
    let mut figure = Figure::new(
        GAP + n_columns as f64 * cell.0,
        GAP + n_tiles.div_ceil(n_columns) as f64 * cell.1,
    );

    let reader = FilmReader::open(film)?;
    let mut tile = 0;
    for frame in reader.frames()? {
        let frame = frame?;
        // The middle of each of the film's equal parts.
        if frame.frame_idx != (2 * tile + 1) * n_frames / (2 * n_tiles) {
            continue;
        }
        let left = GAP + (tile % n_columns) as f64 * cell.0;
        let top = GAP + (tile / n_columns) as f64 * cell.1;
        draw_tile(
            &mut figure,
            timeline,
            frame.frame_idx,
            (left, top, tile_height),
            &frame.picture.to_rgb()?,
        )?;
        tile += 1;
    }
    figure.save(sheet)
}

fn draw_tile(
    figure: &mut Figure,
    timeline: &Timeline,
    frame_idx: u64,
    (left, top, height): (f64, f64, f64),
    picture: &RgbImage,
) -> Result<()> {
    figure.picture(left, top, TILE_WIDTH, height, picture)?;
    let song_start_secs =
        common::units::samples_to_secs(timeline.song.start_sample, timeline.song.sample_rate_hz);
    let time = format_secs(
        song_start_secs + timeline.frame_rate.frame_time_secs(frame_idx),
        1,
    );
    figure.text(
        left,
        top + height + 16.0,
        &time,
        Text {
            bold: true,
            ..Text::default()
        },
    );
    let inputs = timeline.inputs(frame_idx)?;
    let is_settled = inputs.prompt_from == inputs.prompt_to;
    let mix = if is_settled {
        String::new()
    } else {
        format!("{:.0}%", inputs.prompt_mix * 100.0)
    };
    let right = Text {
        color: palette::MUTED,
        anchor: Anchor::End,
        ..Text::default()
    };
    figure.text(left + TILE_WIDTH, top + height + 16.0, &mix, right);
    let nearest = if inputs.prompt_mix < 0.5 {
        inputs.prompt_from
    } else {
        inputs.prompt_to
    };
    let words = shorten(&nearest.text, CAPTION_LETTERS);
    figure.text(
        left,
        top + height + 32.0,
        &words,
        Text {
            color: palette::MUTED,
            ..Text::default()
        },
    );
    Ok(())
}
