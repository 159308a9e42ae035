//! A MIDI file (Standard MIDI Files 1.0) that starts with the song: a beat is a quarter note, the tempo map follows the beats to
//! the microsecond, markers stand at bars and sections.

use std::path::Path;

use analysis::{Analysis, Beat};
use common::{Error, Result};
use midly::num::{u15, u24, u28};
use midly::{Format, Header, MetaMessage, Smf, Timing, TrackEvent, TrackEventKind};

use super::{markers, one_line};

/// Ticks in a quarter note.
const TICKS: u64 = 960;
/// A first beat within this of the song's start, in seconds or in beats, is put there: the tempo map can't start with less than
/// a beat.
const AT_START_SECS: f64 = 0.06;
const AT_START_BEATS: f64 = 0.25;
/// Longest beat that a tempo map holds, in seconds.
const MAX_BEAT_SECS: f64 = 16.0;
/// Tempo where no beats say otherwise.
const BEAT_SECS: f64 = 0.5;

/// The file.
///
/// # Errors
/// [`Error::Input`] for a song that is too long for ticks.
pub(super) fn bytes(analysis: &Analysis) -> Result<Vec<u8>> {
    let map = TempoMap::of(analysis);
    let texts: Vec<(u64, String)> = markers(analysis)
        .into_iter()
        .map(|marker| (map.tick(marker.time_secs), marker.name))
        .collect();
    let name = analysis.track.path.file_stem().unwrap_or_default();
    let name = one_line(&name.to_string_lossy());
    let mut events = vec![(0, MetaMessage::TrackName(name.as_bytes()))];
    events.extend(signatures(analysis, &map));
    events.extend(map.tempi());
    let texts = texts.iter();
    events.extend(texts.map(|(tick, name)| (*tick, MetaMessage::Marker(name.as_bytes()))));
    events.sort_by_key(|(tick, _)| *tick);
    events.push((map.tick(analysis.duration_secs), MetaMessage::EndOfTrack));
    let mut last = 0;
    let mut track = Vec::with_capacity(events.len());
    for (tick, message) in events {
        let delta = delta(tick.saturating_sub(last), &analysis.track.path)?;
        track.push(TrackEvent {
            delta,
            kind: TrackEventKind::Meta(message),
        });
        last = last.max(tick);
    }
    let smf = Smf {
        header: Header::new(
            Format::SingleTrack,
            Timing::Metrical(u15::new(TICKS as u16)),
        ),
        tracks: vec![track],
    };
    let mut bytes = Vec::new();
    smf.write(&mut bytes)
        .map_err(|_| Error::internal("a MIDI file couldn't be written to memory"))?;
    Ok(bytes)
}

fn delta(ticks: u64, song: &Path) -> Result<u28> {
    u32::try_from(ticks)
        .ok()
        .and_then(u28::try_from)
        .ok_or_else(|| Error::input(song, "is too long for a MIDI file"))
}

/// Ticks and their times.
struct TempoMap {
    /// From the song's start, ascending in both; the first ones lead to the first beat.
    anchors: Vec<(u64, f64)>,
    /// Which anchor each beat is.
    first_beat: usize,
    /// Length of a beat behind the last one.
    last_beat_secs: f64,
}

impl TempoMap {
    fn of(analysis: &Analysis) -> Self {
        let beat_secs = analysis.tempo_bpm.map_or(BEAT_SECS, |bpm| 60.0 / bpm);
        let beat_secs = beat_secs.clamp(0.06, 3.0);
        let mut anchors = vec![(0, 0.0)];
        let beats = &analysis.beats;
        let Some(first) = beats.first() else {
            return Self {
                anchors,
                first_beat: 0,
                last_beat_secs: BEAT_SECS,
            };
        };
        if first.time_secs >= AT_START_SECS.max(AT_START_BEATS * beat_secs) {
            let n_before = (first.time_secs / beat_secs).round().max(1.0) as u64;
            let share = first.time_secs / n_before as f64;
            anchors.extend((1..=n_before).map(|i| (i * TICKS, share * i as f64)));
        }
        let first_beat = anchors.len() - 1;
        for pair in beats.windows(2) {
            let (tick, _) = anchors.last().copied().unwrap_or_default();
            let n_quarters = ((pair[1].time_secs - pair[0].time_secs) / MAX_BEAT_SECS).ceil();
            anchors.push((tick + TICKS * (n_quarters as u64).max(1), pair[1].time_secs));
        }
        Self {
            anchors,
            first_beat,
            last_beat_secs: beat_secs,
        }
    }

    /// The tick nearest to a time.
    fn tick(&self, secs: f64) -> u64 {
        let behind = self
            .anchors
            .partition_point(|(_, time)| *time <= secs)
            .max(1);
        let (tick, time) = self.anchors[behind - 1];
        let per_sec = match self.anchors.get(behind) {
            Some((next_tick, next)) => (next_tick - tick) as f64 / (next - time),
            None => TICKS as f64 / self.last_beat_secs,
        };
        tick + ((secs - time).max(0.0) * per_sec).round() as u64
    }

    /// Tempo changes. Each makes up for what the one before it lost by rounding to microseconds.
    fn tempi(&self) -> Vec<(u64, MetaMessage<'static>)> {
        let mut tempi = Vec::new();
        let (mut now_secs, mut last) = (0.0, 0);
        let mut push = |tick: u64, micros: u32| {
            if micros != last {
                last = micros;
                tempi.push((tick, MetaMessage::Tempo(u24::new(micros))));
            }
        };
        for pair in self.anchors.windows(2) {
            let n_quarters = (pair[1].0 - pair[0].0) as f64 / TICKS as f64;
            let micros = ((pair[1].1 - now_secs) * 1e6 / n_quarters).round();
            let micros = micros.clamp(1.0, f64::from(u24::max_value().as_int()));
            now_secs += micros * 1e-6 * n_quarters;
            push(pair[0].0, micros as u32);
        }
        let (tick, _) = self.anchors.last().copied().unwrap_or_default();
        push(tick, (self.last_beat_secs * 1e6).round() as u32);
        tempi
    }
}

/// Time signatures: one where the number of beats in a bar changes. What precedes the first downbeat is filled up with bars, of
/// which the first may be short.
fn signatures(analysis: &Analysis, map: &TempoMap) -> Vec<(u64, MetaMessage<'static>)> {
    let beats = &analysis.beats;
    let is_downbeat = |beat: &Beat| beat.position_in_bar == 1;
    let Some(first) = beats.iter().position(is_downbeat) else {
        return Vec::new();
    };
    let typical = analysis.beats_per_bar();
    let mut bars: Vec<(u64, u32)> = Vec::new();
    let n_before = map.first_beat + first;
    let short = n_before as u32 % typical;
    if short > 0 {
        bars.push((0, short));
    }
    if n_before as u32 >= typical {
        bars.push((u64::from(short) * TICKS, typical));
    }
    let mut start = first;
    while start < beats.len() {
        let next = beats[start + 1..].iter().position(is_downbeat);
        // The last bar may be cut short by the song's end.
        let before = bars.last().map_or(typical, |(_, n_beats)| *n_beats);
        let n_beats = next.map_or(before, |until| until as u32 + 1);
        bars.push((map.anchors[map.first_beat + start].0, n_beats));
        start = next.map_or(beats.len(), |until| start + 1 + until);
    }
    bars.dedup_by(|later, earlier| later.1 == earlier.1);
    let signatures = bars.into_iter().map(|(tick, n_beats)| {
        let n_beats = u8::try_from(n_beats).unwrap_or(u8::MAX);
        // The beat is 2^2, a quarter note; 24 clocks and 8 thirty-seconds to it.
        (tick, MetaMessage::TimeSignature(n_beats, 2, 24, 8))
    });
    signatures.collect()
}
