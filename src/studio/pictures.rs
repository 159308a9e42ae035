//! Pictures that pages ask for: the newest first, one for each slot, and those that were drawn lately.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use common::{Error, Result};
use diffusion::ModelSource;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};
use timeline::{FrameInputs, RenderConfig};
use tokio::sync::oneshot;

use super::answer::fault;
use super::wire::Fault;

/// Most pictures that wait; the oldest give way.
const MAX_WAITING: usize = 256;
/// Bytes of drawn pictures that are kept.
const MAX_KEPT_BYTES: usize = 96 << 20;
/// JPEG's quality, 1..=100.
const QUALITY: u8 = 90;
/// Slots of filmstrips begin so; they wait for the others.
const STRIP: &str = "strip";

/// A frame of a film.
#[derive(Clone)]
pub struct Frame {
    pub model: ModelSource,
    pub render: RenderConfig,
    pub inputs: FrameInputs,
}

/// Why a picture wasn't drawn.
#[derive(Clone, Debug)]
pub enum Missed {
    /// Its slot was asked for another one.
    Replaced,
    /// It can't be drawn.
    Failed(Fault),
}

type Reply = oneshot::Sender<Result<RgbImage, Missed>>;

/// A picture that is waited for.
pub struct Wanted {
    slot: String,
    order: u64,
    pub frame: Frame,
    reply: Reply,
}

/// The pictures that are waited for.
#[derive(Default)]
pub struct Waiting {
    wanted: Vec<Wanted>,
    n_asked: u64,
}

impl Waiting {
    /// Asks for a picture in a slot, in place of an older one there.
    pub fn ask(&mut self, slot: &str, frame: Frame) -> oneshot::Receiver<Result<RgbImage, Missed>> {
        let (reply, picture) = oneshot::channel();
        self.remove(|wanted| wanted.slot == slot);
        if self.wanted.len() >= MAX_WAITING {
            let oldest = self.wanted.iter().map(|wanted| wanted.order).min();
            self.remove(|wanted| Some(wanted.order) == oldest);
        }
        self.n_asked += 1;
        self.wanted.push(Wanted {
            slot: slot.to_owned(),
            order: self.n_asked,
            frame,
            reply,
        });
        picture
    }

    fn remove(&mut self, is_old: impl Fn(&Wanted) -> bool) {
        let (old, kept) = std::mem::take(&mut self.wanted)
            .into_iter()
            .partition(is_old);
        self.wanted = kept;
        let old: Vec<Wanted> = old;
        for wanted in old {
            let _ = wanted.reply.send(Err(Missed::Replaced)); // who asked may have gone
        }
    }

    /// Takes the picture to draw next, with up to `n_batch` that the same film shows; those that nobody waits for any more are
    /// dropped.
    pub fn take(&mut self, n_batch: usize) -> Vec<Wanted> {
        self.wanted.retain(|wanted| !wanted.reply.is_closed());
        self.wanted
            .sort_by_key(|wanted| (!wanted.slot.starts_with(STRIP), wanted.order));
        let mut batch: Vec<Wanted> = self.wanted.pop().into_iter().collect();
        while let (Some(first), Some(next)) = (batch.first(), self.wanted.last())
            && batch.len() < n_batch
            && first.frame.render == next.frame.render
        {
            batch.extend(self.wanted.pop());
        }
        batch
    }

    /// Puts pictures back that can't be drawn now.
    pub fn put_back(&mut self, batch: Vec<Wanted>) {
        for wanted in batch {
            let is_replaced = self.wanted.iter().any(|newer| newer.slot == wanted.slot);
            match is_replaced {
                true => drop(wanted.reply.send(Err(Missed::Replaced))),
                false => self.wanted.push(wanted),
            }
        }
    }

    /// Whether somebody waits.
    pub fn is_empty(&self) -> bool {
        self.wanted.iter().all(|wanted| wanted.reply.is_closed())
    }
}

/// Hands out what was drawn, or why it wasn't.
pub fn reply(batch: Vec<Wanted>, drawn: Result<Vec<RgbImage>>) {
    match drawn {
        Ok(pictures) => {
            for (wanted, picture) in batch.into_iter().zip(pictures) {
                let _ = wanted.reply.send(Ok(picture));
            }
        }
        Err(error) => {
            let missed = Missed::Failed(fault(&error));
            for wanted in batch {
                let _ = wanted.reply.send(Err(missed.clone()));
            }
        }
    }
}

/// What a frame's picture follows from, as a hash.
pub type Key = [u8; 32];

impl Frame {
    /// The frame's name in [`Kept`].
    ///
    /// # Errors
    /// [`Error::Internal`], which is a bug.
    pub fn key(&self) -> Result<Key> {
        let json = serde_json::to_vec(&(&self.render, &self.inputs))
            .map_err(|error| Error::internal(format!("can't name a picture: {error}")))?;
        Ok(Sha256::digest(&json).into())
    }
}

/// Pictures that were drawn lately, as JPEG: most edits leave most frames as they were.
#[derive(Default)]
pub struct Kept {
    pictures: BTreeMap<Key, Arc<Vec<u8>>>,
    order: VecDeque<Key>,
    n_bytes: usize,
}

impl Kept {
    /// A picture, if it is there.
    pub fn get(&self, key: &Key) -> Option<Arc<Vec<u8>>> {
        self.pictures.get(key).cloned()
    }

    /// Keeps a picture; the oldest give way.
    pub fn put(&mut self, key: Key, picture: Arc<Vec<u8>>) {
        self.n_bytes += picture.len();
        if let Some(same) = self.pictures.insert(key, picture) {
            self.n_bytes -= same.len();
            return;
        }
        self.order.push_back(key);
        while self.n_bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.n_bytes -= self
                .pictures
                .remove(&oldest)
                .map_or(0, |picture| picture.len());
        }
    }
}

/// A picture as JPEG.
///
/// # Errors
/// [`Error::Internal`] for one without pixels.
pub fn to_jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(picture)
        .map_err(|error| Error::internal(format!("can't compress a picture: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(side: u32) -> Frame {
        Frame {
            model: ModelSource::open("bundled").unwrap(),
            render: RenderConfig::bundled(timeline::Size::square(side)),
            inputs: FrameInputs::still("a".into(), 1),
        }
    }

    fn slots(batch: &[Wanted]) -> Vec<&str> {
        batch.iter().map(|wanted| wanted.slot.as_str()).collect()
    }

    #[test]
    fn the_newest_goes_first_and_strips_wait() {
        let mut waiting = Waiting::default();
        let (a, b) = (frame(64), frame(128));
        let _receivers = [
            waiting.ask("stage-1", a.clone()),
            waiting.ask("strip-1", a.clone()),
            waiting.ask("stage-2", b),
            waiting.ask("stage-3", a.clone()),
            waiting.ask("strip-2", a),
        ];
        assert_eq!(
            slots(&waiting.take(4)),
            ["stage-3"],
            "the next one is of another film"
        );
        assert_eq!(slots(&waiting.take(4)), ["stage-2"]);
        assert_eq!(slots(&waiting.take(2)), ["stage-1", "strip-2"]);
        assert_eq!(slots(&waiting.take(2)), ["strip-1"]);
        assert!(waiting.take(2).is_empty());
    }

    #[test]
    fn a_slot_holds_one_and_who_went_gets_none() {
        let mut waiting = Waiting::default();
        let mut first = waiting.ask("stage", frame(64));
        let second = waiting.ask("stage", frame(64));
        assert!(matches!(first.try_recv(), Ok(Err(Missed::Replaced))));
        drop(second);
        assert!(waiting.is_empty());
        assert!(waiting.take(1).is_empty());
        let third = waiting.ask("stage", frame(64));
        let batch = waiting.take(1);
        let mut fourth = waiting.ask("stage", frame(64));
        waiting.put_back(batch);
        assert!(matches!(third.blocking_recv(), Ok(Err(Missed::Replaced))));
        let batch = waiting.take(1);
        reply(batch, Ok(vec![RgbImage::new(2, 2)]));
        assert!(matches!(fourth.try_recv(), Ok(Ok(_))));
    }

    #[test]
    fn many_requests_leave_the_newest() {
        let mut waiting = Waiting::default();
        let frame = frame(64);
        let mut receivers: Vec<_> = (0..MAX_WAITING + 10)
            .map(|i| waiting.ask(&i.to_string(), frame.clone()))
            .collect();
        let n_replaced = receivers
            .iter_mut()
            .filter_map(|picture| picture.try_recv().ok())
            .count();
        assert_eq!((n_replaced, waiting.wanted.len()), (10, MAX_WAITING));
    }

    #[test]
    fn kept_pictures_have_a_bound() {
        let mut kept = Kept::default();
        let key = |i: u8| [i; 32];
        let size = MAX_KEPT_BYTES / 4;
        for i in 0..6 {
            kept.put(key(i), Arc::new(vec![i; size]));
        }
        assert!(kept.get(&key(0)).is_none() && kept.get(&key(1)).is_none());
        assert_eq!(kept.get(&key(5)).unwrap()[0], 5);
        assert_eq!(kept.n_bytes, 4 * size);
        kept.put(key(5), Arc::new(vec![7; 10]));
        assert_eq!(kept.n_bytes, 3 * size + 10);
    }
}
