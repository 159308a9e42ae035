//! The command that makes the same film in a shell.

use std::path::Path;

use crate::request::Settings;
use mapping::{Looping, Mapping};
use serde::Serialize;
use timeline::Kernels;

/// The words of the command for a song's film: those flags that differ from the defaults. A test of the command line reads them
/// back.
pub fn command_line(song: &str, prompts: Option<&Path>, settings: &Settings) -> Vec<String> {
    let mut words = vec!["visualize".to_owned(), song.to_owned()];
    if let Some(prompts) = prompts {
        words.extend([
            "--prompts".to_owned(),
            prompts.to_string_lossy().into_owned(),
        ]);
    }
    let default = Settings::default();
    let mut flags = Flags(words);
    let (s, d) = (settings, &default);
    flags.value("model", &s.model, &d.model);
    flags.value("size", &s.size.to_string(), &d.size.to_string());
    flags.given("draw-size", s.draw_size);
    flags.value("fps", &s.fps.to_string(), &d.fps.to_string());
    flags.value("seed", &s.seed, &d.seed);
    flags.given("steps", s.steps);
    flags.given("guidance", s.guidance);
    flags.value("negative", &s.negative, &d.negative);
    flags.value("start", &s.start_secs, &d.start_secs);
    flags.given("duration", s.duration_secs);
    listening(&mut flags, s);
    motion(&mut flags, s, d);
    drawing(&mut flags, s, d);
    flags.value("codec", &s.encoding.codec, &d.encoding.codec);
    flags.value("qp", &s.encoding.qp, &d.encoding.qp);
    flags.value("chunk", &s.encoding.chunk_len, &d.encoding.chunk_len);
    flags.value("audio", &s.audio, &d.audio);
    flags.0
}

fn listening(flags: &mut Flags, settings: &Settings) {
    let analysis = &settings.analysis;
    flags.given("tempo", analysis.tempo_bpm);
    flags.given("meter", analysis.meter.map(|beats| format!("{beats}/4")));
    flags.given(
        "beats",
        analysis.beats_path.as_ref().map(|path| path.display()),
    );
    flags.given(
        "grid-offset",
        analysis.grid_offset_secs.map(|secs| format!("{secs}s")),
    );
    for stem in &analysis.stems {
        flags.given(
            "stem",
            Some(format!("{}={}", stem.name, stem.path.display())),
        );
    }
    flags.value(
        "tracker",
        &analysis.tracker,
        &Settings::default().analysis.tracker,
    );
    flags.switch("no-fix", settings.no_fix);
}

fn motion(flags: &mut Flags, settings: &Settings, default: &Settings) {
    let (knobs, usual) = (&settings.knobs, &default.knobs);
    flags.value("energy", &knobs.energy, &usual.energy);
    flags.value("pulse", &knobs.pulse, &usual.pulse);
    flags.value("smooth", &knobs.smooth, &usual.smooth);
    flags.value("arrive", &name_of(&knobs.arrive), &name_of(&usual.arrive));
    flags.value("dwell", &knobs.dwell, &usual.dwell);
    flags.given("zoom", knobs.zoom);
    flags.given("rotate", knobs.rotate);
    flags.given("pan", knobs.pan);
    match settings.looping {
        Looping::Off => {}
        Looping::Whole => flags.switch("loop", true),
        Looping::Beats(n) => flags.given("loop-beats", Some(n)),
    }
    flags.given("conform", settings.conform);
    flags.given("calibrate", (!settings.calibrate).then_some("off"));
    let is_classic = settings.mapping == Mapping::Classic;
    flags.given("mapping", is_classic.then_some("classic"));
}

fn drawing(flags: &mut Flags, settings: &Settings, default: &Settings) {
    let (diffusion, usual) = (&settings.diffusion, &default.diffusion);
    for lora in &diffusion.loras {
        flags.given(
            "lora",
            Some(format!("{}:{}", lora.path.display(), lora.scale)),
        );
    }
    for embedding in &diffusion.embeddings {
        flags.given(
            "embedding",
            Some(format!("{}={}", embedding.name, embedding.path.display())),
        );
    }
    flags.given("vae", diffusion.vae.as_ref().map(|path| path.display()));
    flags.given("scheduler", diffusion.scheduler.as_ref());
    flags.value("clip-skip", &diffusion.clip_skip, &usual.clip_skip);
    flags.given("dtype", diffusion.dtype.as_ref());
    let is_exact = diffusion.kernels == Kernels::Exact;
    flags.given("kernels", is_exact.then_some("exact"));
    if diffusion.skip_still != usual.skip_still {
        flags
            .0
            .push(format!("--skip-still={}", diffusion.skip_still));
    }
}

/// The name of a value that JSON holds as a text.
fn name_of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The words so far.
struct Flags(Vec<String>);

impl Flags {
    /// A flag where the value isn't the default.
    fn value<T: PartialEq + ToString>(&mut self, name: &str, value: &T, default: &T) {
        if value != default {
            self.given(name, Some(value.to_string()));
        }
    }

    /// A flag where there is a value.
    fn given(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            let value = value.to_string();
            match value.starts_with('-') {
                // A value that looks like a flag stands behind an equals sign.
                true => self.0.push(format!("--{name}={value}")),
                false => self.0.extend([format!("--{name}"), value]),
            }
        }
    }

    fn switch(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.0.push(format!("--{name}"));
        }
    }
}

/// Words as a shell reads them back.
pub fn quoted(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = |word: &String| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_said() {
        let mut settings = Settings::default();
        let words = command_line("my song.flac", Some(Path::new("prompts.txt")), &settings);
        assert_eq!(
            quoted(&words),
            "visualize 'my song.flac' --prompts prompts.txt"
        );
        settings.seed = 7;
        settings.knobs.zoom = Some(0.1);
        settings.negative = "-x it's".to_owned();
        let words = command_line("a.wav", None, &settings);
        assert_eq!(
            quoted(&words),
            r"visualize a.wav --seed 7 '--negative=-x it'\''s' --zoom 0.1"
        );
    }
}
