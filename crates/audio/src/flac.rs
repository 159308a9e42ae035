//! FLAC frames and the STREAMINFO block (RFC 9639).

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use flac_codec::encode::{FlacStreamWriter, Options};

/// Samples of each channel in a frame, but for the last one.
pub(super) const BLOCK_SAMPLES: usize = 4096;

/// The fixed part of a stream's format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub sample_rate_hz: u32,
    pub n_channels: usize,
    /// 8, 12, 16, 20 or 24.
    pub bits_per_sample: u32,
}

/// Encodes blocks to frames one by one, and sums up the STREAMINFO.
pub(super) struct Encoder {
    format: Format,
    frames: FlacStreamWriter<SharedBytes>,
    frame: SharedBytes,
    md5: md5::Context,
    sample_bytes: Vec<u8>,
    n_samples: u64,
    frame_bytes: Option<(usize, usize)>,
}

impl Encoder {
    pub fn new(format: Format) -> Self {
        let frame = SharedBytes::default();
        Self {
            format,
            frames: FlacStreamWriter::new(frame.clone(), Options::default()),
            frame,
            md5: md5::Context::new(),
            sample_bytes: Vec::new(),
            n_samples: 0,
            frame_bytes: None,
        }
    }

    /// Encodes up to [`BLOCK_SAMPLES`] interleaved samples as a frame. Only the last frame may be shorter.
    ///
    /// # Errors
    /// What of the format FLAC can't hold, in words: sample rates that its frame headers can't state (RFC 9639, section
    /// 9.1.2).
    pub fn encode(&mut self, samples: &[i32]) -> Result<Vec<u8>, String> {
        let Format {
            sample_rate_hz,
            n_channels,
            bits_per_sample,
        } = self.format;
        self.frames
            .write(sample_rate_hz, n_channels as u8, bits_per_sample, samples)
            .map_err(|error| error.to_string())?;
        let bytes = self.frame.0.take();
        self.sum_up(samples);
        self.n_samples += (samples.len() / n_channels) as u64;
        let (least, most) = self.frame_bytes.unwrap_or((usize::MAX, 0));
        self.frame_bytes = Some((least.min(bytes.len()), most.max(bytes.len())));
        Ok(bytes)
    }

    fn sum_up(&mut self, samples: &[i32]) {
        let n_bytes = self.format.bits_per_sample.div_ceil(8) as usize;
        self.sample_bytes.clear();
        for sample in samples {
            self.sample_bytes
                .extend(sample.to_le_bytes().iter().take(n_bytes));
        }
        self.md5.consume(&self.sample_bytes);
    }

    /// The STREAMINFO of the frames so far.
    pub fn stream_info(&self) -> [u8; 34] {
        let (least, most) = self.frame_bytes.unwrap_or((0, 0));
        StreamInfo {
            block_samples: BLOCK_SAMPLES as u16,
            frame_bytes: (least as u32, most as u32),
            format: self.format,
            n_samples: self.n_samples,
            md5: self.md5.clone().finalize().0,
        }
        .to_bytes()
    }
}

/// Takes what the encoder writes, which keeps its writer to itself.
#[derive(Clone, Default)]
struct SharedBytes(Rc<RefCell<Vec<u8>>>);

impl Write for SharedBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The STREAMINFO metadata block (RFC 9639, section 8.2).
pub(super) struct StreamInfo {
    /// Samples of each frame but the last.
    pub block_samples: u16,
    /// Bytes of the shortest and of the longest frame.
    pub frame_bytes: (u32, u32),
    pub format: Format,
    pub n_samples: u64,
    /// Of all samples, as whole little-endian bytes.
    pub md5: [u8; 16],
}

impl StreamInfo {
    /// The block's body.
    pub fn to_bytes(&self) -> [u8; 34] {
        let block = self.block_samples.to_be_bytes();
        let [_, least @ ..] = self.frame_bytes.0.to_be_bytes();
        let [_, most @ ..] = self.frame_bytes.1.to_be_bytes();
        let fields = u64::from(self.format.sample_rate_hz) << 44
            | (self.format.n_channels as u64 - 1) << 41
            | (u64::from(self.format.bits_per_sample) - 1) << 36
            | (self.n_samples & N_SAMPLES_MASK);
        let mut bytes = [0; 34];
        let parts = [
            &block[..],
            &block,
            &least,
            &most,
            &fields.to_be_bytes(),
            &self.md5,
        ];
        for (to, from) in bytes.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        bytes
    }
}

/// The field has 36 bits; 0 stands for unknown.
const N_SAMPLES_MASK: u64 = (1 << 36) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_info_is_packed_as_the_specification_says() {
        let info = StreamInfo {
            block_samples: 4096,
            frame_bytes: (14, 0x01_0203),
            format: Format {
                sample_rate_hz: 44_100,
                n_channels: 2,
                bits_per_sample: 16,
            },
            n_samples: 0x8_1234_5678,
            md5: [7; 16],
        };
        let bytes = info.to_bytes();
        assert_eq!(
            bytes[..18],
            [
                0x10, 0, 0x10, 0, 0, 0, 14, 1, 2, 3, 0x0a, 0xc4, 0x42, 0xf8, 0x12, 0x34, 0x56, 0x78
            ]
        );
        assert_eq!(bytes[18..], [7; 16]);
    }
}
