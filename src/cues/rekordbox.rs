//! rekordbox's XML ("rekordbox XML format list", AlphaTheta) with one track: its beat grid as tempo marks, its sections as
//! memory cues and, the first eight, as hot cues.

use std::fmt::Write as _;
use std::path::Path;

use analysis::{Analysis, Beat};
use common::percent;

use super::xml::escaped;
use super::{one_line, title};

/// Furthest that a beat may lie from the grid, in seconds.
const TOLERANCE_SECS: f64 = 0.0009;
/// Tempo that rekordbox has, in beats per minute.
const TEMPO_RANGE_BPM: (f64, f64) = (20.0, 400.0);
/// Hot cues of a track.
const N_HOT_CUES: usize = 8;

/// A tempo mark as it is written: rekordbox keeps milliseconds and hundredths of a beat per minute.
struct Mark {
    millis: u64,
    bpm_hundredths: u64,
    beats_per_bar: u32,
    position_in_bar: u32,
}

/// A collection with the song, and a playlist of it.
pub(super) fn text(analysis: &Analysis) -> String {
    let title = escaped(&title(analysis));
    let bpm = analysis.tempo_bpm.unwrap_or(0.0);
    let mut text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<DJ_PLAYLISTS Version="1.0.0">
  <PRODUCT Name="visualize" Version="{}" Company=""/>
  <COLLECTION Entries="1">
    <TRACK TrackID="1" Name="{title}" TotalTime="{:.0}" AverageBpm="{bpm:.2}" SampleRate="{}" Location="{}">
"#,
        env!("CARGO_PKG_VERSION"),
        analysis.duration_secs,
        analysis.sample_rate_hz,
        location(&analysis.track.path),
    );
    for mark in marks(&analysis.beats, analysis.beats_per_bar()) {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            r#"      <TEMPO Inizio="{}.{:03}" Bpm="{}.{:02}" Metro="{}/4" Battito="{}"/>"#,
            mark.millis / 1000,
            mark.millis % 1000,
            mark.bpm_hundredths / 100,
            mark.bpm_hundredths % 100,
            mark.beats_per_bar,
            mark.position_in_bar
        );
    }
    let hot = (0..N_HOT_CUES).map(|number| number.to_string());
    let hot = hot.zip(&analysis.sections);
    let memory = analysis.sections.iter().map(|s| ("-1".to_owned(), s));
    for (number, section) in hot.chain(memory) {
        let _ = writeln!(
            text,
            r#"      <POSITION_MARK Name="{}" Type="0" Start="{:.3}" Num="{number}"/>"#,
            escaped(&one_line(&section.label)),
            section.start_secs
        );
    }
    text += r#"    </TRACK>
  </COLLECTION>
  <PLAYLISTS>
    <NODE Type="0" Name="ROOT" Count="1">
      <NODE Name="visualize" Type="1" KeyType="0" Entries="1">
        <TRACK Key="1"/>
      </NODE>
    </NODE>
  </PLAYLISTS>
</DJ_PLAYLISTS>
"#;
    text
}

/// As few tempo marks as keep every beat where it is.
fn marks(beats: &[Beat], beats_per_bar: u32) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut start = 0;
    while start < beats.len() {
        let (mark, n_beats) = mark(&beats[start..], beats_per_bar);
        marks.push(mark);
        start += n_beats;
    }
    marks
}

/// The mark at the first of some beats, and how many of them lie on its grid; at least one.
fn mark(beats: &[Beat], typical: u32) -> (Mark, usize) {
    let first = beats[0];
    let bar = beats[1..]
        .iter()
        .position(|beat| beat.position_in_bar == 1)
        .map_or(typical, |until| beats[until].position_in_bar);
    let bar = bar.max(first.position_in_bar).max(1);
    let millis = (first.time_secs * 1000.0).round().max(0.0);
    let start_secs = millis / 1000.0;
    let (slowest, fastest) = TEMPO_RANGE_BPM;
    // Lengths of a beat with which all beats so far lie on the grid.
    let (mut shortest, mut longest) = (60.0 / fastest, 60.0 / slowest);
    let hundredths = |shortest: f64, longest: f64| (6000.0 * 2.0 / (shortest + longest)).round();
    // Alone, the beat takes the tempo to the next one.
    let to_next = beats.get(1).map_or(0.5, |next| next.time_secs - start_secs);
    let to_next = to_next.clamp(shortest, longest);
    let mut found = (hundredths(to_next, to_next), 1);
    for (n, beat) in beats.iter().enumerate().skip(1) {
        let position = (first.position_in_bar - 1 + n as u32) % bar + 1;
        let since = beat.time_secs - start_secs;
        shortest = shortest.max((since - TOLERANCE_SECS) / n as f64);
        longest = longest.min((since + TOLERANCE_SECS) / n as f64);
        if shortest > longest || position != beat.position_in_bar {
            break;
        }
        let bpm = hundredths(shortest, longest);
        if (shortest..=longest).contains(&(6000.0 / bpm)) {
            found = (bpm, n + 1);
        }
    }
    let mark = Mark {
        millis: millis as u64,
        bpm_hundredths: found.0 as u64,
        beats_per_bar: bar,
        position_in_bar: first.position_in_bar.max(1),
    };
    (mark, found.1)
}

/// The song's file as rekordbox names it: a URL, percent-encoded.
fn location(song: &Path) -> String {
    let path = std::path::absolute(song).unwrap_or_else(|_| song.to_owned());
    let path = path.to_string_lossy().replace('\\', "/");
    let root = if path.starts_with('/') { "" } else { "/" };
    format!("file://localhost{root}{}", percent::encoded(&path))
}
