//! Which parts of a song become clips.

use analysis::{Analysis, Section};

use super::Per;

/// A part of a song that becomes a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Name of the section that it is from; the second of two alike is `chorus-2`.
    pub section: String,
    /// The section's own label.
    pub label: String,
    /// Index of the section.
    pub section_idx: usize,
    /// Start in seconds of the song: a downbeat, where there are beats.
    pub start_secs: f64,
    /// End in seconds of the song.
    pub end_secs: f64,
    /// Length in beats.
    pub n_beats: u32,
    /// Whether it starts and ends on beats of the song; otherwise it is a length of time.
    pub has_beats: bool,
}

/// A place in a song, and how far clips from there may reach.
struct Place {
    section: String,
    label: String,
    section_idx: usize,
    start_secs: f64,
    end_secs: f64,
}

/// The parts of a song that become clips of `beats` (ascending), and what to know about them, a sentence each.
///
/// A section that is too short for a clip is left out; one that is too short for all has a clip of as many beats as fit, a power
/// of two. Songs without beats are cut by time, as if they had `even_bpm` beats a minute.
pub fn parts(
    analysis: &Analysis,
    beats: &[u32],
    per: Per,
    even_bpm: f64,
) -> (Vec<Part>, Vec<String>) {
    let mut notes = Vec::new();
    let has_beats = analysis.beats.len() > 1 && analysis.has_reliable_beats();
    if !has_beats {
        notes.push(format!(
            "it has no steady beat: clips are lengths of time, as if it had {even_bpm} beats a minute"
        ));
    }
    let longest = beats.last().copied().unwrap_or(1);
    let room = |place: &Place| match has_beats {
        true => room_in_beats(analysis, place, longest),
        false => room_in_secs(place, longest, even_bpm),
    };
    let mut parts = Vec::new();
    for place in places(analysis, per, &|place| room(place).n_beats) {
        let room = room(&place);
        let mut fitting: Vec<u32> = beats
            .iter()
            .copied()
            .filter(|n| *n <= room.n_beats)
            .collect();
        if fitting.len() < beats.len() {
            let fits = largest_power_of_two(room.n_beats);
            let made = match (fitting.is_empty(), fits) {
                (true, 0) => "no clip".to_owned(),
                (true, n) => {
                    fitting.push(n);
                    format!("a clip of {n}")
                }
                (false, _) => "no longer clips".to_owned(),
            };
            notes.push(format!(
                "section {} has {} whole beats: {made}",
                place.section, room.n_beats
            ));
        }
        parts.extend(fitting.into_iter().map(|n_beats| Part {
            section: place.section.clone(),
            label: place.label.clone(),
            section_idx: place.section_idx,
            start_secs: room.start_secs,
            end_secs: room.end_secs(analysis, n_beats, even_bpm),
            n_beats,
            has_beats,
        }));
    }
    (parts, notes)
}

/// How many beats there are from a place on.
struct Room {
    start_secs: f64,
    /// Index of the beat at the start, where there are beats.
    first: Option<usize>,
    n_beats: u32,
}

impl Room {
    fn end_secs(&self, analysis: &Analysis, n_beats: u32, even_bpm: f64) -> f64 {
        let end = self.first.map(|first| first + n_beats as usize);
        let beat = end.and_then(|end| analysis.beats.get(end));
        let by_time = self.start_secs + f64::from(n_beats) * 60.0 / even_bpm;
        beat.map_or(by_time, |beat| beat.time_secs)
    }
}

/// Beats from the place's first downbeat to its end; at most `longest`.
fn room_in_beats(analysis: &Analysis, place: &Place, longest: u32) -> Room {
    let half_beat = 30.0 / analysis.tempo_bpm.unwrap_or(120.0).max(1.0);
    let beats = &analysis.beats;
    let is_start = |beat: &analysis::Beat| {
        beat.position_in_bar == 1 && beat.time_secs >= place.start_secs - half_beat
    };
    let Some(first) = beats.iter().position(is_start) else {
        return Room {
            start_secs: place.start_secs,
            first: None,
            n_beats: 0,
        };
    };
    let within = beats.iter().skip(first + 1);
    let within = within.take_while(|beat| beat.time_secs <= place.end_secs + half_beat);
    Room {
        start_secs: beats.get(first).map_or(0.0, |beat| beat.time_secs),
        first: Some(first),
        n_beats: (within.count() as u32).min(longest),
    }
}

fn room_in_secs(place: &Place, longest: u32, even_bpm: f64) -> Room {
    let n_beats = (place.end_secs - place.start_secs) * even_bpm / 60.0;
    Room {
        start_secs: place.start_secs,
        first: None,
        n_beats: ((n_beats + 1e-6).max(0.0) as u32).min(longest),
    }
}

fn places(analysis: &Analysis, per: Per, room: &dyn Fn(&Place) -> u32) -> Vec<Place> {
    let sections: Vec<Place> = analysis
        .sections
        .iter()
        .enumerate()
        .map(|(idx, section)| Place {
            section: numbered(&analysis.sections, idx),
            label: section.label.clone(),
            section_idx: idx,
            start_secs: section.start_secs,
            end_secs: section.end_secs,
        })
        .collect();
    match per {
        Per::Section => sections,
        Per::Track => {
            // The longest clips that any section has room for; among those sections, the most energetic one.
            let most = sections.iter().map(room).max().unwrap_or(0);
            let energy = |place: &Place| {
                let section = analysis.sections.get(place.section_idx);
                section.map_or(0.0, |section| section.energy)
            };
            let best = sections
                .into_iter()
                .filter(|place| room(place) == most)
                .max_by(|a, b| energy(a).total_cmp(&energy(b)));
            best.into_iter().collect()
        }
        Per::Places(n) => (0..n)
            .map(|idx| {
                let start_secs = analysis.duration_secs * f64::from(idx) / f64::from(n);
                let found = sections.iter().rposition(|s| s.start_secs <= start_secs);
                let section = found.and_then(|idx| sections.get(idx));
                Place {
                    section: format!("part{}", idx + 1),
                    label: section.map_or_else(String::new, |section| section.label.clone()),
                    section_idx: found.unwrap_or_default(),
                    start_secs,
                    end_secs: analysis.duration_secs,
                }
            })
            .collect(),
    }
}

/// A section's label, with its number among those of this label from the second on.
fn numbered(sections: &[Section], idx: usize) -> String {
    let label = sections.get(idx).map_or("", |section| &section.label);
    let before = sections.iter().take(idx);
    match before.filter(|other| other.label == label).count() {
        0 => label.to_owned(),
        n => format!("{label}-{}", n + 1),
    }
}

fn largest_power_of_two(n: u32) -> u32 {
    match n {
        0 => 0,
        n => 1 << n.ilog2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis(n_beats: u32) -> Analysis {
        let song = analysis::test_songs::Song::default();
        let mut analysis = song.analysis();
        let beat = analysis.beats[0];
        analysis.tempo_bpm = Some(120.0);
        analysis.beat_confidence = 0.9;
        analysis.beats = (0..n_beats)
            .map(|idx| analysis::Beat {
                time_secs: 0.25 + 0.5 * f64::from(idx),
                position_in_bar: idx % 4 + 1,
                ..beat
            })
            .collect();
        analysis.duration_secs = 0.5 * f64::from(n_beats);
        analysis
    }

    fn with_sections(mut analysis: Analysis, sections: &[(&str, f64, f64, f64)]) -> Analysis {
        analysis.sections = sections
            .iter()
            .map(|(label, start_secs, end_secs, energy)| Section {
                label: (*label).to_owned(),
                start_secs: *start_secs,
                end_secs: *end_secs,
                energy: *energy,
            })
            .collect();
        analysis
    }

    fn song() -> Analysis {
        with_sections(
            analysis(64),
            &[
                ("intro", 0.0, 4.25, 0.1),
                ("drop", 4.25, 20.25, 0.9),
                ("break", 20.25, 21.75, 0.3),
                ("drop", 21.75, 32.0, 0.8),
            ],
        )
    }

    fn rows(parts: &[Part]) -> Vec<(&str, u32, f64, f64)> {
        let row = |part: &'_ Part| (part.n_beats, part.start_secs, part.end_secs);
        let rows = parts.iter().map(|part| (part, row(part)));
        rows.map(|(part, (n, start, end))| (part.section.as_str(), n, start, end))
            .collect()
    }

    #[test]
    fn each_section_has_the_clips_that_fit() {
        let (parts, notes) = parts(&song(), &[4, 16], Per::Section, 120.0);
        assert_eq!(
            rows(&parts),
            [
                ("intro", 4, 0.25, 2.25),
                ("drop", 4, 4.25, 6.25),
                ("drop", 16, 4.25, 12.25),
                ("break", 2, 20.25, 21.25),
                // Its first downbeat is a beat behind its start.
                ("drop-2", 4, 22.25, 24.25),
                ("drop-2", 16, 22.25, 30.25),
            ]
        );
        let short: Vec<&str> = notes.iter().map(|note| &note[..13]).collect();
        assert_eq!(short, ["section intro", "section break"]);
        assert!(notes[1].contains("3 whole beats: a clip of 2"), "{notes:?}");
    }

    #[test]
    fn a_track_has_clips_of_its_most_energetic_section_with_room() {
        let (found, notes) = parts(&song(), &[4, 16], Per::Track, 120.0);
        assert_eq!(
            rows(&found),
            [("drop", 4, 4.25, 6.25), ("drop", 16, 4.25, 12.25)]
        );
        assert!(notes.is_empty(), "{notes:?}");
        let (found, _) = parts(&song(), &[4], Per::Places(2), 120.0);
        assert_eq!(
            rows(&found),
            [("part1", 4, 0.25, 2.25), ("part2", 4, 16.25, 18.25)]
        );
    }

    #[test]
    fn a_song_without_beats_is_cut_by_time() {
        let mut song = song();
        song.beat_confidence = 0.2;
        let (found, notes) = parts(&song, &[8], Per::Section, 120.0);
        assert_eq!(found[0].start_secs, 0.0);
        assert_eq!((found[0].n_beats, found[0].end_secs), (8, 4.0));
        assert!(found.iter().all(|part| !part.has_beats));
        assert!(notes[0].contains("no steady beat"), "{notes:?}");
        song.beats.clear();
        song.sections.truncate(0);
        assert!(parts(&song, &[8], Per::Section, 120.0).0.is_empty());
    }
}
