//! What clips take on a machine, by some of their frames that are drawn and encoded to find out.

use std::time::Instant;

use analysis::Analysis;
use common::Result;
use image::RgbImage;
use picture::perception::Percept;
use timeline::{RunFolder, Timeline};
use video::{ChunkWriter, EncodeConfig};

use super::draw::{Work, draw_to};
use super::pictures::PictureSink;
use super::plan_undrawn;
use super::session::Session;
use super::watch::Watch;
use crate::provenance;
use crate::request::Request;

/// Batches of frames that are drawn of a clip. What the first takes is the memory's, too, which is fetched once; and frames are as large
/// as most from about a dozen behind a keyframe on.
pub const TRY_BATCHES: usize = 4;
/// What decoding a finished clip takes beside looking at it.
const DECODING: f64 = 1.5;

/// Some frames of a clip.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// How the clip is made.
    pub request: &'a Request,
    /// What is heard in its song.
    pub analysis: &'a Analysis,
    /// About which of its frames the first is.
    pub frame: u64,
}

/// What frames take on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trial {
    /// Seconds of a frame: drawn, encoded and measured.
    pub frame_secs: f64,
    /// Seconds of a probe.
    pub probe_secs: f64,
    /// Bytes of a frame that begins a chunk.
    pub keyframe_bytes: f64,
    /// Bytes of another frame.
    pub frame_bytes: f64,
    /// Bytes that a clip holds for each frame beside its picture.
    pub beside_bytes: f64,
}

impl Trial {
    /// Bytes of a clip with chunks of a length, both in frames.
    pub fn clip_bytes(&self, n_frames: u64, chunk_len: u32) -> f64 {
        let n_keyframes = n_frames.div_ceil(u64::from(chunk_len).max(1)) as f64;
        let n_frames = n_frames as f64;
        n_keyframes * self.keyframe_bytes
            + (n_frames - n_keyframes) * self.frame_bytes
            + n_frames * self.beside_bytes
    }
}

/// The mean of what several clips take.
pub(super) fn mean(tried: &[Trial]) -> Trial {
    let mean =
        |of: fn(&Trial) -> f64| tried.iter().map(of).sum::<f64>() / tried.len().max(1) as f64;
    Trial {
        frame_secs: mean(|trial| trial.frame_secs),
        probe_secs: mean(|trial| trial.probe_secs),
        keyframe_bytes: mean(|trial| trial.keyframe_bytes),
        frame_bytes: mean(|trial| trial.frame_bytes),
        beside_bytes: mean(|trial| trial.beside_bytes),
    }
}

/// What a clip takes: some frames one after the other, drawn and encoded at once as for a film. They move as without a calibration.
pub(super) fn of(
    one: &Try<'_>,
    folder: &RunFolder,
    session: &mut Session,
    watch: &mut Watch<'_>,
) -> Result<Trial> {
    let mut quiet = Watch {
        observe: &mut |_| {},
        stop: watch.stop,
    };
    let (timeline, _) = plan_undrawn(one.analysis, one.request, folder, &mut quiet)?;
    let mut drawer = session.drawer(&timeline.render, &timeline.words(), Some(folder), watch)?;
    let n_batch = drawer.n_batch;
    let n_frames = timeline.frames.len() as u64;
    let n = ((TRY_BATCHES * n_batch) as u64).min(n_frames);
    let first = one.frame.min(n_frames - n);
    let work = Work {
        timeline: &timeline,
        missing: std::iter::once(first..first + n).collect(),
        n_done: 0,
        n_frames: n,
    };
    let mut seen = Seen::new(&timeline, folder, first)?;
    draw_to(&work, &mut drawer, &mut seen, &mut quiet)?;
    let draw_secs = seen.frame_secs(n_batch);

    let begun = Instant::now();
    for picture in &seen.pictures {
        std::hint::black_box(Percept::of(picture));
    }
    let measure_secs = begun.elapsed().as_secs_f64() / seen.pictures.len().max(1) as f64;

    let inputs = timeline.drawn_inputs(first..first + n.min(n_batch as u64))?;
    let begun = Instant::now();
    for probe in drawer.probe(&inputs)? {
        std::hint::black_box(Percept::of(&probe));
    }
    let probe_secs = begun.elapsed().as_secs_f64() / inputs.len().max(1) as f64;

    let (keyframe_bytes, frame_bytes) = seen.frame_bytes(n_batch);
    Ok(Trial {
        frame_secs: draw_secs + DECODING * measure_secs,
        probe_secs,
        keyframe_bytes,
        frame_bytes,
        beside_bytes: provenance::pack(&timeline)?.len() as f64 / n_frames.max(1) as f64,
    })
}

/// Frames that were drawn, encoded into memory.
struct Seen {
    chunk: ChunkWriter,
    /// When each came.
    times: Vec<Instant>,
    pictures: Vec<RgbImage>,
}

impl Seen {
    fn new(timeline: &Timeline, folder: &RunFolder, first_frame: u64) -> Result<Self> {
        let config =
            EncodeConfig::new(timeline.render.size, timeline.frame_rate, timeline.encoding);
        Ok(Self {
            chunk: ChunkWriter::new(folder.path(), "trial", first_frame, &config)?,
            times: Vec::new(),
            pictures: Vec::new(),
        })
    }

    /// Seconds of a frame, from when the first batch came to when the last did: as many were drawn meanwhile as encoded.
    fn frame_secs(&self, n_batch: usize) -> f64 {
        let behind = self.times.len().saturating_sub(n_batch).max(1);
        match (self.times.first(), self.times.get(behind)) {
            (Some(first), Some(last)) => (*last - *first).as_secs_f64() / behind as f64,
            _ => 0.0,
        }
    }

    /// Bytes of the first frame, and mean bytes of the last batch: those right behind a keyframe are smaller than others.
    fn frame_bytes(&self, n_batch: usize) -> (f64, f64) {
        let samples = self.chunk.samples();
        let bytes: Vec<f64> = samples.iter().map(|s| f64::from(s.n_bytes)).collect();
        let first = bytes.first().copied().unwrap_or_default();
        let last = bytes.get(bytes.len().saturating_sub(n_batch).max(1)..);
        match last.unwrap_or_default() {
            [] => (first, first),
            last => (first, last.iter().sum::<f64>() / last.len() as f64),
        }
    }
}

impl PictureSink for Seen {
    fn begin(&mut self, _timeline: &Timeline) -> Result<()> {
        Ok(())
    }

    fn lacks(&self, _frame: u64) -> bool {
        true
    }

    fn put(&mut self, _frame: u64, picture: &RgbImage) -> Result<()> {
        self.times.push(Instant::now());
        self.pictures.push(picture.clone());
        self.chunk.push(picture)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
