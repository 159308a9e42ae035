//! Reads the structure of MP4 films: our own, and simple ones of other programs.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use common::{Error, Result};
use mp4_atom::{Atom, Codec, FourCC, Header, Moov, Mvhd, ReadFrom, Trak};

use super::tags::{self, Tags, children};

/// The tables of a film of a week fit; a longer `moov` isn't read into memory.
const MAX_MOOV_LEN: u64 = 1 << 30;

/// A film's boxes, without its samples.
pub(super) struct Film {
    pub(super) path: PathBuf,
    pub(super) n_bytes: u64,
    /// Whether the tables come before the samples.
    pub(super) has_fast_start: bool,
    pub(super) mvhd: Mvhd,
    pub(super) traks: Vec<Trak>,
    pub(super) tags: Tags,
}

impl Film {
    /// Reads `moov`, wherever it is.
    ///
    /// # Errors
    /// [`Error::Input`] when it is missing, damaged or cut off, [`Error::Io`] when the file can't be read.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let n_bytes = file.metadata().map_err(Error::io("read", path))?.len();
        Self::parse(path, n_bytes, BufReader::new(file))
    }

    /// As [`Film::read`], from `n_bytes` that are open already.
    pub(super) fn parse(path: &Path, n_bytes: u64, mut source: impl Read + Seek) -> Result<Self> {
        let (mut offset, mut has_samples) = (0, false);
        while offset < n_bytes {
            let unreadable = |e: mp4_atom::Error| match e {
                mp4_atom::Error::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
                    Error::io("read", path)(e)
                }
                e => bad(path, &format!("no MP4 box at byte {offset}: {e}")),
            };
            let header = Header::read_from(&mut source).map_err(unreadable)?;
            let start = source.stream_position().map_err(Error::io("read", path))?;
            let size = header.size.map_or(n_bytes - start, |size| size as u64);
            let end = start.checked_add(size).filter(|end| *end <= n_bytes);
            let end = end.ok_or_else(|| cut_off(path, header.kind, offset))?;
            if header.kind == Moov::KIND {
                if size > MAX_MOOV_LEN {
                    return Err(bad(
                        path,
                        &format!("its moov box of {size} bytes is too large"),
                    ));
                }
                let mut moov = Vec::new();
                let n_read = source.by_ref().take(size).read_to_end(&mut moov);
                n_read.map_err(Error::io("read", path))?;
                let (mvhd, traks, tags) =
                    parse_moov(&moov).map_err(|e| bad(path, &format!("its moov box: {e}")))?;
                return Ok(Self {
                    path: path.to_owned(),
                    n_bytes,
                    has_fast_start: !has_samples,
                    mvhd,
                    traks,
                    tags,
                });
            }
            has_samples |= <[u8; 4]>::from(header.kind) == *b"mdat";
            source
                .seek(SeekFrom::Start(end))
                .map_err(Error::io("read", path))?;
            offset = end;
        }
        Err(bad(path, "it isn't an MP4 film: no moov box"))
    }

    /// The first track of pictures or of sound, with its only codec.
    pub(super) fn track(&self, handler: &[u8; 4]) -> Option<(&Trak, &Codec)> {
        let trak = self
            .traks
            .iter()
            .find(|trak| trak.mdia.hdlr.handler == handler.into())?;
        Some((trak, trak.mdia.minf.stbl.stsd.codecs.first()?))
    }
}

fn parse_moov(moov: &[u8]) -> Result<(Mvhd, Vec<Trak>, Tags), mp4_atom::Error> {
    let (mut mvhd, mut traks, mut tags) = (None, Vec::new(), Tags::default());
    for (kind, mut body) in children(moov) {
        match kind {
            Mvhd::KIND => mvhd = Some(Mvhd::decode_body(&mut body)?),
            Trak::KIND => {
                let trak = without_groups(body);
                traks.push(Trak::decode_body(&mut &*trak)?);
            }
            kind if <[u8; 4]>::from(kind) == *b"udta" => tags = tags::decode(body),
            _ => {}
        }
    }
    let mvhd = mvhd.ok_or(mp4_atom::Error::MissingBox(Mvhd::KIND))?;
    Ok((mvhd, traks, tags))
}

/// A track's boxes, in which those that describe groups of samples (ISO/IEC 14496-12, 8.9.3) are free space. Nothing here needs
/// them, and mp4-atom makes an entry for each that such a box counts, even where it has no bytes for them: two kilobytes would ask for
/// hundreds of gigabytes.
fn without_groups(trak: &[u8]) -> Vec<u8> {
    let mut trak = trak.to_vec();
    for at in 0..trak.len().saturating_sub(3) {
        if trak[at..].starts_with(b"sgpd") {
            trak[at..][..4].copy_from_slice(b"free");
        }
    }
    trak
}

/// A film whose box at `offset` ends behind the file; or another file, whose first bytes were taken for a box.
pub(super) fn cut_off(path: &Path, kind: FourCC, offset: u64) -> Error {
    const FIRST: [&[u8; 4]; 9] = [
        b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid",
    ];
    match offset == 0 && !FIRST.contains(&&<[u8; 4]>::from(kind)) {
        true => bad(path, "it isn't an MP4 film"),
        false => bad(
            path,
            &format!("cut off in its {kind:?} box at byte {offset}"),
        ),
    }
}

/// A film that can't be used.
pub(super) fn bad(path: &Path, reason: &str) -> Error {
    Error::input(path, reason)
}
