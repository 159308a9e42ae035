//! An analysis as a file of corrections, and the lines of such a file.

use std::fmt::Write as _;

use super::super::super::Analysis;
use super::FROM_BEATS;

/// How a file begins, behind its first line.
pub(in super::super) const HEAD: &str = "\
    #\n\
    # While this file lies beside the song, `visualize analyze`, `plan` and films go by it; --no-fix leaves it out.\n\
    # A part that you delete (a heading with all of its lines) is heard anew. Everything behind # is a comment.\n\
    # Times are seconds from the song's start, or m:ss.sss, and ascend.\n";

/// What stands above the beats.
pub(in super::super) const BEATS_NOTE: &str = "# Time and position in the bar; 1 is a downbeat.\n";

/// What stands above the locked parts.
pub(in super::super) const LOCKED_NOTE: &str = "\
    # Start and end of parts whose beats are right: they stay when beats are moved, or found anew with another tempo or meter.\n";

/// What stands above the sections.
pub(in super::super) const SECTIONS_NOTE: &str = "# Start and name; a section ends where the next one starts, the last with the song. Alike sections share a name.\n";

/// A beat as a line.
pub(in super::super) fn beat_row(time_secs: f64, position_in_bar: u32) -> String {
    format!("{time_secs:11.6}  {position_in_bar}")
}

/// A part of the song as a line.
pub(in super::super) fn span_row(start_secs: f64, end_secs: f64) -> String {
    format!("{start_secs:11.6}  {end_secs:.6}")
}

/// A section as a line.
pub(in super::super) fn section_row(start_secs: f64, label: &str) -> String {
    let label: String = label
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("{start_secs:11.6}  {label}")
}

/// An analysis as a file of corrections, to be edited.
pub fn fix_text(analysis: &Analysis) -> String {
    let song = analysis
        .track
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let mut text = format!(
        "# What is heard in {song}, to be corrected by hand.\n\
         {HEAD}\n\
         # A number here, such as `tempo: 87` or `meter: 3/4`, has the beats found anew with it; the list below is then\n\
         # left out, but for the parts that stand below a heading `locked:`, a line each: `12.5  43.2` keeps the beats between.\n"
    );
    // Writing to a string can't fail.
    let _ = match analysis.tempo_bpm {
        Some(bpm) => writeln!(text, "tempo: {FROM_BEATS}  # {bpm:.2} a minute"),
        None => writeln!(text, "# no beats were found; `tempo: 120` may help"),
    };
    if !analysis.beats.is_empty() {
        let n_beats = analysis.beats_per_bar();
        let _ = writeln!(text, "meter: {FROM_BEATS}  # {n_beats} in a bar");
        let _ = writeln!(text, "\n{BEATS_NOTE}beats:");
        for beat in &analysis.beats {
            let _ = writeln!(text, "{}", beat_row(beat.time_secs, beat.position_in_bar));
        }
    }
    let _ = writeln!(text, "\n{SECTIONS_NOTE}sections:");
    for section in &analysis.sections {
        let _ = writeln!(text, "{}", section_row(section.start_secs, &section.label));
    }
    text
}
