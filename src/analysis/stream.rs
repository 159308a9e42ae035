//! The samples of a track for the analysis: decoded on a thread of their own, about a second at a time.

use std::sync::mpsc::{SyncSender, sync_channel};

use super::resample::Resampler;
use crate::{Error, Result, Track};

/// Length of a batch in seconds, about.
const BATCH_SECS: f64 = 1.0;
/// Decoded batches that may wait for the analysis.
const N_WAITING: usize = 2;

/// Consecutive samples of a track.
pub(super) struct Batch<'a> {
    /// Samples `[sample][channel]` at the track's rate.
    pub interleaved: &'a [f32],
    /// Their mean over channels.
    pub mono: &'a [f32],
    /// What the resampler has ready of `mono`, at [`super::resample::ANALYSIS_RATE_HZ`].
    pub resampled: &'a [f32],
}

/// Hands the whole track to `hear`, in order. The last batch holds what was left in the resampler, and nothing else.
///
/// # Errors
/// As for [`Track::blocks`], and those of `hear`, which end the stream.
pub(super) fn listen(track: &Track, mut hear: impl FnMut(Batch<'_>) -> Result<()>) -> Result<()> {
    let n_channels = track.n_channels.max(1) as usize;
    let mut resampler = Resampler::new(track.sample_rate_hz)?;
    let (mut mono, mut resampled) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(N_WAITING);
        let decoder = scope.spawn(move || decode(track, &send));
        for interleaved in receive {
            mono.clear();
            mono.extend(interleaved.chunks_exact(n_channels).map(mean));
            resampled.clear();
            resampler.push(&mono, |samples| resampled.extend_from_slice(samples))?;
            hear(Batch {
                interleaved: &interleaved,
                mono: &mono,
                resampled: &resampled,
            })?;
        }
        decoder.join().unwrap_or_else(|_| {
            let reason = "the decoder panicked; please report this with the file";
            Err(Error::input(&track.path, reason))
        })
    })?;
    resampled.clear();
    resampler.finish(|samples| resampled.extend_from_slice(samples))?;
    hear(Batch {
        interleaved: &[],
        mono: &[],
        resampled: &resampled,
    })
}

/// The mean of all channels, as [`crate::audio::Block::to_mono`] has it.
fn mean(channels: &[f32]) -> f32 {
    channels.iter().sum::<f32>() * (1.0 / channels.len() as f32)
}

/// Sends batches until the track ends or nobody listens any more.
fn decode(track: &Track, send: &SyncSender<Vec<f32>>) -> Result<()> {
    let n_wanted =
        (BATCH_SECS * f64::from(track.sample_rate_hz)) as usize * track.n_channels.max(1) as usize;
    let mut batch = Vec::with_capacity(n_wanted);
    for block in track.blocks(0..track.n_samples)? {
        batch.extend_from_slice(&block?.samples);
        if batch.len() >= n_wanted && send.send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    // Nobody listens where the analysis failed; its error is the one to report.
    let _ = send.send(batch);
    Ok(())
}
