//! Pictures as YUV4MPEG2, which ffmpeg, x264 and others read from a pipe.
//!
//! A line of text says size and rate; then each frame is the line `FRAME` and three planes of Y'CbCr 4:4:4, 8 bits, BT.709, limited
//! range (the format of mjpegtools' `yuv4mpeg(5)`, with the tag `XCOLORRANGE` of ffmpeg).

use std::io::{self, Write};

use common::units::FrameRate;
use image::RgbImage;
use timeline::Size;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    rgb_to_yuv444,
};

/// Writes pictures of one size and rate.
pub struct Y4mWriter<W> {
    out: W,
    size: Size,
    /// Luma, blue and red difference.
    planes: [Vec<u8>; 3],
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the line in front of the frames.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, size: Size, rate: FrameRate) -> io::Result<Self> {
        let Size { width, height } = size;
        let (num, den) = (rate.num(), rate.den());
        writeln!(
            out,
            "YUV4MPEG2 W{width} H{height} F{num}:{den} Ip A1:1 C444 XCOLORRANGE=LIMITED"
        )?;
        let n_pixels = width as usize * height as usize;
        Ok(Self {
            out,
            size,
            planes: [(); 3].map(|()| vec![0; n_pixels]),
        })
    }

    /// Writes the next frame.
    ///
    /// # Errors
    /// Those of writing; `InvalidInput` for a picture of another size.
    pub fn push(&mut self, picture: &RgbImage) -> io::Result<()> {
        let Size { width, height } = self.size;
        if picture.dimensions() != (width, height) {
            let (w, h) = picture.dimensions();
            let reason = format!("a frame has {w}x{h} pixels instead of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let [y, u, v] = &mut self.planes;
        let mut planes = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: width,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: width,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: width,
            width,
            height,
        };
        rgb_to_yuv444(
            &mut planes,
            picture.as_raw(),
            width * 3,
            YuvRange::Limited,
            YuvStandardMatrix::Bt709,
            YuvConversionMode::Balanced,
        )
        .map_err(io::Error::other)?;
        self.out.write_all(b"FRAME\n")?;
        let mut planes = self.planes.iter();
        planes.try_for_each(|plane| self.out.write_all(plane))
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_line_and_three_planes() {
        let size = Size {
            width: 3,
            height: 2,
        };
        let rate = FrameRate::new(30_000, 1001).unwrap();
        let mut writer = Y4mWriter::new(Vec::new(), size, rate).unwrap();
        for value in [0, 255] {
            let picture = RgbImage::from_pixel(3, 2, image::Rgb([value; 3]));
            writer.push(&picture).unwrap();
        }
        assert!(writer.push(&RgbImage::new(2, 2)).is_err());
        let bytes = writer.finish().unwrap();
        let head = b"YUV4MPEG2 W3 H2 F30000:1001 Ip A1:1 C444 XCOLORRANGE=LIMITED\n";
        let (first, frames) = bytes.split_at(head.len());
        assert_eq!(first, head);
        let frame = |luma: u8| [&b"FRAME\n"[..], &[luma; 6], &[128; 12]].concat();
        assert_eq!(frames, [frame(16), frame(235)].concat());
    }
}
