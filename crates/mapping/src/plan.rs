use std::ops::Range;

use analysis::Analysis;
use common::Result;
use common::units::samples_to_secs;
use timeline::{
    Frame, FrameInputs, MAX_GUIDANCE_SCALE, NoiseKind, NoiseMix, NoisePath, Prompt, PromptText,
    SCHEMA_VERSION, Song, Timeline, View,
};

use super::course::Leg;
use super::excerpt::excerpt;
use super::moment::Moment;
use super::motion::Motion;
use super::seeds::{pulse_seed, seeds};
use super::walk::Walk;
use super::{Looping, Mapping, MappingConfig};
use crate::calibration::{Calibration, Scale, ScaleTurn};
use crate::prompts::{Script, ScriptPrompt};

/// Angle in radians by which the noise is turned to measure the scale of a leg: about a hit.
const SCALE_ANGLE: f64 = 0.18;

/// Angle in radians between noises a seed apart on a spline, where it is even.
const SEED_ANGLE: f64 = 1.175;

/// How far a pulse of a radian shall move the picture, as a perceptual distance. A strong hit is then some four times the
/// usual step of a frame.
const LENGTH_PER_RADIAN: f64 = 0.066;

/// Most that the noise is turned by a pulse, in radians: pictures that hardly move have smaller hits.
const MAX_TURN: f64 = 0.9;

/// Places on a leg, besides its ends, that tell it from another one.
const N_SIGNATURE: u32 = 16;

/// Appointments nearer to each other than this, in seconds, are one.
const LEAST_LEG_SECS: f64 = 0.05;

/// Plans the film: where prompts, noise and pulse are at each frame, without a calibration.
///
/// The number of frames is the ceiling of duration times rate. Seeds count up from `config.seed`; a prompt with a seed of
/// its own puts it on the knot of the noise path that is nearest when the prompt arrives, and the count goes on from there.
///
/// # Errors
/// [`Error::Config`](common::Error::Config) for a setting out of range, [`Error::Text`](common::Error::Text) for
/// prompts that don't fit the song, [`Error::Input`](common::Error::Input) for a song without samples.
pub fn timeline(analysis: &Analysis, script: &Script, config: &MappingConfig) -> Result<Timeline> {
    Ok(Plan::new(analysis, script, config)?.timeline(None))
}

/// Everything that a film's frames follow from but its calibration, which is measured on the plan's course.
#[derive(Debug)]
pub struct Plan<'a> {
    script: &'a Script,
    config: &'a MappingConfig,
    song: Song,
    motion: Motion,
    /// Of each prompt, in seconds of the song; in a loop, once more of the first.
    arrivals: Vec<f64>,
    /// The film's start and end in seconds of the song.
    start_secs: f64,
    end_secs: f64,
    /// Legs of the whole song or loop; none in a film that can't be calibrated.
    legs: Vec<Leg>,
    /// Those of them that the film shows.
    shown: Range<usize>,
}

impl<'a> Plan<'a> {
    /// Everything up to the choice of speed.
    ///
    /// # Errors
    /// As [`timeline`].
    pub fn new(analysis: &Analysis, script: &'a Script, config: &'a MappingConfig) -> Result<Self> {
        config.check()?;
        let song = excerpt(analysis, config)?;
        let rate = config.frame_rate;
        let start_secs = samples_to_secs(song.start_sample, song.sample_rate_hz);
        let n_frames = rate.n_frames(song.n_samples, song.sample_rate_hz);
        let end_secs = start_secs + rate.frame_time_secs(n_frames);
        let is_loop = config.looping != Looping::Off;
        // A film of a part of the song is a window of the whole film, but a loop is a film of its own.
        let span = if is_loop {
            start_secs..end_secs
        } else {
            0.0..analysis.duration_secs
        };
        script.check_routes(analysis)?;
        let mut arrivals = script.arrivals(analysis, config.knobs.arrive, span.clone())?;
        let mut motion = Motion::new(analysis, arrivals.clone(), &script.routes, config);
        if is_loop {
            let period = (config.noise == NoiseKind::Circle).then_some(NoisePath::CIRCLE_PERIOD);
            motion = motion.closed(start_secs, end_secs - start_secs, period);
            arrivals.push(end_secs);
        }
        let mut plan = Self {
            script,
            config,
            song,
            motion,
            arrivals,
            start_secs,
            end_secs,
            legs: Vec::new(),
            shown: 0..0,
        };
        if plan.can_be_calibrated() {
            plan.legs = plan.all_legs(span);
            let is_shown = |leg: &Leg| leg.span.end > start_secs && leg.span.start < end_secs;
            let first = plan.legs.iter().position(is_shown).unwrap_or_default();
            let n = plan.legs.iter().filter(|leg| is_shown(leg)).count();
            plan.shown = first..first + n;
        }
        Ok(plan)
    }

    /// The legs of the course that the film shows, to be measured; none in a classic walk and on a circle, which stay as
    /// they are.
    pub fn legs(&self) -> &[Leg] {
        self.legs.get(self.shown.clone()).unwrap_or_default()
    }

    /// Length of the legs in seconds.
    pub fn secs(&self) -> f64 {
        self.legs()
            .iter()
            .map(|leg| leg.span.end - leg.span.start)
            .sum()
    }

    /// Number of frames of the film.
    pub fn n_frames(&self) -> u64 {
        let rate = self.config.frame_rate;
        rate.n_frames(self.song.n_samples, self.song.sample_rate_hz)
    }

    /// Words of all prompts that the legs show.
    pub fn words(&self) -> Vec<PromptText> {
        let prompts = 0..self.script.prompts.len();
        prompts.map(|idx| self.prompt(idx).words).collect()
    }

    /// Indices in the script of the prompts between which a leg leads; `None` where it stays with one.
    pub(super) fn prompts_of(&self, leg: &Leg) -> Option<[usize; 2]> {
        let middle = self.motion.at(0.5 * (leg.span.start + leg.span.end));
        let [from, to] = [middle.prompts.from, middle.prompts.to];
        let n = self.script.prompts.len().max(1);
        (from != to).then_some([from % n, to % n])
    }

    /// A prompt's words as they were written.
    pub(super) fn text_of(&self, idx: usize) -> &str {
        self.written(idx).map_or("", |prompt| &prompt.text)
    }

    /// What to draw to measure a leg's scale: its first and last prompt on the noises of its first and last knot, and each
    /// of the two once more on the noise of its own end, turned as by a hit.
    ///
    /// What concerns a prompt alone is the same for both legs that meet where it arrives.
    pub fn scale_inputs(&self, leg: &Leg) -> [FrameInputs; 6] {
        let (sin, cos) = SCALE_ANGLE.sin_cos();
        // In its middle, the last prompt is the one that is approached.
        let middle = 0.5 * (leg.span.start + leg.span.end);
        let prompts = self.motion.at(middle).prompts;
        let pulse_seed = self.pulse_seed(&[]);
        let still = |seed| vec![(seed, 1.0)];
        let turned = |seed| vec![(seed, cos), (pulse_seed, sin)];
        let [start, end] = leg.ends;
        let (from, to) = (prompts.from, prompts.to);
        [
            (from, still(start)),
            (from, turned(start)),
            (to, still(start)),
            (from, still(end)),
            (to, still(end)),
            (to, turned(end)),
        ]
        .map(|(prompt, terms)| FrameInputs {
            prompt_from: self.prompt(prompt).words,
            prompt_to: self.prompt(prompt).words,
            prompt_mix: 0.0,
            noise: NoiseMix { terms },
            guidance_scale: self.guidance(prompt),
            camera: View::default(),
        })
    }

    /// Angles in radians of what [`scale_inputs`](Self::scale_inputs) turns, and from one seed to the next.
    pub fn scale_turn(&self) -> ScaleTurn {
        ScaleTurn {
            angle: SCALE_ANGLE,
            seed_angle: SEED_ANGLE,
        }
    }

    /// What the course of a leg with a scale shows at a time in seconds of the song.
    ///
    /// # Errors
    /// None for a leg of this plan.
    pub fn course_inputs(&self, leg: &Leg, scale: Scale, secs: f64) -> Result<FrameInputs> {
        let n_seeds = leg.n_seeds(scale);
        let mut seeds = vec![leg.beside[0]];
        seeds.extend(leg.knots(n_seeds));
        seeds.extend([leg.ends[1], leg.beside[1]]);
        let path = NoisePath {
            kind: NoiseKind::Spline,
            pulse_seed: self.pulse_seed(&[]),
            seeds,
        };
        let place = self.motion.at(secs.clamp(leg.span.start, leg.span.end));
        let position = 1.0 + n_seeds as f64 * leg.share(place.noise_position);
        let noise = path.mix(nano(position), 0.0);
        let fault = |what: String| common::Error::input(&self.song.path, what);
        Ok(FrameInputs {
            prompt_from: self.prompt(place.prompts.from).words,
            prompt_to: self.prompt(place.prompts.to).words,
            prompt_mix: nano(place.prompts.mix),
            noise: noise.map_err(fault)?,
            guidance_scale: self.guidance_at(&place, &place),
            camera: View::default(),
        })
    }

    /// What determines a leg's pictures, besides model and settings.
    ///
    /// # Errors
    /// As [`course_inputs`](Self::course_inputs).
    pub fn signature(&self, leg: &Leg) -> Result<(Vec<FrameInputs>, [f64; 3])> {
        let mut inputs = self.scale_inputs(leg).to_vec();
        let secs = leg.span.end - leg.span.start;
        for i in 0..=N_SIGNATURE {
            let secs = leg.span.start + f64::from(i) / f64::from(N_SIGNATURE) * secs;
            inputs.push(self.course_inputs(leg, Scale::default(), secs)?);
        }
        let numbers = [leg.span.start, leg.span.end, leg.commanded].map(nano);
        Ok((inputs, numbers))
    }

    /// The timeline: walked at the speed that the music commands where there is a calibration of all [`legs`](Self::legs).
    pub fn timeline(&self, calibration: Option<&Calibration>) -> Timeline {
        let calibration = calibration.filter(|c| !c.stretches.is_empty());
        let walk = calibration.map(|calibration| self.walk(calibration));
        let frame = |idx| self.frame(idx, walk.as_ref());
        let mut frames: Vec<Frame> = (0..self.n_frames()).map(frame).collect();
        let shown = shown_prompts(&mut frames);
        Timeline {
            schema_version: SCHEMA_VERSION,
            duration_secs: nano(samples_to_secs(
                self.song.n_samples,
                self.song.sample_rate_hz,
            )),
            song: self.song.clone(),
            frame_rate: self.config.frame_rate,
            render: self.config.render.clone(),
            encoding: self.config.encoding,
            prompts: shown.map(|idx| self.prompt(idx)).collect(),
            seed: self.config.seed,
            noise: match calibration {
                Some(calibration) => self.calibrated_path(calibration),
                None => self.noise_path(frames.last().map_or(0.0, |f| f.noise_position)),
            },
            frames,
        }
    }

    /// Noise position by the music alone at a time in seconds of the song.
    #[cfg(test)]
    pub(super) fn motion_position(&self, secs: f64) -> f64 {
        self.motion.at(secs).noise_position
    }

    fn can_be_calibrated(&self) -> bool {
        self.config.mapping == Mapping::Music && self.config.noise == NoiseKind::Spline
    }

    fn is_loop(&self) -> bool {
        self.config.looping != Looping::Off
    }

    /// The legs of a span of the song, in seconds.
    fn all_legs(&self, span: Range<f64>) -> Vec<Leg> {
        let mut times = vec![span.start];
        for secs in self.motion.appointments().into_iter().chain([span.end]) {
            let is_new = |last: &f64| secs >= last + LEAST_LEG_SECS;
            if secs <= span.end && times.last().is_some_and(is_new) {
                times.push(secs);
            }
        }
        // The last one gives way to the end.
        if let Some(last) = times.last_mut().filter(|last| **last < span.end) {
            *last = span.end;
        }
        let own_seed = |secs: f64| {
            let mut arriving = self.arrivals.iter().zip(&self.script.prompts);
            let found = arriving.find(|(arrival, _)| (*arrival - secs).abs() < LEAST_LEG_SECS);
            found.and_then(|(_, prompt)| prompt.seed)
        };
        let stretch = self.motion.stretch();
        let borders: Vec<_> = times
            .into_iter()
            .map(|secs| (secs, self.motion.at(secs).noise_position, own_seed(secs)))
            .collect();
        Leg::all(&borders, self.config.seed, stretch, self.is_loop())
    }

    fn walk(&self, calibration: &Calibration) -> Walk {
        let is_joined = [
            self.is_loop() || self.shown.start > 0,
            self.is_loop() || self.shown.end < self.legs.len(),
        ];
        let first_knot = usize::from(!self.is_loop());
        Walk::new(self.legs(), calibration, first_knot, is_joined)
    }

    /// The noise path of the legs' knots; an open one begins a knot before the first leg and ends two behind the last.
    fn calibrated_path(&self, calibration: &Calibration) -> NoisePath {
        let legs = self.legs().iter().zip(&calibration.stretches);
        let mut seeds: Vec<u64> = legs
            .flat_map(|(leg, stretch)| leg.knots(leg.n_seeds(stretch.scale)))
            .collect();
        if let (false, [first, .., last] | [first @ last]) = (self.is_loop(), self.legs()) {
            seeds.insert(0, first.beside[0]);
            seeds.extend([last.ends[1], last.beside[1]]);
        }
        NoisePath {
            kind: if self.is_loop() {
                NoiseKind::Loop
            } else {
                NoiseKind::Spline
            },
            // None of the seeds, so that an edit of one leg can't change it for all: pulses go where no seed is.
            pulse_seed: self.pulse_seed(&[]),
            seeds,
        }
    }

    fn pulse_seed(&self, seeds: &[u64]) -> u64 {
        pulse_seed(self.config.seed, seeds)
    }

    fn frame(&self, frame_idx: u64, walk: Option<&Walk>) -> Frame {
        let secs = self.start_secs + self.config.frame_rate.frame_time_secs(frame_idx);
        let now = self.motion.at(secs);
        let step = walk.and_then(|walk| walk.at(secs, now.noise_position));
        let place = step.map_or(now, |step| self.motion.at(step.course_secs));
        let noise_position = walk
            .zip(step)
            .and_then(|(walk, step)| walk.noise_position(step.leg, place.noise_position));
        let velocity = self.motion.stretch() * now.noise_velocity;
        let hit_length = walk
            .zip(step)
            .and_then(|(walk, step)| walk.hit_length(step.leg, place.prompts.mix));
        let pulse = hit_length.map_or(now.pulse, |length| turn(now.pulse, length));
        Frame {
            frame_idx,
            pts: frame_idx,
            prompt_from: place.prompts.from,
            prompt_to: place.prompts.to,
            prompt_mix: nano(place.prompts.mix),
            noise_position: nano(noise_position.unwrap_or(now.noise_position)),
            prompt_velocity: nano(now.prompts.velocity),
            noise_velocity: nano(now.noise_velocity),
            speed: step.map(|step| nano(step.pace * velocity)),
            pulse: nano(pulse.abs()),
            is_pulse_back: pulse < 0.0,
            hit: hit_length.map(|length| nano(length * pulse.abs())),
            guidance_scale: self.guidance_at(&place, &now),
            camera: View {
                zoom: nano(now.camera.zoom),
                rotation: nano(now.camera.rotation),
                pan_x: nano(now.camera.pan_x),
                pan_y: nano(now.camera.pan_y),
            },
        }
    }

    /// Guidance scale at a place on the course, with what the music adds at a moment.
    fn guidance_at(&self, place: &Moment, now: &Moment) -> f64 {
        let (from, to) = (
            self.guidance(place.prompts.from),
            self.guidance(place.prompts.to),
        );
        let guidance_scale = from + place.prompts.mix * (to - from) + now.guidance;
        nano(guidance_scale.clamp(0.0, MAX_GUIDANCE_SCALE))
    }

    /// Guidance scale of a prompt.
    fn guidance(&self, idx: usize) -> f64 {
        let own = self.written(idx).and_then(|prompt| prompt.guidance_scale);
        own.unwrap_or(self.config.guidance_scale)
    }

    /// A prompt as it was written; in a loop the first comes back behind the last.
    fn written(&self, idx: usize) -> Option<&ScriptPrompt> {
        let prompts = &self.script.prompts;
        prompts.get(idx).or(prompts.first())
    }

    fn prompt(&self, idx: usize) -> Prompt {
        let (text, negative) = self
            .written(idx)
            .map_or(("", ""), |prompt| (&prompt.text, &prompt.negative));
        let arrival_secs = self.arrivals.get(idx).copied().unwrap_or_default();
        Prompt {
            words: PromptText {
                text: joined(&[text, &self.script.style]),
                negative: joined(&[negative, &self.script.negative, &self.config.negative]),
            },
            arrival_secs: nano(arrival_secs - self.start_secs),
        }
    }

    fn noise_path(&self, last_position: f64) -> NoisePath {
        let kind = match (self.config.mapping, self.config.looping, self.config.noise) {
            (Mapping::Classic, ..) => NoiseKind::Slerp,
            (_, _, NoiseKind::Circle) => NoiseKind::Circle,
            (_, Looping::Off, kind) => kind,
            _ => NoiseKind::Loop,
        };
        let n_seeds = match kind {
            NoiseKind::Circle => 2,
            NoiseKind::Loop => self.motion.at(self.end_secs).noise_position.round() as usize,
            // A spline looks two knots ahead of a position, slerp one.
            NoiseKind::Spline | NoiseKind::Slerp => last_position as usize + 3,
        };
        let own_seeds = self.script.prompts.iter().zip(&self.arrivals);
        let wanted: Vec<(f64, u64)> = own_seeds
            .filter_map(|(prompt, arrival)| {
                Some((self.motion.at(*arrival).noise_position, prompt.seed?))
            })
            .collect();
        let seeds = seeds(self.config.seed, n_seeds, &wanted);
        NoisePath {
            kind,
            pulse_seed: self.pulse_seed(&seeds),
            seeds,
        }
    }
}

/// How far the noise has to turn for a pulse to be seen as far as usual, where a radian moves the picture by `hit_length`.
fn turn(pulse: f64, hit_length: f64) -> f64 {
    let turned = LENGTH_PER_RADIAN * pulse / hit_length.max(1e-6);
    turned.clamp(-MAX_TURN, MAX_TURN)
}

/// Counts prompts from the first one that is shown; returns the range that is.
fn shown_prompts(frames: &mut [Frame]) -> Range<usize> {
    let first = frames
        .iter()
        .map(|f| f.prompt_from)
        .min()
        .unwrap_or_default();
    let last = frames.iter().map(|f| f.prompt_to).max().unwrap_or_default();
    for frame in frames {
        frame.prompt_from -= first;
        frame.prompt_to -= first;
    }
    first..last + 1
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

/// A value to nine decimals. Short numbers are read back from JSON exactly, so a film rendered from a saved timeline is
/// the same to the byte, and last-bit differences between machines don't show.
fn nano(value: f64) -> f64 {
    (value * 1e9).round() / 1e9 + 0.0
}
