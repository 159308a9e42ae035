//! A beat grid and cues, as DJ programs keep them, to beats and sections.

use super::super::{GivenBeat, GivenSection};

/// Cues closer than this are one, in seconds: DJs set a hot cue and a memory cue on the same beat.
const SAME_CUE_SECS: f64 = 0.02;
/// What precedes the first cue by less belongs to it, in seconds.
const MIN_START_SECS: f64 = 0.5;
/// What precedes the first cue.
const START: &str = "start";

/// Where a tempo begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    pub time_secs: f64,
    pub bpm: f64,
    pub beats_per_bar: u32,
    /// From 1.
    pub position_in_bar: u32,
}

impl Mark {
    fn beat_secs(&self) -> f64 {
        60.0 / self.bpm
    }

    /// The beat `n` beats behind the mark.
    fn beat(&self, n: i64) -> GivenBeat {
        let position = (i64::from(self.position_in_bar) - 1 + n)
            .rem_euclid(i64::from(self.beats_per_bar.max(1)));
        GivenBeat {
            // From the mark each time, so that no error adds up.
            time_secs: self.time_secs + n as f64 * self.beat_secs(),
            position_in_bar: Some(position as u32 + 1),
        }
    }
}

/// A place that a DJ marked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cue {
    pub start_secs: f64,
    /// Of a loop.
    pub end_secs: Option<f64>,
    /// May be empty.
    pub name: String,
    /// Number of a hot cue, from 0.
    pub hot: Option<usize>,
    /// Number of a cue that isn't hot, from 1.
    pub number: usize,
}

impl Cue {
    /// Its name; a letter for hot cues without one, as the buttons have it.
    fn label(&self) -> String {
        match self.hot {
            _ if !self.name.is_empty() => self.name.clone(),
            Some(hot @ 0..26) => char::from(b'A' + hot as u8).to_string(),
            Some(hot) => format!("hot cue {}", hot + 1),
            None => format!("cue {}", self.number),
        }
    }
}

/// What a DJ program knows of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Grid {
    /// In any order.
    pub marks: Vec<Mark>,
    /// In any order.
    pub cues: Vec<Cue>,
    /// Whether there are beats before the first mark.
    pub goes_back: bool,
}

impl Grid {
    /// The beats of a song of `duration_secs`: from each mark to the next one, from the last one to the song's end.
    pub fn beats(&self, duration_secs: f64) -> Vec<GivenBeat> {
        let mut marks = self.marks.clone();
        marks.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
        let mut beats = Vec::new();
        for (i, mark) in marks.iter().enumerate() {
            // A beat that the next mark moves isn't counted twice.
            let until = marks.get(i + 1).map_or(duration_secs, |next| {
                (next.time_secs - 0.5 * mark.beat_secs()).min(duration_secs)
            });
            // The first beat at or behind the song's start.
            let from_start = (-mark.time_secs / mark.beat_secs() - 1e-9).ceil().max(-1e9);
            let first = if self.goes_back && i == 0 {
                from_start
            } else {
                from_start.max(0.0)
            };
            let of_mark = (first as i64..).map(|n| mark.beat(n));
            beats.extend(
                of_mark
                    .take_while(|beat| beat.time_secs < until)
                    .map(|beat| GivenBeat {
                        time_secs: beat.time_secs.max(0.0),
                        ..beat
                    }),
            );
        }
        beats.dedup_by(|later, earlier| later.time_secs <= earlier.time_secs);
        beats
    }

    /// The sections between the cues of a song of `duration_secs`; none where cues don't part it. A loop is a section of its
    /// own, and behind it goes on what was before.
    pub fn sections(&self, duration_secs: f64) -> Vec<GivenSection> {
        let mut cues: Vec<&Cue> = self.cues.iter().collect();
        cues.retain(|cue| cue.start_secs < duration_secs);
        cues.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
        // Of cues at one place, the one with a name counts, and a loop more than a point.
        let rank = |cue: &Cue| (cue.name.is_empty(), cue.end_secs.is_none());
        let mut chosen: Vec<&Cue> = Vec::new();
        for cue in cues {
            match chosen.last_mut() {
                Some(last) if cue.start_secs - last.start_secs < SAME_CUE_SECS => {
                    if rank(cue) < rank(last) {
                        *last = cue;
                    }
                }
                _ => chosen.push(cue),
            }
        }
        let mut sections: Vec<GivenSection> = Vec::new();
        let mut push = |start_secs: f64, label: String| {
            sections.push(GivenSection {
                start_secs: start_secs.max(0.0),
                label,
            });
        };
        let mut before = START.to_owned();
        if chosen
            .first()
            .is_some_and(|cue| cue.start_secs >= MIN_START_SECS)
        {
            push(0.0, before.clone());
        }
        for (i, cue) in chosen.iter().enumerate() {
            push(cue.start_secs, cue.label());
            let next_secs = chosen
                .get(i + 1)
                .map_or(duration_secs, |next| next.start_secs);
            match cue.end_secs {
                Some(end_secs) if end_secs > cue.start_secs => {
                    if end_secs + SAME_CUE_SECS < next_secs {
                        push(end_secs, before.clone());
                    }
                }
                _ => before = cue.label(),
            }
        }
        sections.dedup_by(|later, earlier| later.start_secs <= earlier.start_secs);
        if sections.len() < 2 {
            sections.clear();
        }
        sections
    }
}
