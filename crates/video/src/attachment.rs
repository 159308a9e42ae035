//! Bytes that travel with a film, in a `uuid` box (ISO/IEC 14496-12, 4.2) behind its samples: playing may begin before they
//! are loaded, and players pass over them.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use common::{Error, Result};
use mp4_atom::{FourCC, Header, ReadFrom};

use super::film::{bad, cut_off};
use super::mismatch::mismatch;

const UUID: FourCC = FourCC::new(b"uuid");
/// Drawn at random once; names this kind of attachment.
const USER_TYPE: [u8; 16] = [
    0x6b, 0x1f, 0x0d, 0x52, 0x9e, 0x44, 0x4c, 0xa7, 0x8d, 0x30, 0xd2, 0x91, 0x5a, 0x0c, 0xe8, 0x73,
];
/// Longest attachment that is written or read: the timeline of some days.
const MAX_LEN: usize = 1 << 28;

/// The box that holds `data`.
///
/// # Errors
/// [`Error::Video`] for more than [`MAX_LEN`] bytes.
pub(super) fn encode(data: &[u8]) -> Result<Vec<u8>> {
    if data.len() > MAX_LEN {
        return Err(mismatch(&format!(
            "an attachment of {} bytes is too long",
            data.len()
        )));
    }
    let size = (8 + USER_TYPE.len() + data.len()) as u32;
    let header = [size.to_be_bytes(), UUID.into()].concat();
    Ok([&header, &USER_TYPE[..], data].concat())
}

/// What was attached to a film; `None` for one without.
///
/// # Errors
/// [`Error::Input`] for a film that is cut off, [`Error::Io`] for one that can't be read.
pub fn attachment(film: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
    let path = film.as_ref();
    let file = File::open(path).map_err(Error::io("open", path))?;
    let n_bytes = file.metadata().map_err(Error::io("read", path))?.len();
    find(path, n_bytes, BufReader::new(file))
}

fn find(path: &Path, n_bytes: u64, mut source: impl Read + Seek) -> Result<Option<Vec<u8>>> {
    let unreadable = |e| Error::io("read", path)(e);
    let mut offset = 0;
    while offset < n_bytes {
        let header = Header::read_from(&mut source)
            .map_err(|e| bad(path, &format!("no MP4 box at byte {offset}: {e}")))?;
        let start = source.stream_position().map_err(unreadable)?;
        let size = header.size.map_or(n_bytes - start, |size| size as u64);
        let end = start.checked_add(size).filter(|end| *end <= n_bytes);
        let end = end.ok_or_else(|| cut_off(path, header.kind, offset))?;
        if header.kind == UUID && size <= (USER_TYPE.len() + MAX_LEN) as u64 {
            let mut body = Vec::new();
            let read = source.by_ref().take(size).read_to_end(&mut body);
            read.map_err(unreadable)?;
            if let Some(data) = body.strip_prefix(&USER_TYPE) {
                return Ok(Some(data.to_vec()));
            }
        }
        source.seek(SeekFrom::Start(end)).map_err(unreadable)?;
        offset = end;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, FakeSound, config};
    use crate::{FilmFile, FilmReader, Tags, mux};

    fn found(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let source = std::io::Cursor::new(bytes);
        find(Path::new("a.mp4"), bytes.len() as u64, source)
    }

    #[test]
    fn what_was_attached_comes_back_and_the_film_plays() {
        let folder = tempfile::tempdir().unwrap();
        let chunk = testing::chunk(folder.path(), "aa", 0..5, &config(64, 64));
        let path = folder.path().join("film.mp4");
        let sound = FakeSound::each(0.2).remove(0);
        let chunks = [chunk];
        for data in [None, Some(&b""[..]), Some(&b"a timeline"[..])] {
            mux(
                &chunks,
                Some(&sound),
                &Tags::default(),
                data,
                &FilmFile::replacing(&path),
            )
            .unwrap();
            assert_eq!(attachment(&path).unwrap().as_deref(), data);
            let reader = FilmReader::open(&path).unwrap();
            assert_eq!(reader.frames().unwrap().count(), 5);
        }
        let whole = std::fs::read(&path).unwrap();
        for length in whole.len() - 40..whole.len() {
            let cut = found(&whole[..length]);
            // Without the whole box the film is an ordinary one, or visibly cut.
            assert!(!matches!(cut, Ok(Some(_))), "{length}");
        }
    }

    #[test]
    fn boxes_of_others_are_passed_over() {
        let other = [&[0, 0, 0, 28][..], b"uuid", &[7; 20]].concat();
        assert_eq!(found(&other).unwrap(), None);
        let both = [other, encode(b"x").unwrap()].concat();
        assert_eq!(found(&both).unwrap().unwrap(), b"x");
        assert!(found(b"not a film at all").is_err());
    }
}
