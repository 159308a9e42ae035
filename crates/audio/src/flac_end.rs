//! Where the frames of a FLAC file end, if other bytes stand behind them: symphonia takes those for a part of the last frame,
//! whose check sum is wrong then.

use std::fs::File;
use std::io::Result;
use std::ops::Range;

use flac_codec::metadata::read_info;
use flac_codec::stream::{Frame, FrameHeader};

use super::flac_head::{self, is_frame};
use super::source::bytes_at;
use super::tags;

/// The last frame is looked for in so many bytes at the end.
const SEARCH_BYTES: u64 = 16 << 20;
/// So many headers without a frame behind them, and none is looked for any more.
const MAX_TRIES: usize = 100;

/// The end of the last frame that is whole, of the stream in these bytes of the file; `None` without one.
///
/// # Errors
/// Those of reading the file.
pub(super) fn find(file: &mut File, body: &Range<u64>) -> Result<Option<u64>> {
    let tagless = tags::without_behind(file, body.clone())?;
    let Some((head, frames)) = flac_head::read(file, &tagless)? else {
        return Ok(None);
    };
    let Ok(info) = read_info(head.as_slice()) else {
        return Ok(None);
    };
    let start = frames.end.saturating_sub(SEARCH_BYTES).max(frames.start);
    let bytes = bytes_at(file, start, (frames.end - start) as usize)?;
    let starts = (0..bytes.len()).rev();
    let found = starts
        .filter_map(|at| bytes.get(at..).filter(|bytes| is_frame(bytes)))
        .filter(|bytes| FrameHeader::read(&mut &bytes[..], &info).is_ok())
        .take(MAX_TRIES)
        .find_map(|mut frame| {
            Frame::read(&mut frame, &info).ok()?;
            Some(frame.len()) // what is left behind it
        });
    Ok(found.map(|n_behind| frames.end - n_behind as u64))
}
