use common::statistics::median;

use super::camera::{Camera, Sway};
use super::integral::Integral;
use super::moment::Moment;
use super::music::Music;
use super::prompt_path::PromptPath;
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
    start_secs: f64,
    length_secs: f64,
    stretch: f64,
}

impl Loop {
    /// `period` fixes the noise position after one turn; `None` = the whole number that is nearest to what the speed gives.
    pub fn new(music: Music, (start_secs, length_secs): (f64, f64), period: Option<f64>) -> Self {
        let Music {
            noise: velocity,
            mut prompts,
            pulse,
            guidance,
            camera,
        } = music;
        prompts.arrive_again(start_secs + length_secs);
        let end_secs = start_secs + length_secs;
        let seam = [start_secs, end_secs];
        let mut looped = Self {
            noise: Integral::new(Vec::new(), 0.0, 0.0),
            prompts,
            pulse: pulse.without_hits_near(&seam, QUIET_SECS),
            guidance,
            camera: camera.clone(),
            start_secs,
            length_secs,
            stretch: 1.0,
        };
        let whole = |length: f64| period.unwrap_or(length.round().max(MIN_SEEDS));
        (looped.noise, looped.stretch) = looped.closed(&velocity, whole);
        looped.camera = camera.slow_at_start().with(|sway| Sway {
            turns: sway
                .turns
                .map(|turns| looped.closed(&turns, |n| n.round().max(1.0)).0),
            hits: sway
                .hits
                .map(|hits| hits.without_hits_near(&seam, QUIET_SECS)),
            ..sway
        });
        looped
    }

    /// The integral of a rate faded so that it closes, over the time since the loop's start, stretched so that it ends at
    /// what `whole` makes of its length; and its length over that.
    fn closed(&self, velocity: &Integral, whole: impl Fn(f64) -> f64) -> (Integral, f64) {
        let n = (self.length_secs / velocity.hop_secs()).ceil().max(1.0);
        let hop_secs = self.length_secs / n;
        let rate = |hop: usize| self.faded(hop as f64 * hop_secs, |secs| velocity.rate(secs));
        let mut rates: Vec<f64> = (0..=n as usize).map(rate).collect();
        calm_seam(&mut rates, hop_secs);
        let length = Integral::new(rates.clone(), hop_secs, 0.0).position(self.length_secs);
        let stretch = length / whole(length);
        for rate in &mut rates {
            *rate /= stretch;
        }
        (Integral::new(rates, hop_secs, 0.0), stretch)
    }

    /// When the prompts begin or cease to move, in seconds of the song, in order.
    pub fn prompt_cues(&self) -> Vec<f64> {
        self.prompts.prompt_cues()
    }

    /// Noise velocity of the music over that of the ring.
    pub fn stretch(&self) -> f64 {
        self.stretch
    }

    /// Where everything is at a time in seconds of the song, from the loop's start to its end.
    pub fn at(&self, secs: f64) -> Moment {
        let since = secs - self.start_secs;
        Moment {
            prompts: self.prompts.at(secs),
            noise_position: self.noise.position(since),
            noise_velocity: self.noise.rate(since),
            pulse: self.resting(since, self.faded(since, |secs| self.pulse.at(secs))),
            guidance: self.faded(since, |secs| self.guidance.rate(secs)),
            camera: self.camera.view(&|sway| {
                let hits = self.faded(since, |secs| sway.hits_at(secs));
                (sway.turns_at(since), hits)
            }),
        }
    }

    /// The pulse at a time since the loop's start, where it comes to rest at the seam.
    fn resting(&self, since: f64, pulse: f64) -> f64 {
        let share = nearness(since, self.length_secs, REST_SECS);
        pulse + share * (self.pulse.at(self.start_secs) - pulse)
    }

    /// A function of the song's time at a time since the loop's start, faded so that it closes.
    fn faded(&self, since: f64, value: impl Fn(f64) -> f64) -> f64 {
        let fade_secs = FADE_SECS.min(0.5 * self.length_secs);
        let x = (1.0 - (self.length_secs - since) / fade_secs).clamp(0.0, 1.0);
        let share = x * x * (3.0 - 2.0 * x);
        let here = value(self.start_secs + since);
        if share <= 0.0 {
            return here;
        }
        let before = value((self.start_secs + since - self.length_secs).max(0.0));
        here + share * (before - here)
    }
}

/// Slows a loop's rates down near its seam, where they are faster than elsewhere: loops of beats start on a hit.
fn calm_seam(rates: &mut [f64], hop_secs: f64) {
    let most = CALM * median(rates).unwrap_or_default();
    let length_secs = hop_secs * rates.len().saturating_sub(1) as f64;
    for (idx, rate) in rates.iter_mut().enumerate() {
        let share = nearness(hop_secs * idx as f64, length_secs, CALM_SECS);
        *rate += share * (rate.min(most) - *rate);
    }
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
        let mut rates: Vec<f64> = (0..=200)
            .map(|hop| if hop % 50 < 10 { 5.0 } else { 1.0 })
            .collect();
        calm_seam(&mut rates, 0.01);
        assert!((rates[0] - CALM).abs() < 1e-9 && (rates[200] - CALM).abs() < 1e-9);
        assert!(rates[5] > CALM && rates[5] < 5.0);
        assert!(rates[30..170].contains(&5.0) && rates[100] == 5.0);
        let mut slow = vec![0.5, 1.0, 1.0, 1.0, 0.5];
        calm_seam(&mut slow, 0.1);
        assert_eq!(slow, [0.5, 1.0, 1.0, 1.0, 0.5]);
    }
}
