//! Edit lists of MP4 files, which symphonia leaves aside.
//!
//! An edit list says which part of the decoded sound is to be heard (ISO 14496-12, section 8.6.6): `media_time` skips the
//! encoder delay, `segment_duration` leaves the padding out.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use common::{Error, Result};
use mp4_atom::{Atom, Elst, FourCC, Header, Mdhd, Mvhd, ReadAtom, ReadFrom, Tkhd};

/// The part of a track that is to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Edit {
    /// First moment to be heard, in ticks of the media.
    pub media_time: u64,
    /// Ticks per second of the media.
    pub media_timescale: u32,
    /// Length, in ticks of the movie; `None` means all that is left.
    pub duration: Option<u64>,
    /// Ticks per second of the movie.
    pub movie_timescale: u32,
}

/// Largest box that is read into memory. Those read here have a fixed small size, except for edit lists, of which one with
/// more than a few entries is refused anyway.
const MAX_BOX_BYTES: u64 = 64 * 1024;

/// Reads the edit list of a track. A track without one is heard from 0 to its end.
///
/// # Errors
/// [`Error::Input`] when the boxes are malformed, or the list has several parts.
pub(super) fn read_edit(path: &Path, track_id: u32) -> Result<Edit> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let mut boxes = Boxes {
        reader: BufReader::new(file),
    };
    boxes
        .read_edit(length, track_id)
        .map_err(|why| Error::input(path, format!("has a damaged MP4 header: {why}")))
}

/// Walks the tree of boxes without reading what it doesn't need.
struct Boxes<R> {
    reader: R,
}

/// A box: its kind and where its body lies in the file.
struct Found {
    header: Header,
    start: u64,
    end: u64,
}

const MOOV: FourCC = FourCC::new(b"moov");
const TRAK: FourCC = FourCC::new(b"trak");
const MDIA: FourCC = FourCC::new(b"mdia");
const EDTS: FourCC = FourCC::new(b"edts");

impl<R: Read + Seek> Boxes<R> {
    fn read_edit(&mut self, length: u64, track_id: u32) -> Result<Edit, String> {
        let Some(moov) = self.find(0, length, MOOV)? else {
            return Err("there is no moov box".into());
        };
        let mvhd: Mvhd = self
            .read(moov.start, moov.end)?
            .ok_or("there is no mvhd box")?;
        let mut at = moov.start;
        while let Some(trak) = self.find(at, moov.end, TRAK)? {
            at = trak.end;
            let tkhd: Tkhd = self
                .read(trak.start, trak.end)?
                .ok_or("there is no tkhd box")?;
            if tkhd.track_id == track_id {
                return self.edit_of(&trak, mvhd.timescale);
            }
        }
        Err("the track is missing".into())
    }

    fn edit_of(&mut self, trak: &Found, movie_timescale: u32) -> Result<Edit, String> {
        let mdhd: Option<Mdhd> = match self.find(trak.start, trak.end, MDIA)? {
            Some(mdia) => self.read(mdia.start, mdia.end)?,
            None => None,
        };
        let mdhd = mdhd.ok_or("there is no mdhd box")?;
        if mdhd.timescale == 0 || movie_timescale == 0 {
            return Err("a timescale is 0".into());
        }
        let list: Option<Elst> = match self.find(trak.start, trak.end, EDTS)? {
            Some(edts) => self.read(edts.start, edts.end)?,
            None => None,
        };
        // Empty edits shift the track against the film's start; alone, a song begins with its first sample.
        let mut parts = list
            .iter()
            .flat_map(|list| &list.entries)
            .filter_map(|entry| Some((entry.media_time?, entry.segment_duration)));
        let first = parts.next();
        if parts.next().is_some() {
            return Err("its edit list has several parts, which isn't supported".into());
        }
        let (media_time, duration) = first.unwrap_or((0, 0));
        Ok(Edit {
            media_time,
            media_timescale: mdhd.timescale,
            duration: (duration > 0).then_some(duration),
            movie_timescale,
        })
    }

    /// The first box of a kind among those that lie one after another in `start..end`.
    fn find(&mut self, start: u64, end: u64, kind: FourCC) -> Result<Option<Found>, String> {
        let mut at = start;
        while at.saturating_add(8) <= end {
            self.reader
                .seek(SeekFrom::Start(at))
                .map_err(|error| error.to_string())?;
            let header = Header::read_from(&mut self.reader).map_err(|error| error.to_string())?;
            let body = self
                .reader
                .stream_position()
                .map_err(|error| error.to_string())?;
            let box_end = match header.size {
                Some(size) => body.saturating_add(size as u64).min(end),
                None => end,
            };
            if header.kind == kind {
                let start = body;
                return Ok(Some(Found {
                    header,
                    start,
                    end: box_end,
                }));
            }
            at = box_end;
        }
        Ok(None)
    }

    /// Decodes the first box of type `A` in `start..end`.
    fn read<A: Atom>(&mut self, start: u64, end: u64) -> Result<Option<A>, String> {
        let Some(found) = self.find(start, end, A::KIND)? else {
            return Ok(None);
        };
        if found.end - found.start > MAX_BOX_BYTES {
            return Err(format!("its {} box is too large", A::KIND));
        }
        self.reader
            .seek(SeekFrom::Start(found.start))
            .map_err(|error| error.to_string())?;
        A::read_atom(&found.header, &mut self.reader)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}
