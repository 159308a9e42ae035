//! The song's samples as FLAC or ALAC, for codecs that MP4 can't hold and for players that don't take others.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use symphonia::core::codecs::audio::well_known as codec_ids;

use super::alac;
use super::blocks::Decoding;
use super::flac::{self, BLOCK_SAMPLES, Format};
use super::quantise::{Quantiser, Source};
use super::soundtrack::{Packet, Soundtrack, SoundtrackCodec, SoundtrackFormat};
use super::stream::{Codec, Stream};
use super::track::Track;

// Packets of both have the same length, so that one loop serves both.
const _: () = assert!(BLOCK_SAMPLES == alac::PACKET_SAMPLES);

/// Packets in a temporary file without a name.
pub(super) struct Encoded {
    file: File,
    folder: PathBuf,
    codec: SoundtrackCodec,
    sample_rate_hz: u32,
    n_channels: u32,
    n_samples: u64,
    /// Bytes of each packet.
    packet_bytes: Vec<u32>,
    note: String,
}

/// An encoder that takes whole numbers.
enum Encoder {
    Flac(Box<flac::Encoder>),
    Alac(Box<alac::Encoder>),
}

impl Encoder {
    /// An encoder for samples of a kind, and the bits that it takes of each.
    fn new(format: SoundtrackFormat, track: &Track, source: Source) -> (Self, u32) {
        let n_channels = track.n_channels as usize;
        if format == SoundtrackFormat::Alac {
            let bits = source.alac_bits();
            let encoder = alac::Encoder::new(track.sample_rate_hz, n_channels, bits);
            return (Self::Alac(Box::new(encoder)), bits);
        }
        let bits = source.flac_bits();
        let encoder = flac::Encoder::new(Format {
            sample_rate_hz: track.sample_rate_hz,
            n_channels,
            bits_per_sample: bits,
        });
        (Self::Flac(Box::new(encoder)), bits)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Flac(_) => "FLAC",
            Self::Alac(_) => "ALAC",
        }
    }

    fn encode(&mut self, samples: &[i32]) -> Result<Vec<u8>, String> {
        match self {
            Self::Flac(encoder) => encoder.encode(samples),
            Self::Alac(encoder) => Ok(encoder.encode(samples)),
        }
    }

    fn codec(&self) -> SoundtrackCodec {
        match self {
            Self::Flac(encoder) => SoundtrackCodec::Flac {
                stream_info: encoder.stream_info(),
            },
            Self::Alac(encoder) => SoundtrackCodec::Alac {
                config: encoder.config(),
            },
        }
    }
}

/// Encodes some packets of a song, to see how large they are.
pub(super) struct Trial<'a> {
    track: &'a Track,
    encoder: Encoder,
    quantiser: Quantiser,
    n_bytes: usize,
    n_samples: usize,
}

impl<'a> Trial<'a> {
    pub fn new(track: &'a Track, decoding: &Decoding, format: SoundtrackFormat) -> Self {
        let source = source_of(decoding.stream());
        let (encoder, bits) = Encoder::new(format, track, source);
        Self {
            track,
            encoder,
            quantiser: Quantiser::new(source, bits),
            n_bytes: 0,
            n_samples: 0,
        }
    }

    /// Encodes a packet of what is decoded next.
    ///
    /// # Errors
    /// As for [`Encoded::encode`].
    pub fn encode(&mut self, decoding: &mut Decoding) -> Result<()> {
        let n_wanted = BLOCK_SAMPLES * decoding.n_channels;
        let mut samples = Vec::new();
        while samples.len() < n_wanted
            && let Some(fresh) = decoding.advance()?
        {
            self.quantiser.append(decoding, fresh, &mut samples)?;
        }
        samples.truncate(n_wanted);
        if !samples.is_empty() {
            let packet = self.encoder.encode(&samples);
            self.n_bytes += packet.map_err(|why| refused(self.track, &why))?.len();
            self.n_samples += samples.len() / decoding.n_channels;
        }
        Ok(())
    }

    /// Bytes of a sample of all channels.
    pub fn bytes_per_sample(&self) -> f64 {
        self.n_bytes as f64 / self.n_samples.max(1) as f64
    }
}

/// Refuses what the format can't hold.
///
/// # Errors
/// [`Error::Input`] for a sample rate, [`Error::Config`] for a number of channels.
pub(super) fn check(track: &Track, stream: &Stream, format: SoundtrackFormat) -> Result<()> {
    let n_channels = track.n_channels as usize;
    if format == SoundtrackFormat::Alac && n_channels > alac::MAX_CHANNELS {
        return Err(Error::Config {
            name: "audio",
            value: format.to_string(),
            allowed: format!(
                "the song has {n_channels} channels, and ALAC is written with one or two; take flac or aac"
            ),
        });
    }
    // A single sample tells.
    let (mut encoder, _) = Encoder::new(format, track, source_of(stream));
    encoder
        .encode(&vec![0; n_channels])
        .map(drop)
        .map_err(|why| refused(track, &why))
}

fn refused(track: &Track, why: &str) -> Error {
    let reason = format!("can't be put in a film as FLAC: {why}");
    Error::input(&track.path, reason).with_hint(
        "ask for ALAC with `audio alac`, or convert it to 48 kHz first, for example: ffmpeg -i SONG -ar 48000 song.flac",
    )
}

impl Encoded {
    /// Decodes `range` of the track and encodes it.
    pub fn encode(
        track: &Track,
        range: Range<u64>,
        format: SoundtrackFormat,
        folder: &Path,
    ) -> Result<Self> {
        let n_samples = range.end - range.start;
        let mut decoding = track.decoding(range)?;
        check(track, decoding.stream(), format)?;
        let source = source_of(decoding.stream());
        let (mut encoder, bits) = Encoder::new(format, track, source);
        let mut quantiser = Quantiser::new(source, bits);
        let file = tempfile::tempfile_in(folder).map_err(Error::io("write", folder))?;
        let mut writer = BufWriter::new(file);
        let mut packet_bytes = Vec::new();
        let mut write = |samples: &[i32]| -> Result<()> {
            let packet = encoder
                .encode(samples)
                .map_err(|why| refused(track, &why))?;
            packet_bytes.push(packet.len() as u32);
            writer
                .write_all(&packet)
                .map_err(Error::io("write", folder))
        };
        let block_values = BLOCK_SAMPLES * decoding.n_channels;
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
        let file = writer
            .into_inner()
            .map_err(|error| Error::io("write", folder)(error.into_error()))?;
        let codec = match track.uses_ffmpeg {
            true => "what ffmpeg decodes",
            false => &track.codec,
        };
        let is_asked = format != SoundtrackFormat::Copy;
        Ok(Self {
            file,
            folder: folder.to_owned(),
            codec: encoder.codec(),
            sample_rate_hz: track.sample_rate_hz,
            n_channels: track.n_channels,
            n_samples,
            packet_bytes,
            note: quantiser.note(codec, encoder.name(), is_asked),
        })
    }

    fn read_packet(&self, start: u64, n_bytes: u32) -> Result<Vec<u8>> {
        let mut data = vec![0; n_bytes as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut data))
            .map_err(Error::io("read", &self.folder))?;
        Ok(data)
    }
}

impl Soundtrack for Encoded {
    fn codec(&self) -> &SoundtrackCodec {
        &self.codec
    }

    fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    fn n_channels(&self) -> u32 {
        self.n_channels
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
        Ok(Box::new(self.packet_bytes.iter().map(move |&n_bytes| {
            let n_samples = n_left.min(BLOCK_SAMPLES as u64);
            n_left -= n_samples;
            let data = self.read_packet(start, n_bytes)?;
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
            // The sixth byte of ALAC's configuration.
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
