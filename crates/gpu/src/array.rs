//! Values on the GPU, with their shape.

use std::sync::Arc;

use half::f16;

use crate::backend::{Buffer, Gpu};
use crate::{Error, Result};

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    F32,
    /// Half precision. Sums are taken in it over 16 products at most, then in single precision.
    F16,
}

impl Element {
    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// `values` as they are stored.
    pub(crate) fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => bytemuck::cast_slice(values).to_vec(),
            Self::F16 => values
                .iter()
                .flat_map(|value| f16::from_f32(*value).to_le_bytes())
                .collect(),
        }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|value| f32::from_le_bytes(*value))
                .collect(),
            Self::F16 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|value| f16::from_le_bytes(*value).to_f32())
                .collect(),
        }
    }
}

/// Sizes of a batch of pictures, in the order of the GPU's memory. Tokens are pictures of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pictures.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
}

impl Shape {
    /// Sequences of tokens of `width` values.
    pub fn tokens(batch: usize, n_tokens: usize, width: usize) -> Self {
        Self {
            batch,
            height: n_tokens,
            width: 1,
            channels: width,
        }
    }

    /// Pixels of a picture.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Vectors of four that hold a pixel's values.
    pub(crate) fn quads(&self) -> usize {
        self.channels.div_ceil(4)
    }

    /// Values in memory, with those that fill up the last vector of every pixel.
    pub(crate) fn stored(&self) -> usize {
        self.batch * self.plane() * self.quads() * 4
    }

    pub(crate) fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }
}

/// Values on the GPU: `[batch][height][width][channels]`, each pixel's channels filled up with zeros to a multiple of four.
/// Clones share their memory, which never changes.
#[derive(Clone, Debug)]
pub struct Array {
    gpu: Gpu,
    shape: Shape,
    element: Element,
    buffer: Arc<Buffer>,
}

impl Array {
    /// Memory of this shape, which holds anything.
    pub(crate) fn allocate(gpu: &Gpu, element: Element, shape: Shape) -> Result<Self> {
        let buffer = gpu.allocate((shape.stored() * element.bytes()) as u64)?;
        Ok(Self::of(gpu, element, shape, buffer))
    }

    /// Zeros of this shape.
    pub(crate) fn zeros(gpu: &Gpu, element: Element, shape: Shape) -> Result<Self> {
        let buffer = gpu.allocate_zeros((shape.stored() * element.bytes()) as u64)?;
        Ok(Self::of(gpu, element, shape, buffer))
    }

    fn of(gpu: &Gpu, element: Element, shape: Shape, buffer: Buffer) -> Self {
        Self {
            gpu: gpu.clone(),
            shape,
            element,
            buffer: Arc::new(buffer),
        }
    }

    /// Brings pictures to the GPU: planes, `[batch][channels][height][width]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there aren't as many values as `shape` says; when memory doesn't suffice or the GPU fails.
    pub fn from_planes(gpu: &Gpu, element: Element, shape: Shape, values: &[f32]) -> Result<Self> {
        check_len(&shape, values)?;
        let (plane, stride) = (shape.plane(), 4 * shape.quads());
        let mut stored = vec![0.0; shape.stored()];
        for (index, values) in values.chunks_exact(plane.max(1)).enumerate() {
            let (image, channel) = (index / shape.channels, index % shape.channels);
            let pixels = stored.iter_mut().skip(image * plane * stride + channel);
            for (to, from) in pixels.step_by(stride).zip(values) {
                *to = *from;
            }
        }
        Self::from_stored(gpu, element, shape, &stored)
    }

    /// Brings tokens or pixels to the GPU: `[batch][height][width][channels]`.
    ///
    /// # Errors
    /// As [`Array::from_planes`].
    pub fn from_pixels(gpu: &Gpu, element: Element, shape: Shape, values: &[f32]) -> Result<Self> {
        check_len(&shape, values)?;
        if shape.channels.is_multiple_of(4) {
            return Self::from_stored(gpu, element, shape, values);
        }
        let mut stored = vec![0.0; shape.stored()];
        let pixels = stored.chunks_exact_mut(4 * shape.quads());
        for (to, from) in pixels.zip(values.chunks_exact(shape.channels)) {
            if let Some(to) = to.get_mut(..from.len()) {
                to.copy_from_slice(from);
            }
        }
        Self::from_stored(gpu, element, shape, &stored)
    }

    fn from_stored(gpu: &Gpu, element: Element, shape: Shape, stored: &[f32]) -> Result<Self> {
        let buffer = gpu.upload(&element.encode(stored))?;
        Ok(Self::of(gpu, element, shape, buffer))
    }

    /// The values as planes, `[batch][channels][height][width]`.
    ///
    /// # Errors
    /// When the GPU fails.
    pub fn to_planes(&self) -> Result<Vec<f32>> {
        let stored = self.stored()?;
        let (plane, stride) = (self.shape.plane(), 4 * self.shape.quads());
        let mut values = vec![0.0; self.shape.batch * self.shape.channels * plane];
        for (index, to) in values.chunks_exact_mut(plane.max(1)).enumerate() {
            let (image, channel) = (index / self.shape.channels, index % self.shape.channels);
            let pixels = stored.iter().skip(image * plane * stride + channel);
            for (to, from) in to.iter_mut().zip(pixels.step_by(stride)) {
                *to = *from;
            }
        }
        Ok(values)
    }

    /// The values as they lie, `[batch][height][width][channels]`.
    ///
    /// # Errors
    /// When the GPU fails.
    pub fn to_pixels(&self) -> Result<Vec<f32>> {
        let stored = self.stored()?;
        if self.shape.channels.is_multiple_of(4) {
            return Ok(stored);
        }
        let pixels = stored.chunks_exact((4 * self.shape.quads()).max(1));
        let values = pixels.flat_map(|pixel| pixel.iter().take(self.shape.channels));
        Ok(values.copied().collect())
    }

    fn stored(&self) -> Result<Vec<f32>> {
        let len = self.shape.stored() * self.element.bytes();
        let bytes = self.gpu.download(&self.buffer, len as u64)?;
        Ok(self.element.decode(&bytes))
    }

    /// The GPU that holds it.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Its sizes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How its values are stored.
    pub fn element(&self) -> Element {
        self.element
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The same values seen with another height and width of as many pixels: pictures as tokens, and back.
    ///
    /// # Errors
    /// [`Error::Shape`] if there aren't as many pixels.
    pub fn seen_as(&self, height: usize, width: usize) -> Result<Self> {
        if height * width != self.shape.plane() {
            return Err(Error::Shape(format!(
                "{} pixels can't be seen as {height} x {width}",
                self.shape.plane()
            )));
        }
        let shape = Shape {
            height,
            width,
            ..self.shape
        };
        Ok(Self {
            shape,
            ..self.clone()
        })
    }

    /// Rows `begin..end` of every picture.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are no such rows; when memory doesn't suffice or the GPU fails.
    pub fn rows(&self, begin: usize, end: usize) -> Result<Self> {
        if begin > end || end > self.shape.height {
            return Err(Error::Shape(format!(
                "a picture of {} rows has no rows {begin} to {end}",
                self.shape.height
            )));
        }
        let shape = Shape {
            height: end - begin,
            ..self.shape
        };
        let part = Self::allocate(&self.gpu, self.element, shape)?;
        self.copy_rows(begin, &part, 0, end - begin)?;
        Ok(part)
    }

    /// Pictures below each other as one.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are none, or they differ in more than their height; when memory doesn't suffice or the GPU
    /// fails.
    pub fn below_each_other(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::Shape("a picture has no rows".to_owned()));
        };
        let height = parts.iter().map(|part| part.shape.height).sum();
        let like = |part: &Self| Shape {
            height,
            ..part.shape
        };
        if parts.iter().any(|part| like(part) != like(first)) {
            return Err(Error::Shape("rows of different pictures".to_owned()));
        }
        let whole = Self::allocate(&first.gpu, first.element, like(first))?;
        let mut row = 0;
        for part in parts {
            part.copy_rows(0, &whole, row, part.shape.height)?;
            row += part.shape.height;
        }
        Ok(whole)
    }

    /// Copies rows of every picture to rows of another.
    fn copy_rows(&self, begin: usize, to: &Self, to_begin: usize, n_rows: usize) -> Result<()> {
        let row = self.shape.width * self.shape.quads() * 4 * self.element.bytes();
        let at = |shape: &Shape, image: usize, begin: usize| {
            ((image * shape.height + begin) * row) as u64
        };
        for image in 0..self.shape.batch {
            self.gpu.copy(
                (&self.buffer, at(&self.shape, image, begin)),
                (&to.buffer, at(&to.shape, image, to_begin)),
                (n_rows * row) as u64,
            )?;
        }
        Ok(())
    }
}

fn check_len(shape: &Shape, values: &[f32]) -> Result<()> {
    let expected = shape.batch * shape.plane() * shape.channels;
    if values.len() == expected {
        return Ok(());
    }
    Err(Error::Shape(format!(
        "{} values for {shape:?}, which has {expected}",
        values.len()
    )))
}
