//! Beats from a MIDI file: those of its clock where it recorded one, else those that its tempo and time signatures count.
//!
//! Standard MIDI Files 1.0; MIDI clock (24 to a quarter note, MIDI 1.0, system real-time messages) stands in escape events.

use std::path::Path;

use common::{Error, Result};
use midly::{Format, MetaMessage, Smf, Timing, TrackEventKind};

use super::{GivenBeat, TimeSignature};

/// Clocks to a quarter note.
const CLOCKS_PER_QUARTER: f64 = 24.0;
/// System real-time messages.
const CLOCK: u8 = 0xF8;
const START: u8 = 0xFA;
/// Tempi that count as a mistake beyond, in quarter notes per minute.
const TEMPO_RANGE_BPM: (f64, f64) = (5.0, 1000.0);
/// What a file without a time signature counts in.
const COMMON_TIME: TimeSignature = TimeSignature {
    numerator: 4,
    denominator: 4,
};

/// Beats of a song of `duration_secs`; the last tempo goes on to its end.
///
/// # Errors
/// [`Error::Input`] for a file that is broken, or has neither clock nor tempo.
pub(super) fn beats(path: &Path, bytes: &[u8], duration_secs: f64) -> Result<Vec<GivenBeat>> {
    if has_no_rate(bytes) {
        return Err(Error::input(
            path,
            "isn't a whole MIDI file: its time code has no rate",
        ));
    }
    let smf = Smf::parse(bytes)
        .map_err(|error| Error::input(path, format!("isn't a whole MIDI file: {error}")))?;
    let events = Events::of(path, &smf)?;
    let beats = if events.clocks.len() as f64 > CLOCKS_PER_QUARTER {
        events.beats_of_clock(duration_secs)
    } else if events.tempi.is_empty() {
        return Err(
            Error::input(path, "has neither a tempo nor a MIDI clock").with_hint(
                "export it with its tempo track, or give the beats as a label track or CSV",
            ),
        );
    } else {
        events.beats_of_tempo(duration_secs)
    };
    if beats.len() < 2 {
        let reason = format!("{} of its beats lie within the song", beats.len());
        return Err(Error::input(path, reason).with_hint("is it this song's file?"));
    }
    Ok(beats)
}

/// Whether a header's time code has the one rate (-128) whose sign midly, which takes it for negative, can't turn around.
fn has_no_rate(bytes: &[u8]) -> bool {
    let mut heads = bytes.windows(13).filter(|head| head.starts_with(b"MThd"));
    heads.any(|head| head.last() == Some(&0x80))
}

/// What a file says about time; in order of ticks.
struct Events {
    /// Ticks in a quarter note; `None` where ticks are parts of a second.
    ticks_per_quarter: Option<f64>,
    /// Ticks in a second where tempo has no say.
    ticks_per_sec: f64,
    /// From a tick on, seconds to a quarter note.
    tempi: Vec<(u64, f64)>,
    signatures: Vec<(u64, TimeSignature)>,
    /// Ticks of MIDI clocks since the last start.
    clocks: Vec<u64>,
}

impl Events {
    fn of(path: &Path, smf: &Smf<'_>) -> Result<Self> {
        let (ticks_per_quarter, ticks_per_sec) = match smf.header.timing {
            Timing::Metrical(ticks) => (Some(f64::from(ticks.as_int().max(1))), 1.0),
            Timing::Timecode(fps, subframes) => {
                (None, f64::from(fps.as_f32()) * f64::from(subframes.max(1)))
            }
        };
        let mut events = Self {
            ticks_per_quarter,
            ticks_per_sec,
            tempi: Vec::new(),
            signatures: Vec::new(),
            clocks: Vec::new(),
        };
        // The tracks of a sequential file follow each other; the first one is the song.
        let n_tracks = if smf.header.format == Format::Sequential {
            1
        } else {
            smf.tracks.len()
        };
        let mut started = 0;
        for track in smf.tracks.iter().take(n_tracks) {
            let mut tick = 0u64;
            for event in track {
                tick += u64::from(event.delta.as_int());
                match event.kind {
                    TrackEventKind::Meta(MetaMessage::Tempo(micros)) => {
                        events.tempi.push((tick, tempo(path, micros.as_int())?));
                    }
                    TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, power, ..)) => {
                        events
                            .signatures
                            .push((tick, signature(path, numerator, power)?));
                    }
                    TrackEventKind::Escape(bytes) => {
                        for byte in bytes {
                            match *byte {
                                START => started = tick,
                                CLOCK => events.clocks.push(tick),
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        events.tempi.sort_by_key(|(tick, _)| *tick);
        events.signatures.sort_by_key(|(tick, _)| *tick);
        events.clocks.sort_unstable();
        events.clocks.retain(|tick| *tick >= started);
        if events.ticks_per_quarter.is_none() {
            // Time code knows seconds, not quarters; only a clock can count them.
            events.tempi.clear();
        }
        Ok(events)
    }

    /// The time of a tick in seconds.
    fn secs(&self, tick: f64) -> f64 {
        let Some(ticks_per_quarter) = self.ticks_per_quarter else {
            return tick / self.ticks_per_sec.max(1.0);
        };
        // 120 quarter notes a minute until the file says otherwise (Standard MIDI Files 1.0, "Set Tempo").
        let (mut secs, mut since, mut secs_per_quarter) = (0.0, 0.0, 0.5);
        for (start, next) in &self.tempi {
            let start = *start as f64;
            if start >= tick {
                break;
            }
            secs += (start - since) / ticks_per_quarter * secs_per_quarter;
            (since, secs_per_quarter) = (start, *next);
        }
        secs + (tick - since) / ticks_per_quarter * secs_per_quarter
    }

    fn signature(&self, tick: f64) -> TimeSignature {
        let past = self
            .signatures
            .iter()
            .take_while(|(start, _)| *start as f64 <= tick + 0.5);
        past.last().map_or(COMMON_TIME, |(_, signature)| *signature)
    }

    fn beats_of_clock(&self, duration_secs: f64) -> Vec<GivenBeat> {
        let mut beats = Vec::new();
        let (mut next, mut position) = (0.0f64, 1);
        while let Some(tick) = self.clocks.get(next.round() as usize) {
            let signature = self.signature(*tick as f64);
            if position > signature.beats_per_bar() {
                position = 1;
            }
            let time_secs = self.secs(*tick as f64);
            if time_secs >= duration_secs {
                break;
            }
            beats.push(GivenBeat {
                time_secs,
                position_in_bar: Some(position),
            });
            position += 1;
            next += (signature.beat_quarters() * CLOCKS_PER_QUARTER).max(1.0);
        }
        beats.dedup_by(|later, earlier| later.time_secs <= earlier.time_secs);
        beats
    }

    fn beats_of_tempo(&self, duration_secs: f64) -> Vec<GivenBeat> {
        let ticks_per_quarter = self.ticks_per_quarter.unwrap_or(1.0);
        let mut beats = Vec::new();
        let mut changes = self
            .signatures
            .iter()
            .map(|(tick, _)| *tick as f64)
            .filter(|tick| *tick > 0.0)
            .peekable();
        let (mut tick, mut position) = (0.0f64, 1);
        loop {
            // A new time signature begins a bar.
            if let Some(change) = changes.next_if(|change| *change <= tick + 0.5) {
                (tick, position) = (change, 1);
                while changes.next_if(|change| *change <= tick + 0.5).is_some() {}
            }
            let time_secs = self.secs(tick);
            if time_secs >= duration_secs {
                return beats;
            }
            let signature = self.signature(tick);
            if position > signature.beats_per_bar() {
                position = 1;
            }
            beats.push(GivenBeat {
                time_secs,
                position_in_bar: Some(position),
            });
            position += 1;
            let next = tick + signature.beat_quarters() * ticks_per_quarter;
            tick = changes.peek().map_or(next, |change| next.min(*change));
        }
    }
}

fn tempo(path: &Path, micros_per_quarter: u32) -> Result<f64> {
    let secs = f64::from(micros_per_quarter) / 1e6;
    let bpm = 60.0 / secs;
    let (least, most) = TEMPO_RANGE_BPM;
    if (least..=most).contains(&bpm) {
        return Ok(secs);
    }
    Err(Error::input(
        path,
        format!("holds a tempo of {bpm:.1} quarter notes a minute"),
    )
    .with_hint(format!("tempi from {least} to {most} are accepted")))
}

fn signature(path: &Path, numerator: u8, power: u8) -> Result<TimeSignature> {
    if (1..=32).contains(&numerator) && power <= 5 {
        return Ok(TimeSignature {
            numerator: u32::from(numerator),
            denominator: 1 << power,
        });
    }
    Err(Error::input(
        path,
        format!("holds a time signature of {numerator}/2^{power}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with 480 ticks to a quarter note and one track of `(delta, event bytes)`, each delta below 16384.
    fn file(events: &[(u32, &[u8])]) -> Vec<u8> {
        let mut track = Vec::new();
        for (delta, event) in events.iter().chain([&(0u32, &[0xFF, 0x2F, 0x00][..])]) {
            track.extend([0x80 | (delta >> 7) as u8, (delta & 0x7F) as u8]);
            track.extend(*event);
        }
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\x01\xE0MTrk".to_vec();
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(track);
        bytes
    }

    const TEMPO_120: &[u8] = &[0xFF, 0x51, 3, 0x07, 0xA1, 0x20];
    const TEMPO_60: &[u8] = &[0xFF, 0x51, 3, 0x0F, 0x42, 0x40];
    const THREE_FOUR: &[u8] = &[0xFF, 0x58, 4, 3, 2, 24, 8];
    const SIX_EIGHT: &[u8] = &[0xFF, 0x58, 4, 6, 3, 36, 8];

    fn beats_of(bytes: &[u8], secs: f64) -> Vec<(f64, u32)> {
        let beats = beats(Path::new("song.mid"), bytes, secs).unwrap_or_else(|e| panic!("{e}"));
        let row = |b: &GivenBeat| {
            (
                (b.time_secs * 1e6).round() / 1e6,
                b.position_in_bar.unwrap(),
            )
        };
        beats.iter().map(row).collect()
    }

    #[test]
    fn beats_follow_tempo_and_meter() {
        // Four quarters at 120, then 60.
        let slower = file(&[(0, TEMPO_120), (1920, TEMPO_60)]);
        let expected = [
            (0.0, 1),
            (0.5, 2),
            (1.0, 3),
            (1.5, 4),
            (2.0, 1),
            (3.0, 2),
            (4.0, 3),
        ];
        assert_eq!(beats_of(&slower, 4.5), expected);
        let waltz = file(&[(0, TEMPO_120), (0, THREE_FOUR)]);
        assert_eq!(
            beats_of(&waltz, 2.2),
            [(0.0, 1), (0.5, 2), (1.0, 3), (1.5, 1), (2.0, 2)]
        );
        let compound = file(&[(0, TEMPO_120), (0, SIX_EIGHT)]);
        assert_eq!(beats_of(&compound, 2.0), [(0.0, 1), (0.75, 2), (1.5, 1)]);
        // The new signature cuts the bar short.
        let changing = file(&[(0, TEMPO_120), (960, THREE_FOUR)]);
        assert_eq!(
            beats_of(&changing, 2.7),
            [(0.0, 1), (0.5, 2), (1.0, 1), (1.5, 2), (2.0, 3), (2.5, 1)]
        );
    }

    #[test]
    fn beats_follow_the_clock() {
        let mut events: Vec<(u32, &[u8])> = vec![(0, TEMPO_120), (480, &[0xF7, 1, START])];
        // 24 clocks at 20 ticks each are a quarter note.
        events.extend((0..60).map(|i| (if i == 0 { 0 } else { 20 }, &[0xF7u8, 1, CLOCK][..])));
        assert_eq!(
            beats_of(&file(&events), 60.0),
            [(0.5, 1), (1.0, 2), (1.5, 3)]
        );
    }

    #[test]
    fn broken_files_are_refused() {
        let refused = |bytes: &[u8]| {
            beats(Path::new("s.mid"), bytes, 10.0)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(b"MThd").contains("MIDI"));
        assert!(refused(b"MThd\0\0\0\x06\0\0\0\x01\x80\x01").contains("time code"));
        assert!(refused(&file(&[(0, THREE_FOUR)])).contains("neither"));
        assert!(refused(&file(&[(0, &[0xFF, 0x51, 3, 0, 0, 0])])).contains("tempo"));
        assert!(
            refused(&file(&[(0, TEMPO_120), (0, &[0xFF, 0x58, 4, 0, 2, 24, 8])]))
                .contains("signature")
        );
        let whole = file(&[(0, TEMPO_120), (1920, TEMPO_60)]);
        for end in 0..whole.len() {
            let _ = beats(Path::new("s.mid"), &whole[..end], 10.0);
        }
    }
}
