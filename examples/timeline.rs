//! Stage 3: a song and prompts become a timeline, without any picture.
//!
//!     cargo run --release --example timeline -- samples/song.flac samples/prompts.txt

use visualize::analysis::{AnalysisConfig, analyze};
use visualize::mapping::{Knobs, Looping, Mapping, MappingConfig, timeline};
use visualize::prompts::Script;
use visualize::timeline::{DiffusionConfig, Encoding, NoiseKind, RenderConfig, Size};
use visualize::units::FrameRate;
use visualize::{Result, Track};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let song = args
        .next()
        .unwrap_or_else(|| "samples/song.flac".to_owned());
    let prompts = args
        .next()
        .unwrap_or_else(|| "samples/prompts.txt".to_owned());

    let analysis = analyze(&Track::open(&song)?, &AnalysisConfig::default())?;
    let size = Size {
        width: 512,
        height: 512,
    };
    let config = MappingConfig {
        frame_rate: FrameRate::default(),
        start_secs: 0.0,
        duration_secs: None,
        seed: 0,
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
    };
    let timeline = timeline(&analysis, &Script::read(&prompts)?, &config)?;
    for frame in timeline.frames.iter().step_by(24) {
        println!(
            "{:6.2} s  noise {:7.3} at {:.3}/s  prompt {} → {} {:3.0} %  pulse {:.3}",
            timeline.frame_rate.frame_time_secs(frame.frame_idx),
            frame.noise_position,
            frame.noise_velocity,
            frame.prompt_from,
            frame.prompt_to,
            frame.prompt_mix * 100.0,
            frame.pulse,
        );
    }
    Ok(())
}
