//! Chunks: runs of encoded frames that begin with a keyframe and refer to nothing outside.
//!
//! A chunk is the unit of checkpoint, of re-rendering and of farming. It is one file, in this order:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `VISCHUNK` |
//! | 4 | length of the header, big-endian |
//! | | the header, JSON: id, first frame, configuration, the codec's header, length of each sample, where it was drawn |
//! | | the samples, each an encoded frame as the film stores it |
//! | 32 | SHA-256 of everything before |
//!
//! Its name is `FIRST-END-ID.chunk`. A file that was torn or has rotted fails its checksum and counts as missing.

mod hash;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::hex::hex;
use common::partial_file::PartialFile;
use common::{Error, Result};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use timeline::VideoCodec;

use super::codec::{CodecHeader, Encoder, Sample, encoder_name};
use super::config::EncodeConfig;
use hash::{HashReader, HashWriter};

const MAGIC: &[u8; 8] = b"VISCHUNK";
const SCHEMA_VERSION: u32 = 2;
const EXTENSION: &str = "chunk";
const CHECKSUM_LEN: u64 = 32;
/// A day at 240 frames a second has a header of 20 bytes a frame; anything longer is no header.
const MAX_HEADER_LEN: u32 = 1 << 29;

/// The id of a chunk: SHA-256, in lowercase hex, of the codec's encoder and of everything that `inputs` serialises to.
///
/// Inputs are the resolved frames, the render and encode configuration and the hash of the weights. They must serialise
/// in a fixed order (structs, sequences and B-tree maps do).
///
/// # Errors
/// When `inputs` can't be serialised as JSON.
pub fn chunk_id(codec: VideoCodec, inputs: &impl Serialize) -> Result<String> {
    let mut hasher = HashWriter(Sha256::new());
    serde_json::to_writer(&mut hasher, &(SCHEMA_VERSION, encoder_name(codec), inputs)).map_err(
        |e| Error::Video {
            reason: format!("can't identify a chunk: {e}"),
        },
    )?;
    Ok(hex(&hasher.0.finalize()))
}

/// Length in bytes of a frame in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleInfo {
    /// Number of bytes, above 0.
    pub n_bytes: u32,
    /// Whether decoding can begin here.
    pub is_keyframe: bool,
}

/// Where and how a chunk was drawn. Its name says nothing of it: machines of one kind draw the same frames, others differ by
/// rounding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the machine.
    pub host: String,
    /// How the machine computes, such as `AVX-512` or `exact`; chunks of one arithmetic have the same rounding.
    pub arithmetic: String,
    /// Time that drawing took, in milliseconds.
    pub drawn_ms: u64,
}

/// A finished chunk: where it is and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkInfo {
    /// The file.
    pub path: PathBuf,
    /// What determines its content, see [`chunk_id`].
    pub id: String,
    /// Index in the film of its first frame.
    pub first_frame: u64,
    /// How it was encoded.
    pub config: EncodeConfig,
    /// What a decoder must know besides the frames.
    pub codec_header: CodecHeader,
    /// Its frames in order.
    pub samples: Vec<SampleInfo>,
    /// Where it was drawn, where that is known.
    pub origin: Option<Origin>,
}

impl ChunkInfo {
    /// Its frames: half-open range of indices in the film.
    pub fn frames(&self) -> Range<u64> {
        self.first_frame..self.first_frame + self.samples.len() as u64
    }

    /// Whether another chunk has the same frames, wherever either was drawn: two runs may draw one chunk, and the later one
    /// takes the place of the other.
    pub(super) fn has_frames_of(&self, other: &Self) -> bool {
        self.id == other.id
            && self.first_frame == other.first_frame
            && self.config == other.config
            && self.codec_header == other.codec_header
            && self.samples == other.samples
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema_version: u32,
    id: String,
    first_frame: u64,
    config: EncodeConfig,
    codec_header: CodecHeader,
    samples: Vec<SampleInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

/// Encodes frames and makes a chunk of them.
pub struct ChunkWriter {
    folder: PathBuf,
    id: String,
    first_frame: u64,
    config: EncodeConfig,
    encoder: Encoder,
    samples: Vec<SampleInfo>,
    data: Vec<u8>,
    origin: Option<Origin>,
    file: Option<PartialFile>,
}

impl ChunkWriter {
    /// Begins the chunk whose first frame is `first_frame` of the film; it will be written to the existing `folder`.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that H.264 can't hold, [`Error::Video`] for an id that isn't letters and
    /// digits.
    pub fn new(
        folder: impl AsRef<Path>,
        id: &str,
        first_frame: u64,
        config: &EncodeConfig,
    ) -> Result<Self> {
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::Video {
                reason: format!("\"{id}\" can't be a chunk's id: it goes into a file name"),
            });
        }
        Ok(Self {
            folder: folder.as_ref().to_owned(),
            id: id.to_owned(),
            first_frame,
            config: config.clone(),
            encoder: Encoder::new(config, first_frame)?,
            samples: Vec::new(),
            data: Vec::new(),
            origin: None,
            file: None,
        })
    }

    /// The frames encoded so far, in order.
    pub fn samples(&self) -> &[SampleInfo] {
        &self.samples
    }

    /// Says where the frames were drawn.
    pub fn set_origin(&mut self, origin: Origin) {
        self.origin = Some(origin);
    }

    /// Takes the file that was begun to claim the chunk, see [`claim`](super::claim).
    pub fn set_claim(&mut self, file: PartialFile) {
        self.file = Some(file);
    }

    /// Encodes the next frame. Encoded frames are kept in memory until [`ChunkWriter::finish`].
    ///
    /// # Errors
    /// [`Error::Video`] for a picture of another size than configured, or when the encoder fails.
    pub fn push(&mut self, picture: &RgbImage) -> Result<()> {
        let Sample { data, is_keyframe } = self.encoder.encode(picture)?;
        let n_bytes = u32::try_from(data.len()).map_err(|_| Error::Video {
            reason: format!("a frame of {} bytes doesn't fit in MP4", data.len()),
        })?;
        self.samples.push(SampleInfo {
            n_bytes,
            is_keyframe,
        });
        self.data.extend_from_slice(&data);
        if let Some(file) = &self.file {
            file.keep_alive();
        }
        Ok(())
    }

    /// Writes the chunk: whole and synced, or not at all.
    ///
    /// # Errors
    /// [`Error::Video`] without frames or with a claim for others, [`Error::Later`] when the disk is full, [`Error::Io`] for other failed writes.
    pub fn finish(self) -> Result<ChunkInfo> {
        let Some(codec_header) = self.encoder.header() else {
            return Err(Error::Video {
                reason: "a chunk needs at least one frame".to_owned(),
            });
        };
        let header = Header {
            schema_version: SCHEMA_VERSION,
            id: self.id,
            first_frame: self.first_frame,
            config: self.config,
            codec_header,
            samples: self.samples,
            origin: self.origin,
        };
        let json = serde_json::to_vec(&header).map_err(|e| Error::Video {
            reason: format!("can't describe a chunk: {e}"),
        })?;
        let mut bytes = Vec::with_capacity(json.len() + self.data.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(&self.data);
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);

        let end = header.first_frame + header.samples.len() as u64;
        let path = self
            .folder
            .join(file_name(&(header.first_frame..end), &header.id));
        let file = match self.file {
            Some(file) => file,
            None => PartialFile::create(&path)?,
        };
        if file.path() != path {
            return Err(Error::Video {
                reason: format!("{} isn't what was claimed", path.display()),
            });
        }
        file.write_whole(&bytes)?;
        Ok(info(path, header))
    }
}

/// Reads the frames of a finished chunk in order.
#[derive(Debug)]
pub struct ChunkReader {
    info: ChunkInfo,
    samples: BufReader<File>,
    next: usize,
}

impl ChunkReader {
    /// Opens a chunk and checks all of it: form, lengths and checksum.
    ///
    /// # Errors
    /// [`Error::Input`] for a damaged file, [`Error::Io`] for one that can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io("open", path))?;
        let n_bytes = file.metadata().map_err(Error::io("read", path))?.len();
        let mut source = HashReader {
            inner: BufReader::with_capacity(1 << 16, file),
            hasher: Sha256::new(),
        };
        let (header, data_start) =
            read_header(&mut source, n_bytes).map_err(|e| damaged(path, &e))?;
        let n_data: u64 = header.samples.iter().map(|s| u64::from(s.n_bytes)).sum();
        if data_start + n_data + CHECKSUM_LEN != n_bytes {
            return Err(damaged(path, "its length doesn't match its header"));
        }
        let copied = std::io::copy(&mut (&mut source).take(n_data), &mut std::io::sink());
        copied.map_err(Error::io("read", path))?;
        let HashReader { mut inner, hasher } = source;
        let mut checksum = [0; CHECKSUM_LEN as usize];
        inner
            .read_exact(&mut checksum)
            .map_err(|e| damaged(path, &e.to_string()))?;
        if hasher.finalize()[..] != checksum {
            return Err(damaged(path, "its checksum is wrong"));
        }
        inner
            .seek(SeekFrom::Start(data_start))
            .map_err(Error::io("read", path))?;
        Ok(Self {
            info: info(path.to_owned(), header),
            samples: inner,
            next: 0,
        })
    }

    /// What the chunk holds.
    pub fn info(&self) -> &ChunkInfo {
        &self.info
    }

    /// What the chunk holds, without the reader.
    pub fn into_info(self) -> ChunkInfo {
        self.info
    }

    /// Reads the next frame into `data`, as an MP4 sample; false at the end.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read any more.
    pub fn read_sample(&mut self, data: &mut Vec<u8>) -> Result<bool> {
        let Some(sample) = self.info.samples.get(self.next) else {
            return Ok(false);
        };
        data.resize(sample.n_bytes as usize, 0);
        self.samples
            .read_exact(data)
            .map_err(Error::io("read", &self.info.path))?;
        self.next += 1;
        Ok(true)
    }
}

/// The name of a chunk's file.
pub(super) fn file_name(frames: &Range<u64>, id: &str) -> String {
    format!("{:06}-{:06}-{id}.{EXTENSION}", frames.start, frames.end)
}

/// The frames and the id in the name of a chunk's file, if it is one.
pub(super) fn parse_file_name(name: &str) -> Option<(Range<u64>, &str)> {
    let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let mut parts = stem.splitn(3, '-');
    let frames = parts.next()?.parse().ok()?..parts.next()?.parse().ok()?;
    let id = parts.next()?;
    let is_chunk = !frames.is_empty() && file_name(&frames, id) == name;
    is_chunk.then_some((frames, id))
}

fn read_header(source: &mut impl Read, n_bytes: u64) -> Result<(Header, u64), String> {
    let mut start = [0; 12];
    source.read_exact(&mut start).map_err(|e| e.to_string())?;
    let (magic, header_len) = start.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("it doesn't begin as a chunk".to_owned());
    }
    let header_len = u32::from_be_bytes(header_len.try_into().unwrap_or_default());
    let data_start = start.len() as u64 + u64::from(header_len);
    if header_len > MAX_HEADER_LEN || data_start + CHECKSUM_LEN > n_bytes {
        return Err("it ends within its header".to_owned());
    }
    let mut json = vec![0; header_len as usize];
    source.read_exact(&mut json).map_err(|e| e.to_string())?;
    let header: Header = serde_json::from_slice(&json).map_err(|e| format!("its header: {e}"))?;
    if header.schema_version != SCHEMA_VERSION {
        return Err(format!(
            "it has version {} of the format, this program reads {SCHEMA_VERSION}",
            header.schema_version
        ));
    }
    let starts_whole = header.samples.first().is_some_and(|s| s.is_keyframe);
    let ends_in_range = header
        .first_frame
        .checked_add(header.samples.len() as u64)
        .is_some();
    if !starts_whole || !ends_in_range {
        return Err("its header makes no sense".to_owned());
    }
    Ok((header, data_start))
}

fn info(path: PathBuf, header: Header) -> ChunkInfo {
    ChunkInfo {
        path,
        id: header.id,
        first_frame: header.first_frame,
        config: header.config,
        codec_header: header.codec_header,
        samples: header.samples,
        origin: header.origin,
    }
}

fn damaged(path: &Path, reason: &str) -> Error {
    Error::input(path, format!("the chunk is damaged: {reason}"))
        .with_hint("render its frames again; a good chunk takes its place")
}

#[cfg(test)]
mod tests;
