//! Songs of half a second, one in each format.

use std::path::{Path, PathBuf};

use audio::Track;

/// A quiet tone with one loud pulse. See `README.md` beside this file.
pub struct Fixture {
    pub name: &'static str,
    pub codec: &'static str,
    pub sample_rate_hz: u32,
    pub n_channels: u32,
    pub n_samples: u64,
    pub pulse: u64,
}

const fn fixture(
    name: &'static str,
    codec: &'static str,
    sample_rate_hz: u32,
    n_channels: u32,
    n_samples: u64,
    pulse: u64,
) -> Fixture {
    Fixture {
        name,
        codec,
        sample_rate_hz,
        n_channels,
        n_samples,
        pulse,
    }
}

/// `bare.mp3` and `pulse.aac` have no gapless information: their encoder's delay and padding count as music, there as in
/// every other program.
pub const FIXTURES: [Fixture; 11] = [
    fixture("pulse.mp3", "mp3", 44_100, 2, 22_117, 10_000),
    fixture("bare.mp3", "mp3", 44_100, 1, 21 * 1152, 10_000 + 1105),
    fixture("pulse.m4a", "aac", 44_100, 2, 22_117, 10_000),
    fixture("pulse.aac", "aac", 44_100, 1, 23 * 1024, 10_000 + 1024),
    fixture("pulse.ogg", "vorbis", 44_100, 1, 22_117, 10_000),
    fixture("pulse.opus", "opus", 48_000, 2, 24_007, 10_000),
    fixture("pulse.webm", "opus", 48_000, 1, 24_007, 10_000),
    fixture("pulse_alac.m4a", "alac", 8_000, 1, 4_001, 2_000),
    fixture("pulse.aiff", "pcm_s16be", 8_000, 1, 4_001, 2_000),
    fixture("pulse.flac", "flac", 8_000, 1, 4_001, 2_000),
    fixture("pulse.mka", "flac", 8_000, 1, 4_001, 2_000),
];

impl Fixture {
    pub fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/audio")
            .join(self.name)
    }

    pub fn open(&self) -> Track {
        Track::open(self.path()).unwrap()
    }
}
