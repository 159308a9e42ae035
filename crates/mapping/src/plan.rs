use std::ops::Range;

use analysis::Analysis;
use common::Result;
use common::rounding::round_nano;
use common::units::samples_to_secs;
use timeline::{Frame, NoiseKind, NoisePath, PromptText, SCHEMA_VERSION, Song, Timeline};

use super::course::Segment;
use super::excerpt::excerpt;
use super::motion::Motion;
use super::seeds::{pulse_seed, seeds};
use super::walk::{Walk, loop_paces, paces};
use super::{Looping, Mapping, MappingConfig};
use crate::calibration::Calibration;
use crate::prompts::Script;

/// Prompt cues nearer to each other than this, in seconds, are one.
const LEAST_SEGMENT_SECS: f64 = 0.05;

/// Plans the film: where prompts, noise and pulse are at each frame, without a calibration.
///
/// The number of frames is the ceiling of duration times rate. Seeds count up from `config.seed`; a prompt with a seed of
/// its own puts it on the knot of the noise path that is nearest when the prompt arrives, and the count goes on from there.
///
/// # Errors
/// [`Error::Config`](common::Error::Config) for a setting out of range, [`Error::Text`](common::Error::Text) for
/// prompts that don't fit the song, [`Error::Input`](common::Error::Input) for a song without samples.
pub fn timeline(analysis: &Analysis, script: &Script, config: &MappingConfig) -> Result<Timeline> {
    Plan::new(analysis, script, config)?.timeline(None)
}

/// Everything that a film's frames follow from but its calibration, which is measured on the plan's course.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(super) script: &'a Script,
    pub(super) config: &'a MappingConfig,
    pub(super) song: Song,
    pub(super) motion: Motion,
    /// Of each prompt, in seconds of the song; in a loop, once more of the first.
    pub(super) arrivals: Vec<f64>,
    /// The film's start and end in seconds of the song.
    pub(super) start_secs: f64,
    pub(super) end_secs: f64,
    /// Segments of the whole song or loop; none in a film that can't be calibrated.
    pub(super) segments: Vec<Segment>,
    /// Those of them that the film shows.
    pub(super) shown: Range<usize>,
}

impl<'a> Plan<'a> {
    /// Everything up to the choice of speed.
    ///
    /// # Errors
    /// As [`timeline()`].
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
        let mut motion = Motion::new(analysis, arrivals.clone(), &script.routes, config)?;
        if is_loop {
            let period = (config.noise == NoiseKind::Circle).then_some(NoisePath::CIRCLE_PERIOD);
            motion = motion.closed(start_secs, end_secs - start_secs, period)?;
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
            segments: Vec::new(),
            shown: 0..0,
        };
        if plan.can_be_calibrated() {
            plan.segments = plan.all_segments(span)?;
            let is_shown =
                |segment: &Segment| segment.span.end > start_secs && segment.span.start < end_secs;
            let first = plan.segments.iter().position(is_shown).unwrap_or_default();
            let n = plan
                .segments
                .iter()
                .filter(|segment| is_shown(segment))
                .count();
            plan.shown = first..first + n;
        }
        Ok(plan)
    }

    /// The segments of the course that the film shows, to be measured; none in a classic walk and on a circle, which stay as
    /// they are.
    pub fn segments(&self) -> &[Segment] {
        self.segments.get(self.shown.clone()).unwrap_or_default()
    }

    /// Number of frames of the film.
    pub fn n_frames(&self) -> u64 {
        let rate = self.config.frame_rate;
        rate.n_frames(self.song.n_samples, self.song.sample_rate_hz)
    }

    /// Words of all prompts that the segments show.
    pub fn words(&self) -> Vec<PromptText> {
        let prompts = 0..self.script.prompts.len();
        prompts.map(|idx| self.prompt(idx).words).collect()
    }

    /// Indices in the script of the prompts between which a segment leads; `None` where it stays with one.
    pub(super) fn prompts_of(&self, segment: &Segment) -> Option<[usize; 2]> {
        let middle = 0.5 * (segment.span.start + segment.span.end);
        let [from, to] = self.motion.prompts_at(middle);
        let n = self.script.prompts.len().max(1);
        (from != to).then_some([from % n, to % n])
    }

    /// A prompt's words as they were written.
    pub(super) fn text_of(&self, idx: usize) -> &str {
        self.written(idx).map_or("", |prompt| &prompt.text)
    }

    /// The timeline: walked at the speed that the music asks for where there is a calibration of all [`segments`](Self::segments).
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn timeline(&self, calibration: Option<&Calibration>) -> Result<Timeline> {
        let calibration = calibration.filter(|c| !c.segments.is_empty());
        let walk = calibration.map(|calibration| self.walk(calibration));
        let mut frames = Vec::with_capacity(usize::try_from(self.n_frames()).unwrap_or(0));
        for idx in 0..self.n_frames() {
            frames.push(self.frame(idx, walk.as_ref())?);
        }
        let shown = shown_prompts(&mut frames);
        Ok(Timeline {
            schema_version: SCHEMA_VERSION,
            duration_secs: round_nano(samples_to_secs(
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
                None => self.noise_path(frames.last().map_or(0.0, |f| f.noise_position))?,
            },
            frames,
        })
    }

    /// Noise position by the music alone at a time in seconds of the song.
    #[cfg(test)]
    pub(super) fn motion_position(&self, secs: f64) -> f64 {
        self.motion.at(secs).unwrap().noise_position
    }

    fn can_be_calibrated(&self) -> bool {
        self.config.mapping == Mapping::Music && self.config.noise == NoiseKind::Spline
    }

    pub(super) fn is_loop(&self) -> bool {
        self.config.looping != Looping::Off
    }

    /// The segments of a span of the song, in seconds.
    fn all_segments(&self, span: Range<f64>) -> Result<Vec<Segment>> {
        let mut times = vec![span.start];
        for secs in self.motion.prompt_cues().into_iter().chain([span.end]) {
            let is_new = |last: &f64| secs >= last + LEAST_SEGMENT_SECS;
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
            let found = arriving.find(|(arrival, _)| (*arrival - secs).abs() < LEAST_SEGMENT_SECS);
            found.and_then(|(_, prompt)| prompt.seed)
        };
        let stretch = self.motion.stretch();
        let borders: Vec<_> = times
            .into_iter()
            .map(|secs| Ok((secs, self.motion.at(secs)?.noise_position, own_seed(secs))))
            .collect::<Result<_>>()?;
        let first_seed = self.config.seed;
        Ok(Segment::all(&borders, first_seed, stretch, self.is_loop()))
    }

    fn walk(&self, calibration: &Calibration) -> Walk {
        let segments = self.segments();
        let measured = segments.iter().zip(&calibration.segments);
        let paces = if self.is_loop() {
            let ratios = measured.map(|(segment, measured)| segment.ratio(measured));
            loop_paces(&ratios.collect::<Vec<_>>())
        } else {
            let goes_on = [self.shown.start > 0, self.shown.end < self.segments.len()];
            paces(segments.len(), goes_on)
        };
        let first_knot = usize::from(!self.is_loop());
        Walk::new(segments, calibration, first_knot, &paces)
    }

    /// The noise path of the segments' knots; an open one begins a knot before the first segment and ends two behind the last.
    fn calibrated_path(&self, calibration: &Calibration) -> NoisePath {
        let segments = self.segments().iter().zip(&calibration.segments);
        let mut seeds: Vec<u64> = segments
            .flat_map(|(segment, measured)| segment.knots(segment.n_seeds(measured.scale)))
            .collect();
        if let (false, [first, .., last] | [first @ last]) = (self.is_loop(), self.segments()) {
            seeds.insert(0, first.beside[0]);
            seeds.extend([last.ends[1], last.beside[1]]);
        }
        NoisePath {
            kind: if self.is_loop() {
                NoiseKind::Loop
            } else {
                NoiseKind::Spline
            },
            // None of the seeds, so that an edit of one segment can't change it for all: pulses go where no seed is.
            pulse_seed: self.pulse_seed(&[]),
            seeds,
        }
    }

    pub(super) fn pulse_seed(&self, seeds: &[u64]) -> u64 {
        pulse_seed(self.config.seed, seeds)
    }

    fn noise_path(&self, last_position: f64) -> Result<NoisePath> {
        let kind = match (self.config.mapping, self.config.looping, self.config.noise) {
            (Mapping::Classic, ..) => NoiseKind::Slerp,
            (_, _, NoiseKind::Circle) => NoiseKind::Circle,
            (_, Looping::Off, kind) => kind,
            _ => NoiseKind::Loop,
        };
        let n_seeds = match kind {
            NoiseKind::Circle => 2,
            NoiseKind::Loop => self.motion.at(self.end_secs)?.noise_position.round() as usize,
            // A spline looks two knots ahead of a position, slerp one.
            NoiseKind::Spline | NoiseKind::Slerp => last_position as usize + 3,
        };
        let own_seeds = self.script.prompts.iter().zip(&self.arrivals);
        let wanted: Vec<(f64, u64)> = own_seeds
            .filter_map(|(prompt, arrival)| Some((*arrival, prompt.seed?)))
            .map(|(arrival, seed)| Ok((self.motion.at(arrival)?.noise_position, seed)))
            .collect::<Result<_>>()?;
        let seeds = seeds(self.config.seed, n_seeds, &wanted);
        Ok(NoisePath {
            kind,
            pulse_seed: self.pulse_seed(&seeds),
            seeds,
        })
    }
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
