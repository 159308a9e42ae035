//! Group normalisation: statistics, and the map of each channel that they give.

use std::sync::Arc;

use super::{Pointwise, groups, kernel, misfit, names, sizes, to_u32};
use crate::Result;
use crate::array::{Array, Element, Shape};
use crate::backend::{Buffer, Gpu};
use crate::call::Call;

/// Pixels whose statistics are taken by one thread.
const SLAB: usize = 32;

/// Group normalisation with a scale and a shift for each channel.
#[derive(Debug)]
pub struct GroupNorm {
    gpu: Gpu,
    n_channels: usize,
    n_groups: usize,
    eps: f32,
    weights: Buffer,
}

/// Statistics of pictures, or of rows of them that come one after another.
#[derive(Debug)]
pub struct GroupSums {
    shape: Shape,
    n_slabs: usize,
    /// `[image][slab]`, see the kernel.
    buffer: Buffer,
}

/// The map `scale x + shift` of each image's channel.
#[derive(Clone, Debug)]
pub struct ChannelAffine {
    batch: usize,
    n_channels: usize,
    buffer: Arc<Buffer>,
}

impl ChannelAffine {
    pub(super) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Whether it is that of pictures of this shape.
    pub(super) fn check(&self, shape: Shape) -> Result<()> {
        match (self.batch, self.n_channels) == (shape.batch, shape.channels) {
            true => Ok(()),
            false => misfit(format!(
                "a normalisation of {} x {} channels for {shape:?}",
                self.batch, self.n_channels
            )),
        }
    }
}

impl GroupSums {
    /// Bytes of what is known of a slab.
    fn row(shape: Shape) -> usize {
        (1 + 2 * shape.quads()) * 4 * size_of::<f32>()
    }

    /// The statistics of all parts of a picture together; parts have the same batch and channels.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if there are no parts, or they differ; when memory doesn't suffice or the GPU fails.
    pub fn together(gpu: &Gpu, parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return misfit("statistics of nothing");
        };
        let shape = first.shape;
        if parts
            .iter()
            .any(|part| (part.shape.batch, part.shape.channels) != (shape.batch, shape.channels))
        {
            return misfit("statistics of different pictures");
        }
        let n_slabs: usize = parts.iter().map(|part| part.n_slabs).sum();
        let row = Self::row(shape);
        let buffer = gpu.allocate((shape.batch * n_slabs * row) as u64)?;
        for image in 0..shape.batch {
            let mut slab = image * n_slabs;
            for part in parts {
                gpu.copy(
                    (&part.buffer, (image * part.n_slabs * row) as u64),
                    (&buffer, (slab * row) as u64),
                    (part.n_slabs * row) as u64,
                )?;
                slab += part.n_slabs;
            }
        }
        Ok(Self {
            shape,
            n_slabs,
            buffer,
        })
    }
}

impl GroupNorm {
    /// Brings scale and shift of each channel to the GPU; `n_groups` must divide their number.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if it doesn't; when memory doesn't suffice or the GPU fails.
    pub fn new(
        gpu: &Gpu,
        n_groups: usize,
        eps: f64,
        (weight, bias): (&[f32], &[f32]),
    ) -> Result<Self> {
        if n_groups == 0 || !weight.len().is_multiple_of(n_groups) || weight.len() != bias.len() {
            return misfit(format!("{n_groups} groups of {} channels", weight.len()));
        }
        let pairs = weight.iter().zip(bias);
        let pairs: Vec<f32> = pairs.flat_map(|(scale, shift)| [*scale, *shift]).collect();
        Ok(Self {
            weights: gpu.upload(bytemuck::cast_slice(&pairs))?,
            gpu: gpu.clone(),
            n_channels: weight.len(),
            n_groups,
            eps: eps as f32,
        })
    }

    /// The statistics of pictures, whose channels may come in two parts.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the channels aren't those of this normalisation; when memory doesn't suffice or
    /// the GPU fails.
    pub fn sums(&self, first: &Array, second: Option<&Array>) -> Result<GroupSums> {
        let shape = first.shape();
        let n_channels = shape.channels + second.map_or(0, |x| x.shape().channels);
        if n_channels != self.n_channels || shape.plane() == 0 {
            return misfit(format!(
                "{n_channels} channels of {} pixels in a normalisation of {}",
                shape.plane(),
                self.n_channels
            ));
        }
        if second.is_some() && !shape.channels.is_multiple_of(4) {
            let joined = Pointwise {
                second,
                ..Pointwise::default()
            };
            return self.sums(&joined.forward(first)?, None);
        }
        let all = shape.with_channels(n_channels);
        let n_slabs = shape.plane().div_ceil(SLAB);
        let len = shape.batch * n_slabs * GroupSums::row(all);
        let buffer = self.gpu.allocate(len as u64)?;
        let mut first_quad = 0;
        for part in [Some(first), second].into_iter().flatten() {
            let quads = part.shape().quads();
            let [x, y] = groups(n_slabs * quads, 64)?;
            self.gpu.run(&Call {
                template: kernel!("group_sums"),
                names: names(part.element()),
                buffers: &[part.buffer(), &buffer],
                n_written: 1,
                sizes: &sizes([0, shape.plane(), quads, first_quad, all.quads(), n_slabs])?,
                groups: [x, y, to_u32(shape.batch)?],
                n_products: (shape.plane() * quads * 8) as f64,
            })?;
            first_quad += quads;
        }
        Ok(GroupSums {
            shape: all,
            n_slabs,
            buffer,
        })
    }

    /// The normalisation of pictures of which these are the statistics of all parts.
    ///
    /// # Errors
    /// As [`GroupSums::together`].
    pub fn affine_of_parts(&self, parts: &[GroupSums]) -> Result<ChannelAffine> {
        self.affine(&GroupSums::together(&self.gpu, parts)?)
    }

    /// The normalisation of pictures with these statistics.
    ///
    /// # Errors
    /// When memory doesn't suffice or the GPU fails.
    pub fn affine(&self, sums: &GroupSums) -> Result<ChannelAffine> {
        let GroupSums { shape, n_slabs, .. } = *sums;
        let len = shape.batch * shape.quads() * 8 * size_of::<f32>();
        let buffer = self.gpu.allocate(len as u64)?;
        let group_channels = self.n_channels / self.n_groups;
        self.gpu.run(&Call {
            template: kernel!("group_affine"),
            names: names(Element::F32),
            buffers: &[&sums.buffer, &self.weights, &buffer],
            n_written: 1,
            sizes: &[
                0,
                to_u32(n_slabs)?,
                to_u32(shape.quads())?,
                to_u32(shape.channels)?,
                to_u32(group_channels)?,
                self.eps.to_bits(),
            ],
            groups: [to_u32(self.n_groups)?, 1, to_u32(shape.batch)?],
            n_products: (n_slabs * self.n_channels * 8) as f64,
        })?;
        Ok(ChannelAffine {
            batch: shape.batch,
            n_channels: shape.channels,
            buffer: Arc::new(buffer),
        })
    }
}
