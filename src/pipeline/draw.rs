//! Frames are drawn on one thread and encoded on another.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use common::{Error, Result};
use diffusion::NotFinite;
use image::RgbImage;
use picture::camera;
use timeline::{FrameInputs, RunFolder, Timeline};
use video::{ChunkWriter, EncodeConfig, Origin, grid_pieces};

use super::pictures::PictureSink;
use super::queue::{Queue, Turn};
use super::session::Drawer;
use super::watch::{Event, Watch};

/// Frames to draw.
pub(super) struct Work<'a> {
    pub timeline: &'a Timeline,
    /// Frames of the chunks that aren't finished, half-open.
    pub missing: Vec<Range<u64>>,
    /// Of `n_frames` that were asked for, those found finished.
    pub n_done: u64,
    pub n_frames: u64,
}

/// From the drawing to the encoding thread.
enum Message {
    Begin(Turn),
    Picture(RgbImage),
    Finish(Origin),
}

/// Draws on this thread and encodes on another. The channel holds two batches: a slow encoder stalls the drawing rather
/// than filling the memory.
pub(super) fn draw_and_encode(
    work: &Work<'_>,
    folder: &RunFolder,
    encoding: &EncodeConfig,
    drawer: &mut Drawer<'_>,
    watch: &mut Watch<'_>,
) -> Result<()> {
    draw_into(work, Some(folder), drawer, watch, |messages| {
        encode(&messages, folder, encoding)
    })
}

/// Draws on this thread and hands pictures on another to `sink`.
pub(super) fn draw_to(
    work: &Work<'_>,
    drawer: &mut Drawer<'_>,
    sink: &mut dyn PictureSink,
    watch: &mut Watch<'_>,
) -> Result<()> {
    draw_into(work, None, drawer, watch, |messages| {
        let mut frame = 0;
        for message in &messages {
            match message {
                Message::Begin(turn) => frame = turn.frames.start,
                Message::Picture(picture) => {
                    sink.put(frame, &picture)?;
                    frame += 1;
                }
                Message::Finish(_) => {}
            }
        }
        Ok(())
    })?;
    sink.finish()
}

/// `folder`: where the chunks lie that others may be drawing, too.
fn draw_into(
    work: &Work<'_>,
    folder: Option<&RunFolder>,
    drawer: &mut Drawer<'_>,
    watch: &mut Watch<'_>,
    take: impl FnOnce(Receiver<Message>) -> Result<()> + Send,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(2 * drawer.n_batch);
        let encoder = scope.spawn(move || take(receive));
        let drawn = draw(work, folder, drawer, watch, |message| {
            send.send(message).is_ok()
        });
        drop(send);
        let encoded = encoder
            .join()
            .unwrap_or_else(|_| Err(Error::internal("the encoder panicked")));
        // A failed encoder closes the channel, which ends the drawing: its error is the cause.
        encoded.and(drawn)
    })
}

fn draw(
    work: &Work<'_>,
    folder: Option<&RunFolder>,
    drawer: &mut Drawer<'_>,
    watch: &mut Watch<'_>,
    send: impl Fn(Message) -> bool,
) -> Result<()> {
    let mut n_drawn = 0;
    let mut is_first = true;
    let mut last = None;
    let mut queue = Queue::new(work.timeline, &work.missing, folder);
    loop {
        let n_found = queue.n_found;
        let turn = queue.next()?;
        if queue.n_found > n_found {
            (watch.observe)(Event::Rendering {
                n_frames: work.n_frames,
                n_done: work.n_done + queue.n_found + n_drawn,
            });
        }
        let Some(turn) = turn else {
            return Ok(());
        };
        let begun = Instant::now();
        let piece = turn.frames.clone();
        if !send(Message::Begin(turn)) {
            return Ok(());
        }
        for batch in grid_pieces(0..piece.end - piece.start, drawer.n_batch as u64) {
            watch.go_on()?;
            drawer.receive_guests()?;
            let started = Instant::now();
            let first = piece.start + batch.start;
            let batch = work.timeline.drawn_inputs(first..piece.start + batch.end)?;
            let pictures = draw_batch(drawer, first, &batch, &mut last)?;
            for (picture, frame) in pictures.into_iter().zip(&batch) {
                let seen = camera::look(picture, &frame.camera);
                if !send(Message::Picture(seen)) {
                    return Ok(());
                }
            }
            n_drawn += batch.len() as u64;
            let n_done = work.n_done + queue.n_found + n_drawn;
            if std::mem::take(&mut is_first) {
                let frames_per_second =
                    batch.len() as f64 / started.elapsed().as_secs_f64().max(1e-9);
                let secs = (work.n_frames - n_done) as f64 / frames_per_second;
                (watch.observe)(Event::Estimate {
                    secs,
                    frames_per_second,
                });
            }
            if let Some(inputs) = batch.last() {
                (watch.observe)(Event::Frames {
                    n_done,
                    frame_idx: first + batch.len() as u64 - 1,
                    inputs,
                });
            }
        }
        let origin = Origin {
            host: drawer.host.to_owned(),
            arithmetic: drawer.arithmetic.to_owned(),
            drawn_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        if !send(Message::Finish(origin)) {
            return Ok(());
        }
    }
}

/// Draws a batch, as it is before the camera looks at it. A frame whose inputs are those of the one before repeats it; `first`
/// is the batch's first frame, and `last` the last picture of the batch before.
fn draw_batch(
    drawer: &mut Drawer<'_>,
    first: u64,
    frames: &[FrameInputs],
    last: &mut Option<(FrameInputs, RgbImage)>,
) -> Result<Vec<RgbImage>> {
    let mut distinct: Vec<FrameInputs> = Vec::new();
    let mut numbers: Vec<u64> = Vec::new();
    for (frame, number) in frames.iter().zip(first..) {
        let before = distinct.last().or(last.as_ref().map(|(inputs, _)| inputs));
        if before.is_none_or(|before| !before.draws_like(frame)) {
            distinct.push(frame.clone());
            numbers.push(number);
        }
    }
    let drawn = drawer
        .render(&distinct)
        .map_err(|error| NotFinite::explain(error, |idx| numbers.get(idx).copied()))?;
    let mut drawn = distinct.into_iter().zip(drawn);
    let mut pictures = Vec::with_capacity(frames.len());
    for frame in frames {
        if last
            .as_ref()
            .is_none_or(|(inputs, _)| !inputs.draws_like(frame))
        {
            *last = drawn.next();
        }
        pictures.extend(last.as_ref().map(|(_, picture)| picture.clone()));
    }
    Ok(pictures)
}

fn encode(messages: &Receiver<Message>, folder: &RunFolder, encoding: &EncodeConfig) -> Result<()> {
    let mut chunk = None;
    for message in messages {
        match (message, &mut chunk) {
            (Message::Begin(turn), _) => {
                let (id, first_frame) = (&turn.id, turn.frames.start);
                let mut begun = ChunkWriter::new(folder.path(), id, first_frame, encoding)?;
                if let Some(file) = turn.file {
                    begun.set_claim(file);
                }
                chunk = Some(begun);
            }
            (Message::Picture(picture), Some(chunk)) => chunk.push(&picture)?,
            (Message::Finish(origin), Some(_)) => {
                if let Some(mut chunk) = chunk.take() {
                    chunk.set_origin(origin);
                    chunk.finish()?;
                }
            }
            (Message::Picture(_) | Message::Finish(_), None) => {}
        }
    }
    Ok(())
}
