//! Beats from a file of the user's: a label track of Audacity, a table of times, MIDI, or the collection of a DJ program.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use common::text_file::{self, Line, TextError, trimmed};
use common::units::{format_secs, parse_secs};
use common::{Error, Result};

use super::{GivenBeat, GivenSection, dj, midi};

/// Most beats in a bar that a file may count.
pub(super) const MAX_POSITION: u32 = 32;

/// What a file of beats holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct BeatsFile {
    /// In order of time; at least two.
    pub beats: Vec<GivenBeat>,
    /// From the ranges of a label track, or from cues; may be empty.
    pub sections: Vec<GivenSection>,
}

impl BeatsFile {
    /// Moves all of it by some seconds. What falls before the song's start or behind its end is left out.
    ///
    /// # Errors
    /// [`Error::Input`] where less than two beats remain.
    pub(super) fn shift(&mut self, path: &Path, secs: f64, duration_secs: f64) -> Result<()> {
        for beat in &mut self.beats {
            beat.time_secs += secs;
        }
        self.beats
            .retain(|beat| (0.0..duration_secs).contains(&beat.time_secs));
        for section in &mut self.sections {
            section.start_secs = (section.start_secs + secs).max(0.0);
        }
        self.sections
            .retain(|section| section.start_secs < duration_secs);
        self.sections
            .dedup_by(|later, earlier| later.start_secs <= earlier.start_secs);
        if self.beats.len() < 2 {
            let reason = "less than two of its beats lie within the song when they are moved";
            return Err(Error::input(path, reason).with_hint("give another `grid_offset`"));
        }
        Ok(())
    }
}

/// Reads beats for a song of `duration_secs`, which is found by its path `song` in the collection of a DJ program.
///
/// A label track (`start TAB end TAB text`) has points for beats, named by their position in the bar (`3`, or `12.3` for bar
/// 12) or not at all, and ranges for sections. A table (`time[,position_in_bar]`, separated by commas, semicolons or blanks) may
/// have a heading. A MIDI file's beats follow its clock, or else its tempo and time signatures.
///
/// # Errors
/// [`Error::Io`], and [`Error::Text`] or [`Error::Input`] with the place of what can't be understood.
pub(super) fn read(path: &Path, song: &Path, duration_secs: f64) -> Result<BeatsFile> {
    let bytes = bytes(path)?;
    if bytes.starts_with(b"MThd") {
        let beats = midi::beats(path, &bytes, duration_secs)?;
        return Ok(BeatsFile {
            beats,
            sections: Vec::new(),
        });
    }
    if dj::is_xml(&bytes) {
        return dj::read(path, &bytes, song, duration_secs);
    }
    parse(path, &bytes, duration_secs).map_err(|error| Error::Text(Box::new(error)))
}

/// The file, at most a byte more than what is accepted of its kind. It may be a pipe, so it is opened once.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut bytes = Vec::new();
    let mut read = |limit: usize, bytes: &mut Vec<u8>| {
        let more = (limit + 1).saturating_sub(bytes.len()) as u64;
        file.by_ref()
            .take(more)
            .read_to_end(bytes)
            .map_err(Error::io("read", path))
    };
    read(text_file::MAX_FILE_BYTES, &mut bytes)?;
    if dj::is_xml(&bytes) {
        read(dj::MAX_XML_BYTES, &mut bytes)?;
    }
    Ok(bytes)
}

fn parse(path: &Path, bytes: &[u8], duration_secs: f64) -> Result<BeatsFile, TextError> {
    let mut file = BeatsFile::default();
    let mut is_first = true;
    for line in text_file::lines(path, bytes)? {
        let body = trimmed(&line, 0..line.text.len());
        let text = line.text.get(body.clone()).unwrap_or_default();
        // A backslash begins the frequencies of an Audacity label.
        if text.is_empty() || text.starts_with(['#', '\\']) {
            continue;
        }
        let fields = fields(&line, body);
        let is_heading = std::mem::take(&mut is_first) && is_heading(&line, &fields);
        if is_heading {
            continue;
        }
        let row = Row::read(&line, &fields)?;
        let last = file.beats.last().map(|beat| beat.time_secs);
        match row {
            Row::Beat(beat) => {
                check_time(&line, &fields[0], beat.time_secs, last, duration_secs)?;
                file.beats.push(beat);
            }
            Row::Section(section) => {
                let last = file.sections.last().map(|section| section.start_secs);
                check_time(&line, &fields[0], section.start_secs, last, duration_secs)?;
                file.sections.push(section);
            }
        }
    }
    if file.beats.len() < 2 {
        return Err(TextError {
            path: path.to_owned(),
            place: None,
            reason: format!("{} beats can't lead through a song", file.beats.len()),
            hint: Some(
                "give a time in seconds on each line, a label track of Audacity, a MIDI file, or the collection of a DJ program"
                    .to_owned(),
            ),
        });
    }
    Ok(file)
}

/// One line of a file.
enum Row {
    Beat(GivenBeat),
    Section(GivenSection),
}

impl Row {
    fn read(line: &Line<'_>, fields: &[Range<usize>]) -> Result<Self, TextError> {
        let text = |field: &Range<usize>| line.text.get(field.clone()).unwrap_or_default();
        let beat = |time_secs, position_in_bar| {
            Self::Beat(GivenBeat {
                time_secs,
                position_in_bar,
            })
        };
        let Some(first) = fields.first() else {
            return Err(line.error(0..0, "there is no time here"));
        };
        let start_secs = time(line, first)?;
        let is_label = line.text.contains('\t')
            && fields
                .get(1)
                .is_some_and(|end| fields.len() > 2 || text(end).contains(['.', ',']));
        if is_label {
            let end_secs = time(line, &fields[1])?;
            let label = fields.get(2).map(&text).unwrap_or_default();
            if end_secs > start_secs + 1e-6 {
                return Ok(Self::Section(GivenSection {
                    start_secs,
                    label: label.to_owned(),
                }));
            }
            let position = label
                .rsplit('.')
                .next()
                .and_then(|text| text.trim().parse().ok());
            let position = position.filter(|position| (1..=MAX_POSITION).contains(position));
            return Ok(beat(start_secs, position));
        }
        if let Some(more) = fields.get(2) {
            return Err(line
                .error(more.clone(), "there is nothing to be said here")
                .with_hint(
                    "a line holds a time in seconds and, perhaps, the position in the bar: 12.5,1",
                ));
        }
        let Some(position_at) = fields.get(1) else {
            return Ok(beat(start_secs, None));
        };
        Ok(beat(start_secs, Some(position(line, position_at)?)))
    }
}

/// The fields of a line: between tabs where there are any, else semicolons, commas, or blanks.
fn fields(line: &Line<'_>, body: Range<usize>) -> Vec<Range<usize>> {
    let text = line.text.get(body.clone()).unwrap_or_default();
    let separator = ['\t', ';', ','].into_iter().find(|c| text.contains(*c));
    let mut fields = Vec::new();
    let mut start = body.start;
    let is_separator = |c: char| separator.map_or(c.is_whitespace(), |s| c == s);
    for part in text.split(is_separator) {
        let field = trimmed(line, start..start + part.len());
        // Blanks may be many.
        if separator.is_some() || !part.is_empty() {
            fields.push(field);
        }
        start += part.len() + 1;
    }
    // An empty field at the end says nothing.
    if fields.len() > 1 && fields.last().is_some_and(Range::is_empty) && separator != Some('\t') {
        fields.pop();
    }
    fields
}

/// Whether a table's first line names its columns.
fn is_heading(line: &Line<'_>, fields: &[Range<usize>]) -> bool {
    let is_word = |field: &Range<usize>| {
        let text = line.text.get(field.clone()).unwrap_or_default();
        text.starts_with(|c: char| c.is_alphabetic() || c == '"')
    };
    !fields.is_empty() && fields.iter().all(is_word)
}

/// Seconds, or minutes and seconds; a comma serves as a point where it doesn't separate fields.
pub(super) fn time(line: &Line<'_>, at: &Range<usize>) -> Result<f64, TextError> {
    let text = line.text.get(at.clone()).unwrap_or_default();
    parse_secs(&text.replace(',', ".")).map_err(|reason| {
        let reason = reason.split(';').next().unwrap_or_default();
        line.error(at.clone(), reason)
            .with_hint("a time is a number of seconds such as 83.5, or 1:23.5")
    })
}

/// A position in a bar.
pub(super) fn position(line: &Line<'_>, at: &Range<usize>) -> Result<u32, TextError> {
    let text = line.text.get(at.clone()).unwrap_or_default();
    let position = text
        .parse()
        .ok()
        .filter(|position| (1..=MAX_POSITION).contains(position));
    position.ok_or_else(|| {
        line.error(at.clone(), format!("\"{text}\" is not a position in a bar"))
            .with_hint(format!(
                "give a whole number from 1 (the downbeat) to {MAX_POSITION}, or leave it out"
            ))
    })
}

/// Refuses a time that doesn't lie behind the one before it, or not within the song.
pub(super) fn check_time(
    line: &Line<'_>,
    at: &Range<usize>,
    secs: f64,
    last: Option<f64>,
    duration_secs: f64,
) -> Result<(), TextError> {
    let refuse = |reason: String, hint: &str| Err(line.error(at.clone(), reason).with_hint(hint));
    if secs >= duration_secs {
        let end = format_secs(duration_secs, 3);
        return refuse(
            format!(
                "this is at {}, and the song ends at {end}",
                format_secs(secs, 3)
            ),
            "is it this song's file?",
        );
    }
    match last {
        Some(last) if secs <= last => refuse(
            format!(
                "this is not after the one before it, at {}",
                format_secs(last, 3)
            ),
            "times ascend from line to line",
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> BeatsFile {
        parse(Path::new("beats.txt"), text.as_bytes(), 100.0)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn beats(text: &str) -> Vec<(f64, Option<u32>)> {
        parsed(text)
            .beats
            .iter()
            .map(|b| (b.time_secs, b.position_in_bar))
            .collect()
    }

    #[test]
    fn tables_of_every_kind_are_read() {
        let plain = [(0.5, None), (1.0, None), (61.5, None)];
        assert_eq!(beats("0.5\n1\n1:01.5\n"), plain);
        assert_eq!(beats("# taps\ntime\n0.5\n\n1.0\r\n61.5"), plain);
        let counted = [(0.5, Some(4)), (1.0, Some(1))];
        for text in [
            "time,position_in_bar\n0.5,4\n1.0,1\n",
            "\"time\",\"position\"\n0.5, 4\n1.0, 1\n",
            "0,5;4\n1,0;1\n",
            "0.5 4\n1.0   1\n",
            "0.5\t4\n1.0\t1\n",
            "\u{FEFF}0.5,4,\n1.0,1,\n",
        ] {
            assert_eq!(beats(text), counted, "{text:?}");
        }
    }

    #[test]
    fn label_tracks_hold_beats_and_sections() {
        let file = parsed(
            "0.000000\t8.000000\tintro\n0.500000\t0.500000\t0.4\n1.000000\t1.000000\t1.1\n\\\t200.0\t400.0\n\
             1.500000\t1.500000\t\n8.0\t20.0\tA part\n",
        );
        let positions: Vec<_> = file.beats.iter().map(|b| b.position_in_bar).collect();
        assert_eq!(positions, [Some(4), Some(1), None]);
        let sections: Vec<_> = file
            .sections
            .iter()
            .map(|s| (s.start_secs, s.label.as_str()))
            .collect();
        assert_eq!(sections, [(0.0, "intro"), (8.0, "A part")]);
        assert_eq!(
            beats("0,5\t0,5\tbeat\n1,0\t1,0\tbeat\n"),
            [(0.5, None), (1.0, None)]
        );
    }

    #[test]
    fn faults_are_shown_in_their_place() {
        let error = |text: &str| parse(Path::new("b.csv"), text.as_bytes(), 100.0).unwrap_err();
        for (text, line, column, reason) in [
            ("0.5\nnonsense\n", 2, 1, ""),
            ("0.5,1\n0.4,2\n", 2, 1, "not after"),
            ("0.5,1\n0.5,2\n", 2, 1, "not after"),
            ("0.5,1\n200,2\n", 2, 1, "1:40"),
            ("0.5,1\n0.6,0\n", 2, 5, "not a position"),
            ("0.5,1\n0.6,one\n", 2, 5, "not a position"),
            ("0.5,1\n0.6,2,x\n", 2, 7, "nothing"),
            ("-1\n1\n", 1, 1, ""),
            ("nan\n1\n2\n", 0, 0, ""),
        ] {
            if line == 0 {
                assert_eq!(beats(text).len(), 2, "a heading: {text:?}");
                continue;
            }
            let error = error(text);
            let place = error.place.clone().unwrap_or_default();
            assert_eq!((place.line, place.column), (line, column), "{error}");
            assert!(error.reason.contains(reason), "{error}");
        }
        assert!(error("").reason.contains("0 beats") && error("0.5\n").reason.contains("1 beats"));
    }
}
