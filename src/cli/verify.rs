//! `visualize verify`: what a finished film holds, and whether picture and sound are in step.

use visualize::units::format_secs;
use visualize::video::Probe;
use visualize::{Result, video};

use super::args::{OutputArgs, VerifyArgs};

pub fn run(args: &VerifyArgs, output: OutputArgs) -> Result<()> {
    let probe = video::probe(&args.film)?;
    super::print_result(output, &describe(&probe), &probe)
}

fn describe(probe: &Probe) -> String {
    let mut lines = vec![format!("length    {}", format_secs(probe.duration_secs, 3))];
    if let Some(video) = &probe.video {
        let rate = video
            .frame_rate
            .map_or_else(|| "varying".to_owned(), |rate| rate.to_string());
        lines.push(format!(
            "picture   {} {}, {} frames at {rate} a second, {} keyframes",
            video.codec, video.size, video.n_frames, video.n_keyframes
        ));
    }
    if let Some(audio) = &probe.audio {
        lines.push(format!(
            "sound     {}, {} Hz, {} channels, {} samples",
            audio.codec, audio.sample_rate_hz, audio.n_channels, audio.n_samples
        ));
    }
    for (what, secs) in [
        ("starts", probe.av_offset_start_secs),
        ("ends", probe.av_offset_end_secs),
    ] {
        if let Some(secs) = secs {
            lines.push(format!(
                "sound {what} {:+.3} ms after the picture",
                secs * 1000.0
            ));
        }
    }
    if !probe.tags.encoder.is_empty() {
        lines.push(format!("made by   {}", probe.tags.encoder));
    }
    lines.join("\n")
}
