//! FLAC files that are joined end to end, each with a header of its own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use common::{Error, Result};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::Track;

use super::container::{Opened, PacketResult, Packets, open_with_symphonia};
use super::flac_head;
use super::source::{Source, bytes_at};
use super::tags;

/// Most streams that are looked for in a file.
const MAX_STREAMS: usize = 1000;
/// What a stream begins with, but for the highest bit of the byte in between: the mark, and a STREAMINFO block of 34 bytes.
const MARK: &[u8; 4] = b"fLaC";
const STREAM_INFO_BYTES: [u8; 3] = [0, 0, 34];

/// Where further streams begin in a file whose first one begins at `body.start`.
///
/// # Errors
/// Those of reading the file.
pub(super) fn find(file: &mut File, body: &Range<u64>) -> std::io::Result<Vec<u64>> {
    const WINDOW_BYTES: usize = 1 << 20;
    const MARK_BYTES: u64 = 8;
    let mut found = Vec::new();
    let mut at = body.start + 1;
    while at < body.end && found.len() < MAX_STREAMS {
        let n_bytes = (body.end - at).min(WINDOW_BYTES as u64 + MARK_BYTES - 1);
        let window = bytes_at(file, at, n_bytes as usize)?;
        let marks = window.windows(MARK_BYTES as usize).enumerate();
        let begins = marks.filter(|(_, bytes)| {
            bytes.starts_with(MARK)
                && bytes.get(4).is_some_and(|kind| kind & 0x7f == 0)
                && bytes.ends_with(&STREAM_INFO_BYTES)
        });
        found.extend(begins.map(|(offset, _)| at + offset as u64));
        at += WINDOW_BYTES as u64;
    }
    Ok(found)
}

/// Opens the streams of a file, of which those behind the first begin at `joined_at`.
///
/// # Errors
/// [`Error::Io`] if the file can't be read, [`Error::Input`] if a stream has no sound.
pub(super) fn open(
    path: &Path,
    file: &mut File,
    body: &Range<u64>,
    joined_at: &[u64],
) -> Result<Opened> {
    let failed = |error| Error::io("read", path)(error);
    let starts = [&[body.start], joined_at].concat();
    let ends = joined_at.iter().copied().chain([body.end]);
    let mut streams = VecDeque::new();
    for (start, end) in starts.into_iter().zip(ends) {
        let tagless = tags::without_behind(file, start..end).map_err(failed)?;
        let Some((head, frames)) = flac_head::read(file, &tagless).map_err(failed)? else {
            continue;
        };
        // Each reader has a place in the file of its own.
        let source = Source::new(head, File::open(path).map_err(failed)?, frames.clone());
        streams.push_back(open_with_symphonia(path, source, "flac", frames)?);
    }
    let mut first = streams
        .pop_front()
        .ok_or_else(|| Error::input(path, "has no stream of FLAC that can be read"))?;
    first.packets = Box::new(Joined {
        current: first.packets,
        track: None,
        rest: streams,
    });
    first.body = body.clone();
    Ok(first)
}

/// Reads one stream after the other.
struct Joined {
    current: Box<dyn Packets>,
    track: Option<Track>,
    rest: VecDeque<Opened>,
}

impl Packets for Joined {
    fn next_packet(&mut self) -> PacketResult {
        match self.current.next_packet() {
            Ok(None) => {}
            Err(SymphoniaError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {}
            other => return other,
        }
        let Some(next) = self.rest.pop_front() else {
            return Ok(None);
        };
        self.current = next.packets;
        self.track = Some(next.track);
        Err(SymphoniaError::ResetRequired)
    }

    fn next_track(&self) -> Option<Track> {
        self.track.clone()
    }
}
