//! The plan's frames: what each shows, and the words of its prompts.

use common::Result;
use common::rounding::round_nano;
use timeline::{Frame, MAX_GUIDANCE_SCALE, Prompt, PromptText, View};

use super::course::LENGTH_PER_SEED;
use super::moment::Moment;
use super::plan::Plan;
use super::walk::Walk;
use crate::prompts::ScriptPrompt;

/// How far a pulse of a radian shall move the picture, as a perceptual distance. A strong hit is then some four times the
/// usual step of a frame.
const LENGTH_PER_RADIAN: f64 = 0.076;

/// Most that the noise is turned by a pulse, in radians: pictures that hardly move have smaller hits.
const MAX_TURN: f64 = 0.9;

/// Most that hits of short loops grow by.
const MOST_HURRY: f64 = 4.0;

impl Plan<'_> {
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub(super) fn frame(&self, frame_idx: u64, walk: Option<&Walk>) -> Result<Frame> {
        let secs = self.start_secs + self.config.frame_rate.frame_time_secs(frame_idx);
        let now = self.motion.at(secs)?;
        let step = walk.and_then(|walk| walk.at(secs, now.noise_position));
        let place = step.map_or(Ok(now), |step| self.motion.at(step.course_secs))?;
        let noise_position = walk
            .zip(step)
            .and_then(|(walk, step)| walk.noise_position(step.segment, place.noise_position));
        let velocity = self.motion.stretch() * now.noise_velocity;
        let hit_length = walk
            .zip(step)
            .and_then(|(walk, step)| walk.hit_length(step.segment, place.prompts.mix));
        let hurry = step.map_or(1.0, |step| self.hurry(step.pace));
        let pulse = hit_length.map_or(now.pulse, |length| turn(hurry * now.pulse, length));
        Ok(Frame {
            frame_idx,
            pts: frame_idx,
            prompt_from: place.prompts.from,
            prompt_to: place.prompts.to,
            prompt_mix: round_nano(place.prompts.mix),
            noise_position: round_nano(noise_position.unwrap_or(now.noise_position)),
            prompt_velocity: round_nano(now.prompts.velocity),
            noise_velocity: round_nano(now.noise_velocity),
            speed: step.map(|step| round_nano(step.pace * velocity)),
            pulse: round_nano(pulse.abs()),
            is_pulse_back: pulse < 0.0,
            hit: hit_length.map(|length| round_nano(length * pulse.abs())),
            guidance_scale: self.guidance_at(&place, &now),
            camera: View {
                zoom: round_nano(now.camera.zoom),
                rotation: round_nano(now.camera.rotation),
                pan_x: round_nano(now.camera.pan_x),
                pan_y: round_nano(now.camera.pan_y),
            },
        })
    }

    /// How much larger hits are at a pace than the music says. A short loop has to hurry around its ring of seeds, and its hits grow
    /// as much: they would be lost in its drift.
    fn hurry(&self, pace: f64) -> f64 {
        match self.is_loop() {
            true => (pace / LENGTH_PER_SEED).clamp(1.0, MOST_HURRY),
            false => 1.0,
        }
    }

    /// Guidance scale at a place on the course, with what the music adds at a moment.
    pub(super) fn guidance_at(&self, place: &Moment, now: &Moment) -> f64 {
        let (from, to) = (
            self.guidance(place.prompts.from),
            self.guidance(place.prompts.to),
        );
        let guidance_scale = from + place.prompts.mix * (to - from) + now.guidance;
        round_nano(guidance_scale.clamp(0.0, MAX_GUIDANCE_SCALE))
    }

    /// Guidance scale of a prompt.
    pub(super) fn guidance(&self, idx: usize) -> f64 {
        let own = self.written(idx).and_then(|prompt| prompt.guidance_scale);
        own.unwrap_or(self.config.guidance_scale)
    }

    /// A prompt as it was written; in a loop the first comes back behind the last.
    pub(super) fn written(&self, idx: usize) -> Option<&ScriptPrompt> {
        let prompts = &self.script.prompts;
        prompts.get(idx).or(prompts.first())
    }

    pub(super) fn prompt(&self, idx: usize) -> Prompt {
        let (text, negative) = self
            .written(idx)
            .map_or(("", ""), |prompt| (&prompt.text, &prompt.negative));
        let arrival_secs = self.arrivals.get(idx).copied().unwrap_or_default();
        Prompt {
            words: PromptText {
                text: joined(&[text, &self.script.style]),
                negative: joined(&[negative, &self.script.negative, &self.config.negative]),
            },
            arrival_secs: round_nano(arrival_secs - self.start_secs),
        }
    }
}

/// How far the noise has to turn for a pulse to be seen as far as usual, where a radian moves the picture by `hit_length`.
fn turn(pulse: f64, hit_length: f64) -> f64 {
    let turned = LENGTH_PER_RADIAN * pulse / hit_length.max(1e-6);
    turned.clamp(-MAX_TURN, MAX_TURN)
}

/// The parts that aren't empty, with commas between.
fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}
