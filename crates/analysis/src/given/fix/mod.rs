//! The file of corrections beside a song: beats, downbeats and sections in lines that people can edit. `text.rs` writes it.

mod text;

use std::ops::Range;
use std::path::{Path, PathBuf};

use common::text_file::{self, Line, TextError, suggest, trimmed};
use common::units::format_secs;
use common::{Error, Result};

use super::beats_file::{check_time, position, time};
use super::{GivenBeat, GivenSection, TEMPO_RANGE_BPM, TimeSignature};

pub use text::fix_text;
pub(super) use text::{
    BEATS_NOTE, HEAD, LOCKED_NOTE, SECTIONS_NOTE, beat_row, section_row, span_row,
};

/// What stands behind `tempo:` and `meter:` where the listed beats decide.
pub(super) const FROM_BEATS: &str = "beats";
const HEADINGS: [&str; 5] = ["tempo", "meter", "beats", "locked", "sections"];

/// What a file of corrections says. What it leaves out is analyzed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fix {
    pub tempo_bpm: Option<f64>,
    pub signature: Option<TimeSignature>,
    pub beats: Option<Vec<GivenBeat>>,
    /// Parts of the song in seconds, half-open and in order, whose beats stay as they are listed.
    pub locked: Vec<Range<f64>>,
    pub sections: Option<Vec<GivenSection>>,
}

impl Fix {
    /// Whether tempo or meter are given, so that beats are found anew.
    pub fn is_heard_anew(&self) -> bool {
        self.tempo_bpm.is_some() || self.signature.is_some()
    }
}

/// Where the corrections of a song lie: beside it, named like it with `.fix.txt` behind.
pub fn fix_path(song: &Path) -> PathBuf {
    let mut name = song.file_name().unwrap_or_default().to_owned();
    name.push(".fix.txt");
    song.with_file_name(name)
}

/// Reads the corrections of a song of `duration_secs`.
///
/// # Errors
/// [`Error::Io`], and [`Error::Text`] with the place of what can't be understood.
pub(super) fn read(path: &Path, duration_secs: f64) -> Result<Fix> {
    let bytes = text_file::read(path)?;
    parse(path, &bytes, duration_secs).map_err(|error| Error::Text(Box::new(error)))
}

/// Reads the text of a file of corrections; `path` serves in messages only.
pub(super) fn parse(path: &Path, bytes: &[u8], duration_secs: f64) -> Result<Fix, TextError> {
    let mut fix = Fix::default();
    let mut seen: Vec<&str> = Vec::new();
    for line in text_file::lines(path, bytes)? {
        let body = without_comment(&line);
        let text = line.text.get(body.clone()).unwrap_or_default();
        if text.is_empty() {
            continue;
        }
        if let Some((heading, value)) = heading(&line, &body) {
            let name = line.text.get(heading.clone()).unwrap_or_default();
            let Some(known) = HEADINGS.into_iter().find(|known| *known == name) else {
                return Err(line
                    .error(heading, format!("there is no part \"{name}\""))
                    .with_hint(suggest(name, &HEADINGS)));
            };
            if seen.contains(&known) {
                return Err(line.error(heading, format!("\"{known}\" stands here twice")));
            }
            seen.push(known);
            begin(&line, known, value, &mut fix)?;
            continue;
        }
        let part = seen.last().copied().unwrap_or_default();
        row(&line, body, part, duration_secs, &mut fix)?;
    }
    if !fix.locked.is_empty() && fix.beats.is_none() {
        return Err(TextError {
            path: path.to_owned(),
            place: None,
            reason: "parts are locked, but no beats are listed".to_owned(),
            hint: Some("list beats below \"beats:\", or leave \"locked:\" out".to_owned()),
        });
    }
    Ok(fix)
}

/// The line without blanks at its ends and without what stands behind a `#`, which begins a word.
pub(super) fn without_comment(line: &Line<'_>) -> Range<usize> {
    let is_start = |at: usize| {
        line.text[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let mut signs = line.text.match_indices('#');
    let end = signs
        .find(|(at, _)| is_start(*at))
        .map_or(line.text.len(), |(at, _)| at);
    trimmed(line, 0..end)
}

/// Name and value of a line such as `tempo: 120`; times have no letter in front of their colon.
pub(super) fn heading(
    line: &Line<'_>,
    body: &Range<usize>,
) -> Option<(Range<usize>, Range<usize>)> {
    let text = line.text.get(body.clone())?;
    let length = text.find(':')?;
    let name = text.get(..length)?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphabetic() || c == '_' || c == '-');
    is_name.then(|| {
        let name = body.start..body.start + length;
        let value = trimmed(line, name.end + 1..body.end);
        (name, value)
    })
}

fn begin(line: &Line<'_>, part: &str, value: Range<usize>, fix: &mut Fix) -> Result<(), TextError> {
    let text = line.text.get(value.clone()).unwrap_or_default();
    match part {
        "tempo" | "meter" if text == FROM_BEATS => {}
        "tempo" => {
            let (least, most) = TEMPO_RANGE_BPM;
            let bpm = text.parse().ok().filter(|bpm| (least..=most).contains(bpm));
            fix.tempo_bpm = Some(bpm.ok_or_else(|| {
                line.error(value, format!("\"{text}\" is not a tempo"))
                    .with_hint(format!(
                        "give beats per minute from {least} to {most}, or \"{FROM_BEATS}\""
                    ))
            })?);
        }
        "meter" => {
            let signature = text.parse::<TimeSignature>();
            fix.signature = Some(signature.map_err(|form| {
                line.error(value, format!("\"{text}\" is not a meter"))
                    .with_hint(format!("{form}, or \"{FROM_BEATS}\""))
            })?);
        }
        _ if !text.is_empty() => {
            return Err(line
                .error(value, "nothing can stand behind this heading")
                .with_hint("each beat and each section has a line of its own below"));
        }
        "beats" => fix.beats = Some(Vec::new()),
        "locked" => {}
        _ => fix.sections = Some(Vec::new()),
    }
    Ok(())
}

/// Reads a line below a heading.
fn row(
    line: &Line<'_>,
    body: Range<usize>,
    part: &str,
    duration_secs: f64,
    fix: &mut Fix,
) -> Result<(), TextError> {
    let text = line.text.get(body.clone()).unwrap_or_default();
    let length = text.find(char::is_whitespace).unwrap_or(text.len());
    let time_at = body.start..body.start + length;
    let rest = trimmed(line, time_at.end..body.end);
    let rest_text = line.text.get(rest.clone()).unwrap_or_default();
    match (part, &mut fix.beats, &mut fix.sections) {
        ("beats", Some(beats), _) => {
            let time_secs = time(line, &time_at)?;
            check_time(
                line,
                &time_at,
                time_secs,
                beats.last().map(|b| b.time_secs),
                duration_secs,
            )?;
            let position_in_bar = if rest.is_empty() {
                None
            } else {
                Some(position(line, &rest)?)
            };
            beats.push(GivenBeat {
                time_secs,
                position_in_bar,
            });
            Ok(())
        }
        ("locked", ..) => {
            let last = fix.locked.last().map(|span| span.end);
            let span = locked(line, &time_at, &rest, last, duration_secs)?;
            fix.locked.push(span);
            Ok(())
        }
        ("sections", _, Some(sections)) => {
            let start_secs = time(line, &time_at)?;
            check_time(
                line,
                &time_at,
                start_secs,
                sections.last().map(|s| s.start_secs),
                duration_secs,
            )?;
            if rest.is_empty() {
                return Err(line
                    .error(time_at, "this section has no name")
                    .with_hint("such as: 12.5  chorus"));
            }
            sections.push(GivenSection {
                start_secs,
                label: rest_text.to_owned(),
            });
            Ok(())
        }
        _ => Err(line
            .error(body, "this belongs to no part")
            .with_hint("lines stand below a heading: \"beats:\" or \"sections:\"")),
    }
}

/// A locked part, whose start lies at or behind `last`. It may reach to the song's end.
fn locked(
    line: &Line<'_>,
    start_at: &Range<usize>,
    end_at: &Range<usize>,
    last: Option<f64>,
    duration_secs: f64,
) -> Result<Range<f64>, TextError> {
    if end_at.is_empty() {
        return Err(line
            .error(start_at.clone(), "the end of this part is missing")
            .with_hint("a locked part has a start and an end, such as: 12.5  43.2"));
    }
    let start_secs = time(line, start_at)?;
    let end_secs = time(line, end_at)?;
    check_time(line, start_at, start_secs, None, duration_secs)?;
    if let Some(last) = last.filter(|last| start_secs < *last) {
        let last = format_secs(last, 3);
        return Err(line
            .error(
                start_at.clone(),
                format!("the part before it ends at {last}"),
            )
            .with_hint("locked parts stand in order and don't overlap"));
    }
    if end_secs <= start_secs {
        return Err(line
            .error(end_at.clone(), "the end is not after the start")
            .with_hint("a locked part has a start and an end, such as: 12.5  43.2"));
    }
    Ok(start_secs..end_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_songs::Song;

    fn parsed(text: &str) -> Result<Fix, TextError> {
        parse(Path::new("song.flac.fix.txt"), text.as_bytes(), 100.0)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut analysis = Song::default().analysis();
        analysis.sections[1].label = "loud # part: two".to_owned();
        let fix = parsed(&fix_text(&analysis)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((fix.tempo_bpm, fix.signature), (None, None));
        let beats = fix.beats.unwrap();
        assert_eq!(beats.len(), analysis.beats.len());
        for (given, found) in beats.iter().zip(&analysis.beats) {
            assert!((given.time_secs - found.time_secs).abs() < 1e-9);
            assert_eq!(given.position_in_bar, Some(found.position_in_bar));
        }
        let sections = fix.sections.unwrap();
        assert_eq!(sections.len(), 4);
        assert_eq!(sections[1].label, "loud");
        assert_eq!(sections[3].label, "chorus");
    }

    #[test]
    fn parts_may_be_missing() {
        assert_eq!(parsed("# nothing\n\n").unwrap(), Fix::default());
        let fix =
            parsed("tempo: 87.5\nmeter: 6/8 # slow\nsections:\n0 A\n1:10.5 outro part\n").unwrap();
        assert_eq!(fix.tempo_bpm, Some(87.5));
        assert_eq!(fix.signature.map(TimeSignature::beats_per_bar), Some(2));
        assert_eq!(fix.beats, None);
        let sections = fix.sections.unwrap();
        assert_eq!(
            (sections[1].start_secs, sections[1].label.as_str()),
            (70.5, "outro part")
        );
    }

    #[test]
    fn faults_are_shown_in_their_place() {
        for (text, line, column, reason) in [
            ("beat:\n", 1, 1, "no part"),
            ("tempo: fast\n", 1, 8, "not a tempo"),
            ("tempo: 1e9\n", 1, 8, "not a tempo"),
            ("meter: 9/9\n", 1, 8, "not a meter"),
            ("tempo: 90\ntempo: 91\n", 2, 1, "twice"),
            ("beats: 1\n", 1, 8, "nothing"),
            ("0.5 1\n", 1, 1, "no part"),
            ("tempo: 90\n0.5 1\n", 2, 1, "no part"),
            ("beats:\n 0.5 1\n 0.4 2\n", 3, 2, "not after"),
            ("beats:\n0.5 x\n", 2, 5, "not a position"),
            ("beats:\n0.5 1 2\n", 2, 5, "not a position"),
            ("beats:\n100 1\n", 2, 1, "song ends"),
            ("beats:\nabc 1\n", 2, 1, ""),
            ("sections:\n0\n", 2, 1, "no name"),
            ("sections:\n5 A\n5 B\n", 3, 1, "not after"),
            ("locked:\n5\n", 2, 1, "end of this part"),
            ("locked:\n5 4\n", 2, 3, "not after the start"),
            ("locked:\n5 6 7\n", 2, 3, ""),
            ("locked:\n5 8\n7 9\n", 3, 1, "before it ends at 0:08"),
            ("locked:\n100 101\n", 2, 1, "song ends"),
        ] {
            let error = parsed(text).unwrap_err();
            let place = error.place.clone().unwrap_or_default();
            assert_eq!(
                (place.line, place.column),
                (line, column),
                "{text:?}: {error}"
            );
            assert!(error.reason.contains(reason), "{error}");
        }
    }

    #[test]
    fn locked_parts_need_beats() {
        let fix = parsed("beats:\n1 1\n2 2\nlocked:\n0 1.5 # sure\n1.5 1:40\n").unwrap();
        assert_eq!(fix.locked, [0.0..1.5, 1.5..100.0]);
        let error = parsed("locked:\n0 1\n").unwrap_err();
        assert!(error.reason.contains("no beats are listed") && error.place.is_none());
    }

    #[test]
    fn the_file_lies_beside_the_song() {
        assert_eq!(
            fix_path(Path::new("a/song.flac")),
            Path::new("a/song.flac.fix.txt")
        );
        assert_eq!(fix_path(Path::new("song")), Path::new("song.fix.txt"));
    }
}
