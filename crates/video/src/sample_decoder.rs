//! Decodes one sample of a film at a time.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use common::{Error, Result};
use mp4_atom::Avcc;
use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig, Flush};
use timeline::Size;

use super::colour::{Converter, Yuv420};
use super::film::bad;
use super::hap;
use super::sample_table::TableSample;

/// Reads samples from the film's file and decodes them.
pub(super) struct SampleDecoder<'a> {
    path: &'a Path,
    source: BufReader<File>,
    codec: FrameDecoder,
    size: Size,
}

enum FrameDecoder {
    H264(H264Decoder),
    Hap(Box<Converter>),
}

struct H264Decoder {
    decoder: Decoder,
    /// NAL units with start codes; at first the parameter sets, then one frame at a time.
    annex_b: Vec<u8>,
    length_size: usize,
}

impl H264Decoder {
    fn new(path: &Path, avcc: &Avcc, is_reordered: bool) -> Result<Self> {
        // A decoder that is asked for each frame at once gives frames in coded order, which is another one with B-frames.
        let flush = match is_reordered {
            true => Flush::NoFlush,
            false => Flush::Flush,
        };
        let config = DecoderConfig::new().flush_after_decode(flush);
        Ok(Self {
            decoder: Decoder::with_api_config(OpenH264API::from_source(), config)
                .map_err(|e| undecodable(path, &e))?,
            annex_b: parameter_sets(avcc),
            length_size: usize::from(avcc.length_size),
        })
    }
}

impl<'a> SampleDecoder<'a> {
    /// For pictures of a size, of H.264 where there is an `avcc`, else of Hap.
    ///
    /// # Errors
    /// When the file can't be opened, or there is no decoder.
    pub(super) fn open(
        path: &'a Path,
        size: Size,
        avcc: Option<&Avcc>,
        is_reordered: bool,
    ) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        Ok(Self {
            path,
            source: BufReader::with_capacity(1 << 16, file),
            codec: match avcc {
                Some(avcc) => FrameDecoder::H264(H264Decoder::new(path, avcc, is_reordered)?),
                None => FrameDecoder::Hap(Box::new(Converter::new(size))),
            },
            size,
        })
    }

    /// Decodes a sample. Where pictures are reordered, one of an earlier sample may come out, or none yet.
    pub(super) fn decode(
        &mut self,
        sample: &TableSample,
        frame_idx: u64,
    ) -> Result<Option<Yuv420>> {
        let io = Error::io("read", self.path);
        let mut data = vec![0; sample.n_bytes as usize];
        self.source
            .seek(SeekFrom::Start(sample.offset))
            .and_then(|_| self.source.read_exact(&mut data))
            .map_err(io)?;
        match &mut self.codec {
            FrameDecoder::H264(h264) => {
                append_annex_b(&data, h264.length_size, &mut h264.annex_b)
                    .ok_or_else(|| bad(self.path, &format!("frame {frame_idx} is damaged")))?;
                let decoded = h264.decoder.decode(&h264.annex_b);
                let decoded = decoded.map_err(|e| undecodable(self.path, &e))?;
                let picture = decoded.map(|decoded| Yuv420::copy_of(&decoded, self.size));
                h264.annex_b.clear();
                picture.transpose()
            }
            FrameDecoder::Hap(converter) => {
                let damaged = |reason| format!("frame {frame_idx} is damaged: {reason}");
                let picture = hap::decode(&data, self.size);
                let picture = picture.map_err(|reason| bad(self.path, &damaged(reason)))?;
                Ok(Some(converter.convert(&picture)?.clone()))
            }
        }
    }

    /// The pictures that the decoder still holds after the last sample.
    pub(super) fn rest(&mut self) -> Result<Vec<Yuv420>> {
        let FrameDecoder::H264(h264) = &mut self.codec else {
            return Ok(Vec::new());
        };
        let rest = h264.decoder.flush_remaining();
        let rest = rest.map_err(|e| undecodable(self.path, &e))?;
        rest.iter()
            .map(|decoded| Yuv420::copy_of(decoded, self.size))
            .collect()
    }
}

/// Sequence and picture parameter sets as a byte stream.
fn parameter_sets(avcc: &Avcc) -> Vec<u8> {
    let sets = avcc.sequence_parameter_sets.iter();
    let sets = sets.chain(&avcc.picture_parameter_sets);
    sets.flat_map(|set| [&START_CODE[..], set].concat())
        .collect()
}

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Puts start codes where a sample has lengths (ISO/IEC 14496-15 to ITU-T H.264, Annex B). `None` if a length is wrong.
fn append_annex_b(mut sample: &[u8], length_size: usize, annex_b: &mut Vec<u8>) -> Option<()> {
    while !sample.is_empty() {
        let (length, rest) = sample.split_at_checked(length_size)?;
        let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let (nal, rest) = rest.split_at_checked(length)?;
        annex_b.extend_from_slice(&START_CODE);
        annex_b.extend_from_slice(nal);
        sample = rest;
    }
    Some(())
}

fn undecodable(path: &Path, error: &openh264::Error) -> Error {
    bad(path, &format!("openh264 can't decode it: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_start_codes() {
        let mut annex_b = vec![];
        append_annex_b(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 9], 4, &mut annex_b).unwrap();
        assert_eq!(annex_b, [0, 0, 0, 1, 7, 8, 0, 0, 0, 1, 9]);
        for broken in [&[0, 0, 0][..], &[0, 0, 0, 2, 7], &[255; 9]] {
            assert!(append_annex_b(broken, 4, &mut annex_b).is_none());
        }
    }
}
