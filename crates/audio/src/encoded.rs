//! The song's samples as FLAC, for codecs that MP4 can't hold.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use symphonia::core::codecs::audio::well_known as codec_ids;

use super::flac::{BLOCK_SAMPLES, Encoder, Format};
use super::quantise::{Quantiser, Source};
use super::soundtrack::{Packet, Soundtrack, SoundtrackCodec};
use super::stream::{Codec, Stream};
use super::track::Track;

/// Frames of FLAC in a temporary file without a name.
pub(super) struct EncodedFlac {
    file: File,
    folder: PathBuf,
    codec: SoundtrackCodec,
    format: Format,
    n_samples: u64,
    /// Bytes of each frame.
    frame_bytes: Vec<u32>,
    note: String,
}

impl EncodedFlac {
    /// Decodes `range` of the track and encodes it.
    pub fn encode(track: &Track, range: Range<u64>, folder: &Path) -> Result<Self> {
        let n_samples = range.end - range.start;
        let mut decoding = track.decoding(range)?;
        let source = source_of(decoding.stream());
        let format = Format {
            sample_rate_hz: track.sample_rate_hz,
            n_channels: decoding.n_channels,
            bits_per_sample: source.flac_bits(),
        };
        let refused = |why: String| {
            Error::input(
                &track.path,
                format!("can't be put in a film as FLAC: {why}"),
            )
            .with_hint(
                "convert it to 48 kHz first, for example: ffmpeg -i SONG -ar 48000 song.flac",
            )
        };
        let mut encoder = Encoder::new(format);
        let mut quantiser = Quantiser::new(source);
        let file = tempfile::tempfile_in(folder).map_err(Error::io("write", folder))?;
        let mut writer = BufWriter::new(file);
        let mut frame_bytes = Vec::new();
        let mut write = |samples: &[i32]| -> Result<()> {
            let frame = encoder.encode(samples).map_err(refused)?;
            frame_bytes.push(frame.len() as u32);
            writer.write_all(&frame).map_err(Error::io("write", folder))
        };
        let block_values = BLOCK_SAMPLES * format.n_channels;
        let mut pending: Vec<i32> = Vec::new();
        while let Some(fresh) = decoding.advance()? {
            quantiser.append(&decoding, fresh, &mut pending)?;
            let n_whole = pending.len() - pending.len() % block_values;
            for block in pending.chunks_exact(block_values) {
                write(block)?;
            }
            pending.drain(..n_whole);
        }
        if !pending.is_empty() {
            write(&pending)?;
        }
        let stream_info = encoder.stream_info();
        let file = writer
            .into_inner()
            .map_err(|error| Error::io("write", folder)(error.into_error()))?;
        Ok(Self {
            file,
            folder: folder.to_owned(),
            codec: SoundtrackCodec::Flac { stream_info },
            format,
            n_samples,
            frame_bytes,
            note: quantiser.note(if track.uses_ffmpeg {
                "what ffmpeg decodes"
            } else {
                &track.codec
            }),
        })
    }

    fn read_frame(&self, start: u64, n_bytes: u32) -> Result<Vec<u8>> {
        let mut data = vec![0; n_bytes as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut data))
            .map_err(Error::io("read", &self.folder))?;
        Ok(data)
    }
}

impl Soundtrack for EncodedFlac {
    fn codec(&self) -> &SoundtrackCodec {
        &self.codec
    }

    fn sample_rate_hz(&self) -> u32 {
        self.format.sample_rate_hz
    }

    fn n_channels(&self) -> u32 {
        self.format.n_channels as u32
    }

    fn skip_samples(&self) -> u64 {
        0
    }

    fn n_samples(&self) -> u64 {
        self.n_samples
    }

    fn note(&self) -> Option<&str> {
        Some(&self.note)
    }

    fn packets(&self) -> Result<Box<dyn Iterator<Item = Result<Packet>> + '_>> {
        let mut start = 0;
        let mut n_left = self.n_samples;
        Ok(Box::new(self.frame_bytes.iter().map(move |&n_bytes| {
            let n_samples = n_left.min(BLOCK_SAMPLES as u64);
            n_left -= n_samples;
            let data = self.read_frame(start, n_bytes)?;
            start += u64::from(n_bytes);
            Ok(Packet {
                data,
                n_samples: n_samples as u32,
            })
        })))
    }
}

/// What kind of samples the stream decodes to.
fn source_of(stream: &Stream) -> Source {
    let bits = match stream.params.codec {
        codec_ids::CODEC_ID_ALAC => {
            // The sixth byte of ALAC's magic cookie.
            let cookie = stream.params.extra_data.as_deref();
            cookie
                .and_then(|cookie| cookie.get(5))
                .map(|&bits| u32::from(bits))
        }
        codec_ids::CODEC_ID_PCM_F32LE
        | codec_ids::CODEC_ID_PCM_F32BE
        | codec_ids::CODEC_ID_PCM_F64LE
        | codec_ids::CODEC_ID_PCM_F64BE => return Source::Float,
        codec_ids::CODEC_ID_PCM_ALAW | codec_ids::CODEC_ID_PCM_MULAW => Some(16),
        _ => stream.valid_bits.or(stream.params.bits_per_sample),
    };
    match (stream.codec, bits) {
        (Codec::MpegLayer12 | Codec::Vorbis, _) | (_, None | Some(0)) => Source::Lossy,
        (_, Some(bits)) => Source::Integer { bits: bits.min(32) },
    }
}
