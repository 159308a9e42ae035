use analysis::Hops;
use common::Result;
use timeline::View;

use super::integral::Integral;
use super::moment::Moment;
use super::prompt_path::PromptPoint;

/// The walk of stable-diffusion-videos (`get_timesteps_arr`): between two prompts, the share of the way is the running sum
/// of percussive energy over its total, T = cumsum(e) / sum(e) per segment. Words and noise both follow T.
///
/// Kept as a baseline, with what is known to be wrong with it: each segment is normalised by itself, so a quiet verse
/// moves as far as a loud chorus; between hits it stands still; the noise turns a corner at each prompt. e is the power of
/// the percussive part, summed over frequency where the original takes the loudest mel band.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    percussion: Integral,
    /// The song's start, the arrivals of all prompts but the first, the song's end.
    borders: Vec<f64>,
}

impl Classic {
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn new(hops: &Hops, arrivals: &[f64], duration_secs: f64) -> Result<Self> {
        let power = |amplitude: f32| {
            if amplitude.is_finite() {
                f64::from(amplitude).powi(2)
            } else {
                0.0
            }
        };
        let mut rates = hops.percussive.map(power)?;
        // Relative to the song's peak: what is near nothing doesn't depend on the file's gain.
        let mut all = rates.iter();
        let top = all.try_fold(0.0f64, |top, rate| rate.map(|rate| top.max(rate)))?;
        drop(all);
        if top > 0.0 {
            rates = rates.map(|rate| rate / top)?;
        }
        let mut borders = vec![0.0];
        borders.extend(arrivals.iter().skip(1));
        borders.push(duration_secs);
        Ok(Self {
            percussion: Integral::new(rates, hops.hop_secs, 0.0)?,
            borders,
        })
    }

    /// Indices of the prompts that are being left and approached at a time in seconds of the song: one behind the last.
    pub fn prompts_at(&self, secs: f64) -> [usize; 2] {
        let last = self.borders.len() - 2;
        let from = self
            .borders
            .partition_point(|b| *b <= secs)
            .saturating_sub(1)
            .min(last);
        [from, (from + 1).min(last)]
    }

    /// Where everything is at a time in seconds of the song.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn at(&self, secs: f64) -> Result<Moment> {
        let [from, to] = self.prompts_at(secs);
        let (share, velocity) = match self.borders.get(from..from + 2) {
            Some([start, end]) => self.share(secs, *start, *end)?,
            _ => (0.0, 0.0),
        };
        // Behind the last prompt only the noise moves on.
        let still = PromptPoint {
            from,
            to: from,
            mix: 0.0,
            velocity: 0.0,
        };
        let moving = PromptPoint {
            to,
            mix: share,
            velocity,
            ..still
        };
        let point = if from < to { moving } else { still };
        Ok(Moment {
            prompts: point,
            noise_position: from as f64 + share,
            noise_velocity: velocity,
            pulse: 0.0,
            guidance: 0.0,
            camera: View::default(),
        })
    }

    /// Share of the percussion between `start` and `end` that is over at `secs`, and its velocity; even in silence.
    fn share(&self, secs: f64, start: f64, end: f64) -> Result<(f64, f64)> {
        let before = self.percussion.position(start)?;
        let done = self.percussion.position(secs)? - before;
        let total = self.percussion.position(end)? - before;
        if total > 1e-9 {
            return Ok((
                (done / total).clamp(0.0, 1.0),
                self.percussion.rate(secs)? / total,
            ));
        }
        let length = (end - start).max(1e-9);
        Ok((((secs - start) / length).clamp(0.0, 1.0), 1.0 / length))
    }
}
