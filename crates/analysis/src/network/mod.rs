//! Two small convolutional networks: one finds onsets, one beats and downbeats.
//!
//! Both look a third of a second to each side of a hop. The one of beats then goes on at half the rate, as a temporal
//! convolutional network (Davies and Böck, EUSIPCO 2019) that looks ten seconds to each side. Onsets have a network of their
//! own, as they need finer bands, and layers shared with beats found fewer of them.
//! They were trained on synthetic music; `training/` has the recipe, `onset.weights` and `beat.weights` their numbers.

mod beat;
mod conv;
mod conv_stack;
mod onset;
mod weights;

use std::ops::RangeInclusive;

use common::Result;

use super::hops::HOPS_PER_SEC;
use super::inputs::{HOPS_PER_STEP, Inputs};
use super::series::{Series, SeriesReader, SeriesWriter};

/// Steps in a second.
pub(super) const STEPS_PER_SEC: usize = HOPS_PER_SEC / HOPS_PER_STEP;
/// Added to the log-odds of a beat: training weighs beats more than what lies between them.
const BEAT_BIAS: f32 = -0.3;
/// What a beat without any sign of it costs at most.
const MISSING_COST: f32 = 3.5;

/// Probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct Activations {
    /// That a sound starts at a hop.
    pub onset: Series<f32>,
    /// That a beat falls on a step of [`HOPS_PER_STEP`] hops.
    pub beat: Series<f32>,
    /// That a beat on this step would be a downbeat.
    pub downbeat: Series<f32>,
}

impl Activations {
    /// Log-odds of a beat at each of `n_hops` hops, as what a beat there is worth to a [`super::chain::Chain`]; where nothing tells of
    /// a beat it costs [`MISSING_COST`], so that breaks and rests are bridged.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn beat_odds(&self, n_hops: usize) -> Result<Series<f32>> {
        odds(&self.beat, n_hops)
    }

    /// Lets the drums lead where they play: the song's beats are raised to theirs. Where they pause, the song is all there is.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn merge_drum_activations(&mut self, drums: &Activations) -> Result<()> {
        let mut drums = drums.beat.iter();
        let mut merged = SeriesWriter::new(STEPS_PER_SEC);
        for song in self.beat.iter() {
            let drums = drums.next().transpose()?;
            let song = song?;
            merged.push(drums.map_or(song, |drums| song.max(drums)));
        }
        self.beat = merged.finish();
        Ok(())
    }
}

/// Reads what a series of steps has at hops, which come in about their order.
pub(super) struct AtHop<'a> {
    steps: SeriesReader<'a, f32>,
    n_steps: usize,
}

impl<'a> AtHop<'a> {
    pub fn of(steps: &'a Series<f32>) -> Self {
        Self {
            steps: steps.reader(),
            n_steps: steps.len(),
        }
    }

    /// What the steps have at a hop; between steps by proportion, and behind the last one what that has.
    ///
    /// # Errors
    /// As [`SeriesReader::read`].
    pub fn read(&mut self, hop: usize) -> Result<f32> {
        let (step, odd) = (hop / HOPS_PER_STEP, hop % HOPS_PER_STEP);
        let step = step.min(self.n_steps.saturating_sub(1));
        let around = self.steps.read(step..step + 2)?;
        let first = around.first().copied().unwrap_or(0.0);
        let second = around.get(1).copied().unwrap_or(first);
        Ok(first + (second - first) * odd as f32 / HOPS_PER_STEP as f32)
    }

    /// The most that the steps have at some hops, and `least` at least.
    ///
    /// # Errors
    /// As [`SeriesReader::read`].
    pub fn most(&mut self, hops: RangeInclusive<usize>, least: f32) -> Result<f32> {
        hops.into_iter()
            .try_fold(least, |most, hop| Ok(most.max(self.read(hop)?)))
    }
}

/// See [`Activations::beat_odds`].
pub(super) fn odds(beat: &Series<f32>, n_hops: usize) -> Result<Series<f32>> {
    let mut beat = AtHop::of(beat);
    let mut odds = SeriesWriter::new(HOPS_PER_SEC);
    for hop in 0..n_hops {
        // Periods are whole hops and players aren't machines: a hop to either side will do.
        let p = beat.most(hop.saturating_sub(1)..=hop + 1, 1e-4)?;
        let p = p.min(1.0 - 1e-4);
        odds.push((p / (1.0 - p)).ln().clamp(-MISSING_COST, 4.0) + BEAT_BIAS);
    }
    Ok(odds.finish())
}

/// Activations of all of a song.
///
/// # Errors
/// As for what [`Inputs`] reads.
pub(super) fn activations(inputs: &Inputs<'_>) -> Result<Activations> {
    let (onset, beats) = rayon::join(|| onset::activations(inputs), || beat::activations(inputs));
    let (beat, downbeat) = beats?;
    Ok(Activations {
        onset: onset?,
        beat,
        downbeat,
    })
}

#[cfg(test)]
mod tests {
    use super::super::evidence::evidence;
    use super::super::features::FeatureExtractor;
    use super::super::onset as onsets;
    use super::*;

    /// Notes and noise of changing strength, at the analysis rate.
    fn song(secs: usize) -> Vec<f32> {
        let sample = |i: usize| {
            let t = i as f32 / 24_000.0;
            let hit = (-(t % 0.47) / 0.07).exp();
            let noise = ((i * 7919) as f32 * 12.9898).sin();
            let note = (t * 220.0 * (1.0 + (t / 3.0).floor() % 5.0) * std::f32::consts::TAU).sin();
            0.3 * hit * noise + 0.2 * note * (0.3 + 0.2 * (t / 7.0).sin())
        };
        (0..secs * 24_000).map(sample).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// What is found depends neither on where a song is cut for the networks nor on where its spectra are kept.
    #[test]
    fn windows_make_no_difference() {
        let mut extractor = FeatureExtractor::new();
        extractor.push(&song(75));
        let mut features = extractor.finish();
        let (strength, whole) = evidence(&features).unwrap();
        let found = onsets::find(&features, &strength, &whole).unwrap();
        assert!(found.len() > 100, "{} onsets", found.len());
        features.spectrogram.file_now();
        features.semitones.file_now();
        features.envelopes.file_now();
        let inputs = Inputs::of(&features).unwrap();
        for (chunk_steps, chunk_hops) in [(100_000, 100_000), (1500, 1777), (701, 333)] {
            let (beat, downbeat) = beat::in_chunks(&inputs, chunk_steps).unwrap();
            let onset = onset::in_chunks(&inputs, chunk_hops).unwrap();
            let bits_of = |series: &Series<f32>| bits(&series.to_vec().unwrap());
            assert!(bits_of(&beat) == bits_of(&whole.beat), "{chunk_steps}");
            assert!(
                bits_of(&downbeat) == bits_of(&whole.downbeat),
                "{chunk_steps}"
            );
            assert!(bits_of(&onset) == bits_of(&whole.onset), "{chunk_hops}");
        }
        let (again, activations) = evidence(&features).unwrap();
        let [again_full, full] = [&again, &strength].map(|s| s.full.to_vec().unwrap());
        assert!(bits(&again_full) == bits(&full));
        assert_eq!(
            onsets::find(&features, &again, &activations).unwrap(),
            found
        );
    }
}
