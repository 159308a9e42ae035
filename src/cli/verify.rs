//! `visualize verify`: what a finished film holds, and whether it moves with its music.

use visualize::units::format_secs;
use visualize::verify::{Verification, plot, verify};
use visualize::video::Probe;
use visualize::{Error, Result};

use super::args::{OutputArgs, VerifyArgs};
use super::inputs::Inputs;
use super::outputs::Outputs;
use super::progress::Progress;
use super::stop_on_signal;

pub fn run(args: &VerifyArgs, output: OutputArgs) -> Result<()> {
    let stop = stop_on_signal()?;
    let progress = Progress::new(output);
    let mut inputs = Inputs::default();
    inputs.add("the film", &args.film);
    let plot_path = args.plot.as_deref();
    let plot_path = plot_path
        .map(|path| Outputs::new(&inputs).plot(path))
        .transpose()?;
    let bar = progress.frames_bar();
    let found = verify(&args.film, &mut |frame_idx| {
        bar.set_position(frame_idx);
        if stop.load(std::sync::atomic::Ordering::SeqCst) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    })?;
    bar.finish_and_clear();
    if let Some(path) = &plot_path {
        plot(&found).save(path)?;
        progress.line(&format!("plot: {}", path.display()));
    }
    super::print_result(output, &describe(&found), &found)
}

fn describe(found: &Verification) -> String {
    let mut lines = container(&found.probe);
    if !found.verdicts.is_empty() {
        lines.push(String::new());
    }
    for verdict in &found.verdicts {
        let word = if verdict.is_good { "good" } else { "poor" };
        lines.push(format!(
            "{word}  {:<32}{:<24}{}",
            verdict.name, verdict.text, verdict.wanted
        ));
    }
    let missing = found.missing.iter();
    lines.extend(missing.map(|what| format!("not measured: {what}")));
    lines.join("\n")
}

fn container(probe: &Probe) -> Vec<String> {
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
    for (name, fact) in [
        ("model", "model"),
        ("weights", "weights_sha256"),
        ("seed", "seed"),
        ("timeline", visualize::provenance::TIMELINE_SHA256),
    ] {
        if let Some(text) = probe.tags.facts.get(fact) {
            lines.push(format!("{name:<10}{text}"));
        }
    }
    lines
}
