//! A song for the browser's player: WAV from our own decoder, so that its time is the analysis's.
//!
//! Browsers decode MP3 and AAC with delays of their own. The song is decoded once into a temporary file without a name, which the
//! system removes with the program, and the peaks of the waveform are taken on the way: the memory stays flat.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use audio::{Block, Track};
use common::{Error, Result};

use super::files::{Source, read_at};
use super::peaks::Peaks;

/// Length of the header that [`header`] makes.
const HEADER_BYTES: u64 = 44;

/// A decoded song: 16 bits, one or two channels.
pub struct Sound {
    header: Vec<u8>,
    samples: File,
    n_bytes: u64,
}

/// Decodes a song. `go_on` may end the work by an error.
///
/// # Errors
/// Those of decoding, of the temporary file, and of `go_on`.
pub fn decode(track: &Track, go_on: &mut dyn FnMut() -> Result<()>) -> Result<(Sound, Peaks)> {
    let n_channels = if track.n_channels == 2 { 2 } else { 1 };
    let folder = std::path::Path::new(".");
    let samples = tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
    let mut writer = BufWriter::with_capacity(1 << 16, &samples);
    let mut peaks = Peaks::default();
    for block in track.blocks(0..track.n_samples)? {
        let block = block?;
        let block = match n_channels {
            2 => block,
            _ => block.to_mono(),
        };
        peaks.push(&block.samples, block.n_channels);
        write_block(&mut writer, &block).map_err(Error::io("write", "a temporary file"))?;
        go_on()?;
    }
    writer
        .flush()
        .map_err(Error::io("write", "a temporary file"))?;
    drop(writer);
    let n_bytes = track.n_samples * u64::from(n_channels) * 2;
    let sound = Sound {
        header: header(track.sample_rate_hz, n_channels, n_bytes),
        samples,
        n_bytes,
    };
    Ok((sound, peaks.finish()))
}

fn write_block(writer: &mut impl Write, block: &Block) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(2 * block.samples.len());
    for sample in &block.samples {
        // A float beyond full scale is clipped by the cast.
        let value = (sample * 32768.0).round() as i16;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    writer.write_all(&bytes)
}

/// Header of a WAV file of 16-bit samples. Lengths of 4 GiB and more, which the format can't state, are stated as unknown.
fn header(sample_rate_hz: u32, n_channels: u16, n_bytes: u64) -> Vec<u8> {
    let length = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let frame_bytes = 2 * n_channels;
    let mut header = Vec::with_capacity(HEADER_BYTES as usize);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&length(n_bytes + HEADER_BYTES - 8));
    header.extend_from_slice(b"WAVEfmt ");
    header.extend_from_slice(&16u32.to_le_bytes());
    header.extend_from_slice(&1u16.to_le_bytes()); // integers
    header.extend_from_slice(&n_channels.to_le_bytes());
    header.extend_from_slice(&sample_rate_hz.to_le_bytes());
    header.extend_from_slice(
        &sample_rate_hz
            .saturating_mul(frame_bytes.into())
            .to_le_bytes(),
    );
    header.extend_from_slice(&frame_bytes.to_le_bytes());
    header.extend_from_slice(&16u16.to_le_bytes());
    header.extend_from_slice(b"data");
    header.extend_from_slice(&length(n_bytes));
    header
}

impl Source for Sound {
    fn length(&self) -> u64 {
        HEADER_BYTES + self.n_bytes
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let in_header =
            range.start.min(HEADER_BYTES) as usize..range.end.min(HEADER_BYTES) as usize;
        let mut bytes = self.header.get(in_header).unwrap_or_default().to_vec();
        let start = range.start.max(HEADER_BYTES) - HEADER_BYTES;
        let end = range.end.max(HEADER_BYTES) - HEADER_BYTES;
        bytes.extend(read_at(&self.samples, start..end)?);
        Ok(bytes)
    }
}
