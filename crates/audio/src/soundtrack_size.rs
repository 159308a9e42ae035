//! How large a song's soundtrack will be, told before it is made.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use common::{Error, Result};

use super::blocks::Decoding;
use super::choose::is_of;
use super::copied::codec_of;
use super::encoded::Trial;
use super::extent::Extent;
use super::notes::Damage;
use super::soundtrack::{SoundtrackCodec, SoundtrackFormat};
use super::track::Track;

/// Places of a song at which its coding is tried.
const N_TRIALS: u64 = 48;
/// Bytes of a sample of one channel in FLAC or ALAC, about, where the song can't be read in parts: 0.7 of 16 bits.
const USUAL_BYTES: f64 = 1.4;
/// Bytes a second of each channel in AAC, about.
const AAC_BYTES_PER_SEC: f64 = 17_000.0;

/// Bytes that one sample of all channels takes in FLAC and in ALAC, once that was tried; shared by a track's clones. Any two are
/// equal, as they follow from the file.
#[derive(Clone, Debug, Default)]
pub struct SampleBytes(Arc<[OnceLock<f64>; 2]>);

impl PartialEq for SampleBytes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Track {
    /// Bytes of disk, about, that a soundtrack takes while a film is muxed: in the film, in a row of its packets, and once more where
    /// they are encoded. For FLAC and ALAC the song is encoded at some places, which takes a pass over its packets the first time.
    ///
    /// # Errors
    /// As for [`Track::blocks`].
    pub fn soundtrack_disk_bytes(
        &self,
        samples: &Range<u64>,
        format: SoundtrackFormat,
    ) -> Result<f64> {
        if format == SoundtrackFormat::None {
            return Ok(0.0);
        }
        let n_samples = samples.end.saturating_sub(samples.start) as f64;
        let share = n_samples / (self.n_samples as f64).max(1.0);
        let codec = codec_of(self.demuxer()?.stream()).filter(|codec| is_of(codec, format));
        let is_copied = match codec {
            Some(SoundtrackCodec::Flac { .. }) => share >= 1.0,
            codec => codec.is_some(),
        };
        if is_copied {
            let file = self.file();
            let n_bytes = file.metadata().map_err(Error::io("read", file))?.len();
            return Ok(2.0 * share * n_bytes as f64);
        }
        let packets = match format {
            SoundtrackFormat::Aac => {
                let secs = n_samples / f64::from(self.sample_rate_hz.max(1));
                AAC_BYTES_PER_SEC * f64::from(self.n_channels) * secs
            }
            _ => self.bytes_per_sample(format)? * n_samples,
        };
        Ok(3.0 * packets)
    }

    /// Bytes that a sample of all channels takes in ALAC, or else in FLAC.
    fn bytes_per_sample(&self, format: SoundtrackFormat) -> Result<f64> {
        if self.uses_ffmpeg {
            return Ok(USUAL_BYTES * f64::from(self.n_channels));
        }
        let [flac, alac] = &*self.sample_bytes.0;
        let known = if format == SoundtrackFormat::Alac {
            alac
        } else {
            flac
        };
        if let Some(bytes) = known.get() {
            return Ok(*bytes);
        }
        let bytes = self.tried_bytes_per_sample(format)?;
        Ok(*known.get_or_init(|| bytes))
    }

    fn tried_bytes_per_sample(&self, format: SoundtrackFormat) -> Result<f64> {
        let extent = Extent {
            skip: self.skip_samples,
            n_samples: self.n_samples,
        };
        // What is damaged is told by those who hear all of the song.
        let damage = Damage::default();
        let (path, demuxer) = (self.path.clone(), self.demuxer()?);
        let mut decoding = Decoding::new(path, demuxer, extent, 0..self.n_samples, damage)?;
        let mut trial = Trial::new(self, &decoding, format);
        for number in 0..N_TRIALS {
            let middle = self.n_samples / (2 * N_TRIALS) * (2 * number + 1);
            decoding.skip_to(middle);
            trial.encode(&mut decoding)?;
        }
        Ok(trial.bytes_per_sample())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A song of 20 s: a soft tone, then as long noise.
    fn song(folder: &Path) -> Track {
        let path = folder.join("song.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        for i in 0..20 * 44_100u32 {
            let noise = (i.wrapping_mul(0x9E37_79B9) >> 17) as i16;
            let tone = (f64::from(i) * 0.05).sin() * 900.0;
            let value = if i < 10 * 44_100 { tone as i16 } else { noise };
            wav.write_sample(value).unwrap();
            wav.write_sample(value / 2).unwrap();
        }
        wav.finalize().unwrap();
        Track::open(&path).unwrap()
    }

    #[test]
    fn a_soundtrack_is_as_large_as_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let track = song(folder.path());
        let all = 0..track.n_samples;
        for format in [SoundtrackFormat::Copy, SoundtrackFormat::Alac] {
            let said = track.soundtrack_disk_bytes(&all, format).unwrap();
            let made = track.soundtrack(all.clone(), format, folder.path());
            let made = made.unwrap().unwrap();
            let packets = made.packets().unwrap();
            let n_bytes: usize = packets.map(|packet| packet.unwrap().data.len()).sum();
            let ratio = said / (3.0 * n_bytes as f64);
            assert!((0.85..1.15).contains(&ratio), "{format}: {ratio}");
        }
        let none = track.soundtrack_disk_bytes(&all, SoundtrackFormat::None);
        assert_eq!(none.unwrap(), 0.0);
        let half = 0..track.n_samples / 2;
        let [half, all] = [half, all].map(|samples| {
            let said = track.soundtrack_disk_bytes(&samples, SoundtrackFormat::Copy);
            said.unwrap()
        });
        assert!((2.0 * half / all - 1.0).abs() < 1e-6);
    }
}
