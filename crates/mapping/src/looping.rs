use analysis::Series;
use common::Result;

use super::camera::{Camera, Sway};
use super::integral::Integral;
use super::moment::Moment;
use super::music::Music;
use super::prompt_path::{PromptPath, PromptPoint};
use super::pulse::Pulse;

/// Longest time before the seam in which the end turns into what came before the start.
const FADE_SECS: f64 = 1.0;

/// Hits nearer to the seam than this are left out: the step over the seam is drift alone.
const QUIET_SECS: f64 = 0.06;

/// Drift is at most this share of its median right at the seam. What is seen of it may be a quarter more than was planned, and as much
/// comes from a codec that begins anew there: the step over the seam is no larger than others all the same.
const CALM: f64 = 0.6;

/// Longest time beside the seam in which drift slows down to that.
const CALM_SECS: f64 = 0.25;

/// Longest time beside the seam in which the pulse comes to rest: hits before it have gone by when the loop begins again.
const REST_SECS: f64 = 0.15;

/// Fewest seeds of a ring. With two it would be a way there and back, with a corner at each end.
const MIN_SEEDS: f64 = 3.0;

/// Motion that closes: at the loop's end everything is where it was at its start, at the same speed.
///
/// Towards the end, speed and pulse fade into what they were in the song just before the loop's start, as loops of sound
/// are made. The noise position is then stretched to a whole number of turns around a ring of seeds.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    /// Over the time since the loop's start, in seeds of the ring.
    noise: Integral,
    /// Over the song's time, back at the first prompt at the loop's end.
    prompts: PromptPath,
    pulse: Pulse,
    guidance: Integral,
    /// Its turns are over the time since the loop's start.
    camera: Camera,
    seam: Seam,
    stretch: f64,
}

impl Loop {
    /// `period` fixes the noise position after one turn; `None` = the whole number that is nearest to what the speed gives.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn new(
        music: Music,
        (start_secs, length_secs): (f64, f64),
        period: Option<f64>,
    ) -> Result<Self> {
        let Music {
            noise: velocity,
            mut prompts,
            pulse,
            guidance,
            camera,
        } = music;
        prompts.arrive_again(start_secs + length_secs);
        let seam = Seam {
            start_secs,
            length_secs,
        };
        let whole = |length: f64| period.unwrap_or(length.round().max(MIN_SEEDS));
        let (noise, stretch) = seam.closed(&velocity, whole)?;
        let camera = camera.slow_at_start().with(|sway| {
            let whole = |n: f64| n.round().max(1.0);
            let closed = |turns: Integral| Ok(seam.closed(&turns, whole)?.0);
            Ok(Sway {
                turns: sway.turns.map(closed).transpose()?,
                hits: sway.hits.map(|hits| seam.quiet(&hits)),
                ..sway
            })
        })?;
        Ok(Self {
            noise,
            prompts,
            pulse: seam.quiet(&pulse),
            guidance,
            camera,
            seam,
            stretch,
        })
    }

    /// When the prompts begin or cease to move, in seconds of the song, in order.
    pub fn prompt_cues(&self) -> Vec<f64> {
        self.prompts.prompt_cues()
    }

    /// Noise velocity of the music over that of the ring.
    pub fn stretch(&self) -> f64 {
        self.stretch
    }

    /// Indices of the prompts that are being left and approached at a time in seconds of the song.
    pub fn prompts_at(&self, secs: f64) -> PromptPoint {
        self.prompts.at(secs)
    }

    /// Where everything is at a time in seconds of the song, from the loop's start to its end.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn at(&self, secs: f64) -> Result<Moment> {
        let seam = self.seam;
        let since = secs - seam.start_secs;
        let pulse = seam.faded(since, |secs| Ok(self.pulse.at(secs)))?;
        Ok(Moment {
            prompts: self.prompts.at(secs),
            noise_position: self.noise.position(since)?,
            noise_velocity: self.noise.rate(since)?,
            pulse: self.resting(since, pulse),
            guidance: seam.faded(since, |secs| self.guidance.rate(secs))?,
            camera: self.camera.view(&|sway| {
                let hits = seam.faded(since, |secs| Ok(sway.hits_at(secs)))?;
                Ok((sway.turns_at(since)?, hits))
            })?,
        })
    }

    /// The pulse at a time since the loop's start, where it comes to rest at the seam.
    fn resting(&self, since: f64, pulse: f64) -> f64 {
        let share = nearness(since, self.seam.length_secs, REST_SECS);
        pulse + share * (self.pulse.at(self.seam.start_secs) - pulse)
    }
}

/// Where a loop begins and ends in the song.
#[derive(Clone, Copy, Debug)]
struct Seam {
    start_secs: f64,
    length_secs: f64,
}

impl Seam {
    /// The pulse without what would hit at the seam.
    fn quiet(self, pulse: &Pulse) -> Pulse {
        let times = [self.start_secs, self.start_secs + self.length_secs];
        pulse.without_hits_near(&times, QUIET_SECS)
    }

    /// The integral of a rate faded so that it closes, over the time since the loop's start, stretched so that it ends at
    /// what `whole` makes of its length; and its length over that.
    fn closed(self, velocity: &Integral, whole: impl Fn(f64) -> f64) -> Result<(Integral, f64)> {
        let n = (self.length_secs / velocity.hop_secs()).ceil().max(1.0);
        let hop_secs = self.length_secs / n;
        let rate = |hop: usize| self.faded(hop as f64 * hop_secs, |secs| velocity.rate(secs));
        let rates = Series::of_hops((0..=n as usize).map(rate))?;
        let rates = calm_seam(&rates, hop_secs)?;
        let length = Integral::new(rates.clone(), hop_secs, 0.0)?.position(self.length_secs)?;
        let stretch = length / whole(length);
        let rates = rates.map(|rate| rate / stretch)?;
        Ok((Integral::new(rates, hop_secs, 0.0)?, stretch))
    }

    /// A function of the song's time at a time since the loop's start, faded so that it closes.
    fn faded(self, since: f64, value: impl Fn(f64) -> Result<f64>) -> Result<f64> {
        let fade_secs = FADE_SECS.min(0.5 * self.length_secs);
        let x = (1.0 - (self.length_secs - since) / fade_secs).clamp(0.0, 1.0);
        let share = x * x * (3.0 - 2.0 * x);
        let here = value(self.start_secs + since)?;
        if share <= 0.0 {
            return Ok(here);
        }
        let before = value((self.start_secs + since - self.length_secs).max(0.0))?;
        Ok(here + share * (before - here))
    }
}

/// A loop's rates slowed down near its seam, where they are faster than elsewhere: loops of beats start on a hit.
fn calm_seam(rates: &Series<f64>, hop_secs: f64) -> Result<Series<f64>> {
    let most = CALM * rates.quantile(0.5, |_| true)?.unwrap_or_default();
    let length_secs = hop_secs * rates.len().saturating_sub(1) as f64;
    let mut hop_idx = 0;
    rates.map(|rate| {
        let share = nearness(hop_secs * hop_idx as f64, length_secs, CALM_SECS);
        hop_idx += 1;
        rate + share * (rate.min(most) - rate)
    })
}

/// How near a loop's seam is to a time since its start: 1 = there, 0 = further away than `reach_secs`, or than an eighth of the loop.
fn nearness(since: f64, length_secs: f64, reach_secs: f64) -> f64 {
    let reach_secs = reach_secs.min(length_secs / 8.0);
    let secs = since.min(length_secs - since).max(0.0);
    let x = (1.0 - secs / reach_secs.max(1e-9)).clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fast_seam_is_slowed_down() {
        let calm = |rates: Vec<f64>, hop_secs: f64| {
            let calm = calm_seam(&rates.into(), hop_secs).unwrap();
            calm.to_vec().unwrap()
        };
        let rates = (0..=200).map(|hop| if hop % 50 < 10 { 5.0 } else { 1.0 });
        let rates = calm(rates.collect(), 0.01);
        assert!((rates[0] - CALM).abs() < 1e-9 && (rates[200] - CALM).abs() < 1e-9);
        assert!(rates[5] > CALM && rates[5] < 5.0);
        assert!(rates[30..170].contains(&5.0) && rates[100] == 5.0);
        let slow = vec![0.5, 1.0, 1.0, 1.0, 0.5];
        assert_eq!(calm(slow.clone(), 0.1), slow);
    }
}
