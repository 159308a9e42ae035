//! An edit decision list (CMX 3600) with an event of one frame for each marker, and the comment that DaVinci Resolve writes and
//! reads there: colour, name, length in frames. In Resolve: Timelines > Import > Timeline Markers from EDL.

use std::fmt::Write as _;

use analysis::Analysis;
use common::units::FrameRate;

use super::{frame_markers, title};

/// Where Resolve's timelines start, in hours.
const START_HOURS: u64 = 1;

/// Markers at bars and sections.
pub(super) fn text(analysis: &Analysis, frame_rate: FrameRate) -> String {
    let mut text = format!("TITLE: {}\nFCM: NON-DROP FRAME\n\n", title(analysis));
    for (i, marker) in frame_markers(analysis, frame_rate).iter().enumerate() {
        let start = timecode(marker.frame, frame_rate);
        let end = timecode(marker.frame + 1, frame_rate);
        let color = if marker.is_section { "Green" } else { "Blue" };
        // A bar would end the name.
        let name = marker.name.replace('|', "/");
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{:03}  001      V     C        {start} {end} {start} {end}  \n |C:ResolveColor{color} |M:{name} |D:1\n\n",
            i + 1
        );
    }
    text
}

/// Hours, minutes, seconds and frames, without dropped numbers: 29.97 frames a second are counted like 30.
fn timecode(frame: u64, frame_rate: FrameRate) -> String {
    let per_sec = u64::from(frame_rate.num().div_ceil(frame_rate.den()));
    let secs = frame / per_sec;
    format!(
        "{:02}:{:02}:{:02}:{:02}",
        START_HOURS + secs / 3600,
        secs / 60 % 60,
        secs % 60,
        frame % per_sec
    )
}
