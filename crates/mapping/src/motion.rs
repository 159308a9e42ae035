use analysis::Analysis;
use common::Result;

use super::classic::Classic;
use super::looping::Loop;
use super::moment::Moment;
use super::music::Music;
use super::{Mapping, MappingConfig};
use crate::prompts::Route;

/// Everything that moves, as a function of the song's time.
#[derive(Clone, Debug)]
pub(super) enum Motion {
    Music(Music),
    Loop(Loop),
    Classic(Classic),
}

impl Motion {
    /// `arrivals` are those of the prompts, in seconds of the song.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn new(
        analysis: &Analysis,
        arrivals: Vec<f64>,
        routes: &[Route],
        config: &MappingConfig,
    ) -> Result<Self> {
        if config.mapping == Mapping::Classic {
            let classic = Classic::new(&analysis.hops, &arrivals, analysis.duration_secs)?;
            return Ok(Self::Classic(classic));
        }
        Music::new(analysis, arrivals, routes, config).map(Self::Music)
    }

    /// The same motion closed: `start_secs..start_secs + length_secs` of the song is one turn, on which the noise position
    /// grows by `period`; `None` = a whole number that suits the speed. Only music closes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn closed(self, start_secs: f64, length_secs: f64, period: Option<f64>) -> Result<Self> {
        match self {
            Self::Music(music) => {
                Loop::new(music, (start_secs, length_secs), period).map(Self::Loop)
            }
            other => Ok(other),
        }
    }

    /// When the prompts begin or cease to move, in seconds of the song, in order; none in the classic walk.
    pub fn prompt_cues(&self) -> Vec<f64> {
        match self {
            Self::Music(music) => music.prompts.prompt_cues(),
            Self::Loop(looped) => looped.prompt_cues(),
            Self::Classic(_) => Vec::new(),
        }
    }

    /// Noise velocity that the music asks for for each that the path has: other than 1 where a loop was stretched.
    pub fn stretch(&self) -> f64 {
        match self {
            Self::Loop(looped) => looped.stretch(),
            Self::Music(_) | Self::Classic(_) => 1.0,
        }
    }

    /// Indices of the prompts that are being left and approached at a time in seconds of the song.
    pub fn prompts_at(&self, secs: f64) -> [usize; 2] {
        let point = match self {
            Self::Music(music) => music.prompts.at(secs),
            Self::Loop(looped) => looped.prompts_at(secs),
            Self::Classic(classic) => return classic.prompts_at(secs),
        };
        [point.from, point.to]
    }

    /// Where everything is at a time in seconds of the song.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at(&self, secs: f64) -> Result<Moment> {
        match self {
            Self::Music(music) => music.at(secs),
            Self::Loop(looped) => looped.at(secs),
            Self::Classic(classic) => classic.at(secs),
        }
    }
}
