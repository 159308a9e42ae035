//! What lies beside a set's clips for other programs and for people.

use std::fmt::Write as _;
use std::path::Path;

use common::Result;
use common::partial_file::write_whole;
use common::units::FrameRate;
use image::RgbImage;
use plot::{Figure, Text, palette};
use timeline::Size;
use video::FilmReader;

use super::{ClipRecord, PlannedSong, SetRecord};
use crate::cues::CueFormat;

/// Folder of the songs' cues in the set's folder.
pub(super) const CUES: &str = "cues";

/// Most pictures on the sheet; of more clips, evenly chosen ones are shown.
const MAX_TILES: usize = 96;
const N_COLUMNS: usize = 4;
/// Width of a picture on the sheet in pixels.
const TILE_WIDTH: f64 = 240.0;
const GAP: f64 = 16.0;
/// Height of the two lines of text below a picture.
const CAPTION: f64 = 40.0;
/// Bytes of the sheet's file for each picture and unit of its area, about; a figure has four pixels there.
const BYTES_PER_AREA: f64 = 3.4;

/// The beats of all clips as a table: clip, number of the beat, times in the clip and in the song.
pub(super) fn cues_csv(record: &SetRecord) -> String {
    let mut text = "clip,beat,position_in_bar,time_secs,song_secs,section\n".to_owned();
    for clip in record.clips() {
        for (beat, cue) in (1..).zip(&clip.cues) {
            // Writing to a string can't fail; names of clips and sections hold no quotes.
            let _ = writeln!(
                text,
                "{},{beat},{},{:.6},{:.6},{}",
                clip.file,
                cue.position_in_bar,
                cue.time_secs,
                cue.song_secs,
                super::ascii(&clip.section, "part")
            );
        }
    }
    text
}

/// A song's beats, bars and sections as MIDI with markers and as Audacity labels, into a folder. A song without beats has no MIDI.
pub(super) fn song_cues(song: &PlannedSong, folder: &Path) -> Result<()> {
    for (format, ending) in [(CueFormat::Midi, "mid"), (CueFormat::Labels, "txt")] {
        if format == CueFormat::Midi && song.analysis.beats.len() < 2 {
            continue;
        }
        // The rate is for formats of editors.
        let bytes = format.bytes(&song.analysis, FrameRate::default())?;
        write_whole(&folder.join(format!("{}.{ending}", song.name)), &bytes)?;
    }
    Ok(())
}

/// Bytes that the sheet of so many clips of a size takes, about.
pub(super) fn sheet_bytes(n_clips: usize, size: Size) -> f64 {
    n_clips.min(MAX_TILES) as f64 * BYTES_PER_AREA * TILE_WIDTH * tile_height(size)
}

/// Height of a picture on the sheet.
fn tile_height(size: Size) -> f64 {
    TILE_WIDTH * f64::from(size.height) / f64::from(size.width.max(1))
}

/// Draws the middle picture of each clip with its name.
///
/// # Errors
/// When a clip can't be decoded, or the sheet can't be written.
pub(super) fn sheet(record: &SetRecord, folder: &Path, sheet: &Path) -> Result<()> {
    let clips: Vec<&ClipRecord> = record.clips().collect();
    let Some(first) = clips.first() else {
        return Ok(());
    };
    let n_tiles = clips.len().min(MAX_TILES);
    let n_columns = n_tiles.min(N_COLUMNS);
    let tile_height = tile_height(first.size);
    let cell = (TILE_WIDTH + GAP, tile_height + CAPTION + GAP);
    let mut figure = Figure::new(
        GAP + n_columns as f64 * cell.0,
        GAP + n_tiles.div_ceil(n_columns) as f64 * cell.1,
    );
    for tile in 0..n_tiles {
        let Some(clip) = clips.get(tile * clips.len() / n_tiles) else {
            continue;
        };
        let left = GAP + (tile % n_columns) as f64 * cell.0;
        let top = GAP + (tile / n_columns) as f64 * cell.1;
        if let Some(picture) = middle_picture(clip, folder)? {
            figure.picture(left, top, TILE_WIDTH, tile_height, &picture)?;
        }
        let (name, about) = captions(clip);
        let bold = Text {
            bold: true,
            ..Text::default()
        };
        figure.text(left, top + tile_height + 16.0, &name, bold);
        let muted = Text {
            color: palette::MUTED,
            ..Text::default()
        };
        figure.text(left, top + tile_height + 32.0, &about, muted);
    }
    figure.save(sheet)
}

/// Two lines of text: song and section, tempo and length.
fn captions(clip: &ClipRecord) -> (String, String) {
    let name = clip.file.split('_').nth(1).unwrap_or_default();
    let number = clip.file.split('_').next().unwrap_or_default();
    let name: String = name.chars().take(28).collect();
    let about = format!(
        "{}, {} beats, {:.0} from {:.1} BPM",
        clip.section, clip.n_beats, clip.tempo_bpm, clip.native_tempo_bpm
    );
    (format!("{number} {name}"), about)
}

fn middle_picture(clip: &ClipRecord, folder: &Path) -> Result<Option<RgbImage>> {
    let reader = FilmReader::open(folder.join(&clip.file))?;
    let middle = reader.frames_from(clip.n_frames / 2)?.next().transpose()?;
    middle.map(|frame| frame.picture.to_rgb()).transpose()
}
