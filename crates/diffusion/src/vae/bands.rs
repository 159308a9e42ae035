//! Decoding of large pictures in bands of rows, so that only one copy of the widest layer is held.
//!
//! A convolution sees one row more on both sides of its band. A normalisation's statistics are those of the whole picture:
//! they are added up over all bands before the first band is normalised, and what lies between two normalisations is
//! computed twice rather than stored.

use candle_core::Result;

use crate::layers::{Activation, ChannelAffine, Conv2d, Fusion, GroupNorm, UpsampleConv};
use crate::unet::ResnetBlock;

/// Rows that a 3x3 convolution needs on both sides.
const HALO: usize = 1;

/// A picture `[b, c, h, w]` whose rows are at hand, or computed when they are asked for.
pub struct Rows<'a> {
    stored: Activation,
    upsample: Option<&'a UpsampleConv>,
}

impl<'a> Rows<'a> {
    /// A picture in memory.
    pub fn stored(picture: Activation) -> Self {
        Self {
            stored: picture,
            upsample: None,
        }
    }

    /// Twice the size by `upsample`, computed row by row.
    pub fn enlarged(self, upsample: &'a UpsampleConv) -> Self {
        Self {
            upsample: Some(upsample),
            ..self
        }
    }

    fn height(&self) -> Result<usize> {
        let (height, _) = self.stored.size()?;
        Ok(if self.upsample.is_some() {
            2 * height
        } else {
            height
        })
    }

    fn width(&self) -> Result<usize> {
        let (_, width) = self.stored.size()?;
        Ok(if self.upsample.is_some() {
            2 * width
        } else {
            width
        })
    }

    /// Rows `begin..end`.
    fn get(&self, begin: usize, end: usize) -> Result<Activation> {
        let Some(upsample) = self.upsample else {
            return self.stored.rows(begin, end);
        };
        let (height, width) = self.stored.size()?;
        // The rows that the wanted ones are made of, and one more on both sides.
        let first = (begin / 2).saturating_sub(HALO);
        let last = (end.div_ceil(2) + HALO).min(height);
        let source = self.stored.rows(first, last)?;
        let enlarged = upsample.forward(&source, 2 * (last - first), 2 * width)?;
        enlarged.rows(begin - 2 * first, end - 2 * first)
    }

    /// The bands, as half-open ranges of rows.
    fn bands(&self, band_pixels: usize) -> Result<Vec<(usize, usize)>> {
        let (height, width) = (self.height()?, self.width()?);
        // Not so low that most of a band's work is that for its neighbours.
        let rows = (band_pixels / width.max(1)).max(16 * HALO);
        let begins = (0..height).step_by(rows);
        Ok(begins
            .map(|begin| (begin, (begin + rows).min(height)))
            .collect())
    }
}

/// `conv` with a normalisation in front, for rows `begin..end` of a picture of `height` rows, whose rows `get` gives.
fn conv_rows(
    conv: &Conv2d,
    affine: &ChannelAffine,
    height: usize,
    (begin, end): (usize, usize),
    get: &dyn Fn(usize, usize) -> Result<Activation>,
) -> Result<Activation> {
    let first = begin.saturating_sub(HALO);
    let last = (end + HALO).min(height);
    let fusion = Fusion {
        affine: Some(affine),
        ..Fusion::default()
    };
    let rows = conv.forward_fused((&get(first, last)?).into(), fusion)?;
    rows.rows(begin - first, end - first)
}

/// A residual layer without time embedding.
pub fn resnet(block: &ResnetBlock, x: &Rows<'_>, band_pixels: usize) -> Result<Activation> {
    let height = x.height()?;
    let bands = x.bands(band_pixels)?;
    let get = |begin: usize, end: usize| x.get(begin, end);
    let sums = bands.iter().map(|&(begin, end)| x.get(begin, end));
    let norm1 = block.norm1.affine(&block.norm1.sums(sums)?)?;

    let inner =
        |begin: usize, end: usize| conv_rows(&block.conv1, &norm1, height, (begin, end), &get);
    let sums = bands.iter().map(|&(begin, end)| inner(begin, end));
    let norm2 = block.norm2.affine(&block.norm2.sums(sums)?)?;

    join(height, &bands, |band| {
        let x = x.get(band.0, band.1)?;
        let shortcut = match &block.conv_shortcut {
            Some(conv) => conv.forward(&x)?,
            None => x,
        };
        conv_rows(&block.conv2, &norm2, height, band, &inner)?.plus(&shortcut)
    })
}

/// A normalisation with SiLU, then a convolution.
pub fn norm_conv(
    norm: &GroupNorm,
    conv: &Conv2d,
    x: &Rows<'_>,
    band_pixels: usize,
) -> Result<Activation> {
    let height = x.height()?;
    let bands = x.bands(band_pixels)?;
    let sums = bands.iter().map(|&(begin, end)| x.get(begin, end));
    let affine = norm.affine(&norm.sums(sums)?)?;
    let get = |begin: usize, end: usize| x.get(begin, end);
    join(height, &bands, |band| {
        conv_rows(conv, &affine, height, band, &get)
    })
}

/// A network of convolutions alone, which enlarges by `scale` and in which no pixel sees further than `reach` rows of `x`.
pub fn local(
    x: &Activation,
    scale: usize,
    reach: usize,
    band_pixels: usize,
    forward: &dyn Fn(&Activation) -> Result<Activation>,
) -> Result<Activation> {
    let (height, width) = x.size()?;
    let rows = (band_pixels / (width * scale * scale).max(1)).max(reach);
    let bands: Vec<(usize, usize)> = (0..height)
        .step_by(rows)
        .map(|begin| (begin, (begin + rows).min(height)))
        .collect();
    let enlarged: Vec<(usize, usize)> = bands
        .iter()
        .map(|(begin, end)| (begin * scale, end * scale))
        .collect();
    join(height * scale, &enlarged, |(begin, end)| {
        let first = (begin / scale).saturating_sub(reach);
        let last = (end / scale + reach).min(height);
        forward(&x.rows(first, last)?)?.rows(begin - first * scale, end - first * scale)
    })
}

/// All bands below each other in one picture.
fn join(
    height: usize,
    bands: &[(usize, usize)],
    compute: impl Fn((usize, usize)) -> Result<Activation>,
) -> Result<Activation> {
    Activation::below_each_other(height, bands.iter().map(|band| compute(*band)))
}
