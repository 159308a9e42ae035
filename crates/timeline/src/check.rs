use std::f64::consts::PI;

use super::{Frame, NoiseKind, SCHEMA_VERSION, Timeline};
use crate::{MAX_GUIDANCE_SCALE, MAX_PAN, MAX_ZOOM};

impl Timeline {
    /// Checks everything that a renderer relies on; a timeline may have been edited by hand.
    ///
    /// # Errors
    /// The first fault in words, with the field and the frame, such as `frames[12].prompt_mix is 1.5, not within 0..=1`.
    pub fn validate(&self) -> Result<(), String> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(format!(
                "schema_version is {}, and this program reads {SCHEMA_VERSION}; make the timeline anew with `visualize plan`",
                self.schema_version
            ));
        }
        self.check_song()?;
        self.check_render()?;
        self.check_prompts()?;
        self.check_noise()?;
        let n_frames = self
            .frame_rate
            .n_frames(self.song.n_samples, self.song.sample_rate_hz);
        if self.frames.len() as u64 != n_frames {
            return Err(format!(
                "frames has {} entries, and {} samples at {} frames per second take {n_frames}",
                self.frames.len(),
                self.song.n_samples,
                self.frame_rate
            ));
        }
        let mut idxs = 0..;
        self.frames
            .iter()
            .zip(&mut idxs)
            .try_for_each(|(frame, idx)| {
                self.check_frame(frame, idx)
                    .map_err(|(field, fault)| format!("frames[{idx}].{field} {fault}"))
            })
    }

    fn check_song(&self) -> Result<(), String> {
        let song = &self.song;
        if song.sample_rate_hz == 0 {
            return Err("song.sample_rate_hz is 0".to_owned());
        }
        if song.n_samples == 0 {
            return Err("song.n_samples is 0: there is nothing to show".to_owned());
        }
        let duration_secs = song.n_samples as f64 / f64::from(song.sample_rate_hz);
        let is_near = (self.duration_secs - duration_secs).abs() < 1e-6;
        if !is_near {
            return Err(format!(
                "duration_secs is {}, and the song's samples last {duration_secs}",
                self.duration_secs
            ));
        }
        Ok(())
    }

    fn check_render(&self) -> Result<(), String> {
        let render = &self.render;
        for (field, value) in [
            ("size.width", render.size.width),
            ("size.height", render.size.height),
            ("draw_size.width", render.draw_size.width),
            ("draw_size.height", render.draw_size.height),
            ("n_steps", render.n_steps),
        ] {
            if value == 0 {
                return Err(format!("render.{field} is 0; it has to be 1 or more"));
            }
        }
        Ok(())
    }

    fn check_prompts(&self) -> Result<(), String> {
        if self.prompts.is_empty() {
            return Err("prompts is empty".to_owned());
        }
        let mut last = f64::NEG_INFINITY;
        for (idx, prompt) in self.prompts.iter().enumerate() {
            let arrival = prompt.arrival_secs;
            if !arrival.is_finite() || arrival <= last {
                return Err(format!(
                    "prompts[{idx}].arrival_secs is {arrival}, not after the prompt before it"
                ));
            }
            last = arrival;
        }
        Ok(())
    }

    fn check_noise(&self) -> Result<(), String> {
        let seeds = &self.noise.seeds;
        let needed = match self.noise.kind {
            NoiseKind::Spline | NoiseKind::Slerp => 1,
            NoiseKind::Circle => 2,
            NoiseKind::Loop => 3,
        };
        if seeds.len() < needed {
            return Err(format!(
                "noise.seeds has {} seeds, and this kind of path takes {needed} or more",
                seeds.len()
            ));
        }
        if self.noise.kind == NoiseKind::Circle {
            let same = seeds.first() == seeds.get(1)
                || seeds.iter().take(2).any(|s| *s == self.noise.pulse_seed);
            if same {
                return Err(
                    "noise: a circle takes two seeds and a pulse_seed that differ".to_owned(),
                );
            }
        }
        Ok(())
    }

    fn check_frame(&self, frame: &Frame, idx: u64) -> Result<(), (&'static str, String)> {
        for (field, value) in [("frame_idx", frame.frame_idx), ("pts", frame.pts)] {
            if value != idx {
                return Err((
                    field,
                    format!("is {value}, not {idx}: frames stand in order, without gaps"),
                ));
            }
        }
        let n_prompts = self.prompts.len();
        for (field, value) in [
            ("prompt_from", frame.prompt_from),
            ("prompt_to", frame.prompt_to),
        ] {
            if value >= n_prompts {
                return Err((
                    field,
                    format!("is {value}, and there are {n_prompts} prompts, counted from 0"),
                ));
            }
        }
        let last_position = match self.noise.kind {
            NoiseKind::Spline | NoiseKind::Slerp => self.noise.seeds.len() as f64 - 1.0,
            NoiseKind::Loop | NoiseKind::Circle => 1e9,
        };
        for (field, value, min, max) in [
            ("prompt_mix", frame.prompt_mix, 0.0, 1.0),
            ("noise_position", frame.noise_position, 0.0, last_position),
            ("prompt_velocity", frame.prompt_velocity, -1e9, 1e9),
            ("noise_velocity", frame.noise_velocity, -1e9, 1e9),
            ("pulse", frame.pulse, -PI, PI),
            ("camera.zoom", frame.camera.zoom, 1.0, MAX_ZOOM),
            ("camera.rotation", frame.camera.rotation, -1e3, 1e3),
            ("camera.pan_x", frame.camera.pan_x, -MAX_PAN, MAX_PAN),
            ("camera.pan_y", frame.camera.pan_y, -MAX_PAN, MAX_PAN),
            (
                "guidance_scale",
                frame.guidance_scale,
                0.0,
                MAX_GUIDANCE_SCALE,
            ),
        ] {
            if !(min..=max).contains(&value) {
                return Err((field, format!("is {value}, not within {min}..={max}")));
            }
        }
        Ok(())
    }
}
