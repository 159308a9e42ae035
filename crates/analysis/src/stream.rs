//! The samples of a track for the analysis: decoded and resampled on a thread of their own, about a second at a time.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use audio::Track;
use common::{Error, Result};

use super::resample::Resampler;

/// Length of a batch in seconds, about.
const BATCH_SECS: f64 = 1.0;
/// Decoded batches that may wait for each receiver.
const N_WAITING: usize = 4;

/// Consecutive samples of a track.
#[derive(Default)]
pub(super) struct Batch {
    /// Samples `[sample][channel]` at the track's rate.
    pub interleaved: Vec<f32>,
    /// Their mean over channels.
    pub mono: Vec<f32>,
    /// What the resampler has ready of `mono`, at [`super::resample::ANALYSIS_RATE_HZ`].
    pub resampled: Vec<f32>,
}

/// Hands the whole track, in order, to `take` on this thread and to `take_beside` on another; they need not keep step. The last
/// batch holds what was left in the resampler, and nothing else.
///
/// # Errors
/// As for [`Track::blocks`], and those of `take`, which end the stream.
pub(super) fn decode(
    track: &Track,
    mut take: impl FnMut(&Batch) -> Result<()>,
    mut take_beside: impl FnMut(&Batch) + Send,
) -> Result<()> {
    let panicked = |_| {
        let reason = "the analysis panicked; please report this with the file";
        Error::input(&track.path, reason)
    };
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<Arc<Batch>>(N_WAITING);
        let (send_beside, receive_beside) = sync_channel::<Arc<Batch>>(N_WAITING);
        let beside = scope.spawn(move || receive_beside.iter().for_each(|b| take_beside(&b)));
        let decoder = scope.spawn(move || send_batches(track, &[send, send_beside]));
        for batch in receive {
            take(&batch)?;
        }
        decoder.join().map_err(panicked)??;
        beside.join().map_err(panicked)
    })
}

/// Sends batches until the track ends or a receiver is gone.
fn send_batches(track: &Track, receivers: &[SyncSender<Arc<Batch>>]) -> Result<()> {
    let n_channels = track.n_channels.max(1) as usize;
    let n_wanted = (BATCH_SECS * f64::from(track.sample_rate_hz)) as usize * n_channels;
    let mut resampler = Resampler::new(track.sample_rate_hz)?;
    let send = |batch: Batch| {
        let batch = Arc::new(batch);
        // Nobody receives where the analysis failed; its error is the one to report.
        receivers
            .iter()
            .all(|to| to.send(Arc::clone(&batch)).is_ok())
    };
    let mut finish = |interleaved: Vec<f32>| {
        let mono = mono(&interleaved, n_channels);
        let mut resampled = Vec::with_capacity(mono.len());
        resampler.push(&mono, |samples| resampled.extend_from_slice(samples))?;
        Ok(send(Batch {
            interleaved,
            mono,
            resampled,
        }))
    };
    let mut interleaved = Vec::with_capacity(n_wanted);
    for block in track.blocks(0..track.n_samples)? {
        interleaved.extend_from_slice(&block?.samples);
        if interleaved.len() >= n_wanted {
            let room = Vec::with_capacity(interleaved.capacity());
            if !finish(std::mem::replace(&mut interleaved, room))? {
                return Ok(());
            }
        }
    }
    finish(interleaved)?;
    let mut rest = Batch::default();
    resampler.finish(|samples| rest.resampled.extend_from_slice(samples))?;
    send(rest);
    Ok(())
}

fn mono(interleaved: &[f32], n_channels: usize) -> Vec<f32> {
    match n_channels {
        1 => interleaved.to_vec(),
        // A known number of channels makes a loop of vectors.
        2 => interleaved
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| mean(pair))
            .collect(),
        _ => interleaved.chunks_exact(n_channels).map(mean).collect(),
    }
}

/// The mean of all channels, as [`audio::Block::to_mono`] has it.
#[inline]
fn mean(channels: &[f32]) -> f32 {
    channels.iter().sum::<f32>() * (1.0 / channels.len() as f32)
}
