//! The pass over a track, from samples to [`Analysis`].

use audio::Track;
use common::Result;

use super::given::Given;
use super::hearing::Hearing;
use super::neural::NeuralTracker;
use super::tracker::{BeatTracker, TrackerKind};
use super::{Analysis, AnalysisConfig};

/// Analyzes a track: one pass over its samples (and over those of its stems), then some arithmetic on some kilobytes for
/// each second, which lie in temporary files where a song is longer than five minutes. What `config` gives is taken as it is.
///
/// # Errors
/// As for [`Track::blocks`]; those of the files that `config` names; [`Error::Io`](common::Error::Io) where a temporary file
/// can't be read again.
pub fn analyze(track: &Track, config: &AnalysisConfig) -> Result<Analysis> {
    // What can't be understood is said before the song is heard.
    let given = Given::read(config, &track.path, track.duration_secs)?;
    let (hearing, tracker) = Hearing::with_tracker(track, config, &mut |_| Ok(()))?;
    hearing.into_analysis(config, given, tracker)
}

/// A tracker for a song at `sample_rate_hz`.
///
/// # Errors
/// [`common::Error::Config`] where this build lacks it.
pub(super) fn tracker_of(kind: TrackerKind, sample_rate_hz: u32) -> Result<Box<dyn BeatTracker>> {
    match kind {
        TrackerKind::Neural => Ok(Box::new(NeuralTracker)),
        #[cfg(feature = "aubio")]
        TrackerKind::Aubio => Ok(Box::new(super::aubio::AubioTracker::new(sample_rate_hz)?)),
        #[cfg(not(feature = "aubio"))]
        TrackerKind::Aubio => {
            let _ = sample_rate_hz;
            Err(common::Error::Config {
                name: "tracker",
                value: "aubio".to_owned(),
                allowed: "this build has only neural; build with --features aubio for it"
                    .to_owned(),
            })
        }
    }
}
