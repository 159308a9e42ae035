//! Settings for the tests of this stage, beside songs on paper.

pub(crate) use analysis::test_songs::{Song, onset};

use common::units::FrameRate;
use timeline::{Encoding, NoiseKind, RenderConfig, Size};

use crate::{Knobs, Looping, Mapping, MappingConfig};

/// Default settings at `num` frames per second.
pub(crate) fn config(num: u32) -> MappingConfig {
    MappingConfig {
        frame_rate: FrameRate::new(num, 1).unwrap(),
        start_secs: 0.0,
        duration_secs: None,
        seed: 7,
        guidance_scale: 1.0,
        negative: String::new(),
        mapping: Mapping::Music,
        noise: NoiseKind::Spline,
        looping: Looping::Off,
        knobs: Knobs::default(),
        render: RenderConfig::bundled(Size::square(512)),
        encoding: Encoding::default(),
    }
}
