//! Settings for the tests of this stage, beside songs on paper.

pub(crate) use analysis::test_songs::{Song, onset};

use common::units::FrameRate;
use timeline::{DiffusionConfig, Encoding, NoiseKind, RenderConfig, Size};

use crate::{Knobs, Looping, Mapping, MappingConfig};

/// Default settings at `num` frames per second.
pub(crate) fn config(num: u32) -> MappingConfig {
    let size = Size {
        width: 512,
        height: 512,
    };
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
        render: RenderConfig {
            model: "bundled".to_owned(),
            weights_sha256: String::new(),
            size,
            draw_size: size,
            n_steps: 1,
            diffusion: DiffusionConfig::default(),
        },
        encoding: Encoding::default(),
    }
}
