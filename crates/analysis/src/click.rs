//! The song with clicks on its beats, to hear whether they are right.

use std::io::BufWriter;
use std::path::Path;

use common::partial_file::PartialFile;
use common::units::secs_to_samples;
use common::{Error, Result};
use hound::{SampleFormat, WavSpec, WavWriter};

use super::{Analysis, Beat};

/// Length of a click in seconds.
const CLICK_SECS: f64 = 0.04;
/// Gain of the song under the clicks.
const SONG_GAIN: f32 = 0.6;
/// Peak of a click on a beat and on a downbeat.
const CLICK_PEAKS: [f32; 2] = [0.35, 0.5];
/// Frequency of a click on a beat and on a downbeat.
const CLICK_HZ: [f64; 2] = [1000.0, 1600.0];

/// Writes the song to a 16-bit WAV file at `path`, with a click on each beat and a higher, louder one on each downbeat. The
/// song is streamed; the file appears whole or not at all.
///
/// # Errors
/// As for [`audio::Track::blocks`], and [`Error::Io`] where the file can't be written.
pub fn write_clicks(analysis: &Analysis, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let track = &analysis.track;
    let partial = PartialFile::create(path)?;
    let spec = WavSpec {
        channels: track.n_channels.max(1) as u16,
        sample_rate: track.sample_rate_hz,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let failed = |e: hound::Error| match e {
        hound::Error::IoError(source) => Error::io("write", path)(source),
        other => Error::input(path, format!("can't be written as WAV: {other}")),
    };
    let mut writer = WavWriter::new(BufWriter::new(partial.file()), spec).map_err(failed)?;
    let mut clicks = Clicks::new(&analysis.beats, track.sample_rate_hz);
    for block in track.blocks(0..track.n_samples)? {
        let block = block?;
        let samples = block.samples.chunks_exact(block.n_channels.max(1));
        for (sample_idx, channels) in (block.start_sample..).zip(samples) {
            let click = clicks.at(sample_idx);
            for sample in channels {
                let mixed = (sample * SONG_GAIN + click).clamp(-1.0, 1.0);
                writer
                    .write_sample((mixed * 32_767.0).round() as i16)
                    .map_err(failed)?;
            }
        }
    }
    writer.finalize().map_err(failed)?;
    partial.commit()
}

/// The clicks alone, asked for sample by sample.
struct Clicks<'a> {
    beats: &'a [Beat],
    sample_rate_hz: u32,
    /// Index of the next beat.
    next: usize,
    /// First sample of the current click and whether it is on a downbeat.
    current: Option<(u64, usize)>,
}

impl<'a> Clicks<'a> {
    fn new(beats: &'a [Beat], sample_rate_hz: u32) -> Self {
        Self {
            beats,
            sample_rate_hz,
            next: 0,
            current: None,
        }
    }

    /// The click's value at `sample_idx`; indices must ascend.
    fn at(&mut self, sample_idx: u64) -> f32 {
        while let Some(beat) = self.beats.get(self.next) {
            let start = secs_to_samples(beat.time_secs, self.sample_rate_hz);
            if start > sample_idx {
                break;
            }
            self.current = Some((start, usize::from(beat.position_in_bar == 1)));
            self.next += 1;
        }
        let Some((start, kind)) = self.current else {
            return 0.0;
        };
        let secs = (sample_idx - start) as f64 / f64::from(self.sample_rate_hz.max(1));
        if secs > CLICK_SECS {
            return 0.0;
        }
        // A cosine, so that the attack is the very first sample.
        let tone = (secs * CLICK_HZ[kind] * std::f64::consts::TAU).cos();
        let decay = (-secs * 5.0 / CLICK_SECS).exp();
        (tone * decay) as f32 * CLICK_PEAKS[kind]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_begin_on_the_beat() {
        let beat = |time_secs: f64, position_in_bar| Beat {
            time_secs,
            position_in_bar,
            strength: 1.0,
        };
        let beats = [beat(0.5, 1), beat(1.0, 2)];
        let mut clicks = Clicks::new(&beats, 8000);
        let sound: Vec<f32> = (0..12_000).map(|i| clicks.at(i)).collect();
        assert!(sound[..4000].iter().all(|s| s.abs() < 1e-9));
        assert!((sound[4000] - CLICK_PEAKS[1]).abs() < 1e-6);
        assert!((sound[8000] - CLICK_PEAKS[0]).abs() < 1e-6);
        assert!(sound[9000..].iter().all(|s| s.abs() < 1e-9));
    }
}
