//! FCPXML 1.8 (Apple, "Document Type Definition"): an empty timeline as long as the song, with a marker on its one gap for each
//! bar and section. Times are fractions of a second, on the grid of frames.

use std::fmt::Write as _;

use analysis::Analysis;
use common::units::FrameRate;

use super::xml::escaped;
use super::{frame_markers, n_frames, title};

/// A timeline with markers at bars and sections.
pub(super) fn text(analysis: &Analysis, frame_rate: FrameRate) -> String {
    let title = escaped(&title(analysis));
    let length = time(n_frames(analysis, frame_rate), frame_rate);
    let frame = time(1, frame_rate);
    let mut text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<!-- markers by visualize -->
<fcpxml version="1.8">
  <resources>
    <format id="r1" frameDuration="{frame}" width="1920" height="1080"/>
  </resources>
  <library>
    <event name="{title}">
      <project name="{title}">
        <sequence format="r1" duration="{length}" tcStart="0s" tcFormat="NDF">
          <spine>
            <gap name="Gap" offset="0s" start="0s" duration="{length}">
"#
    );
    for marker in frame_markers(analysis, frame_rate) {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            r#"              <marker start="{}" duration="{frame}" value="{}"/>"#,
            time(marker.frame, frame_rate),
            escaped(&marker.name)
        );
    }
    text += r"            </gap>
          </spine>
        </sequence>
      </project>
    </event>
  </library>
</fcpxml>
";
    text
}

/// When a frame starts.
fn time(frame: u64, frame_rate: FrameRate) -> String {
    match frame {
        0 => "0s".to_owned(),
        frame => format!(
            "{}/{}s",
            frame * u64::from(frame_rate.den()),
            frame_rate.num()
        ),
    }
}
