//! Stage 3: a song and prompts become a timeline, without any picture.
//!
//!     cargo run --release --example timeline -- samples/song.flac samples/prompts.txt

use std::sync::atomic::AtomicBool;

use visualize::Result;
use visualize::analysis::analyze;
use visualize::diffusion::ModelStore;
use visualize::mapping::timeline;
use visualize::pipeline::Watch;
use visualize::prompts::Script;
use visualize::request::{Request, Settings};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let song = args
        .next()
        .unwrap_or_else(|| "samples/song.flac".to_owned());
    let prompts = args
        .next()
        .unwrap_or_else(|| "samples/prompts.txt".to_owned());

    let request = Request::new(
        song.as_ref(),
        Script::read(&prompts)?,
        &Settings::default(),
        &ModelStore::from_env(),
        &mut Watch {
            observe: &mut |_| (),
            stop: &AtomicBool::new(false),
        },
    )?;
    let analysis = analyze(&request.track, &request.analysis)?;
    let timeline = timeline(&analysis, &request.script, &request.mapping)?;
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
