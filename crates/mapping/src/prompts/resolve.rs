use std::ops::Range;

use analysis::Analysis;
use common::text_file::{Place, TextError, suggest};
use common::units::format_secs;
use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Arrival, Feature, Script, ScriptPrompt};

/// Where prompts without a mark arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrive {
    /// On the start of a section where one is near, else on a bar.
    #[default]
    Section,
    /// On a bar.
    Bar,
    /// Evenly, whatever the music does.
    Even,
}

impl std::str::FromStr for Arrive {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "section" => Ok(Self::Section),
            "bar" => Ok(Self::Bar),
            "even" => Ok(Self::Even),
            _ => Err(Error::Config {
                name: "arrive",
                value: text.to_owned(),
                allowed: "give section, bar or even".to_owned(),
            }),
        }
    }
}

/// A prompt moves to the start of a section at most this far from its even place, as a share of the distance between
/// two prompts.
const MAX_SECTION_SHIFT: f64 = 0.7;

/// As [`MAX_SECTION_SHIFT`], for bars and beats. Below one half, so that no prompt can overtake the next.
const MAX_BAR_SHIFT: f64 = 0.45;

impl Script {
    /// When each prompt arrives, in seconds of the song: strictly increasing, within `span`, the first at its start unless
    /// it has a mark. `span` is the whole song, `0.0..duration_secs`, or the part that the prompts are about.
    ///
    /// Prompts with a mark arrive exactly there. The others divide the time between their marked neighbours (or the
    /// span's ends) evenly; `arrive` then moves them onto the music.
    ///
    /// # Errors
    /// [`Error::Text`] for marks that lie outside the span, name a bar or a section that the song doesn't have, or
    /// don't follow each other in time.
    pub fn arrivals(
        &self,
        analysis: &Analysis,
        arrive: Arrive,
        span: Range<f64>,
    ) -> Result<Vec<f64>> {
        let mut arrivals = self
            .marks(analysis, &span)
            .map_err(|error| Error::Text(Box::new(error)))?;
        if let Some(first @ None) = arrivals.first_mut() {
            *first = Some(span.start);
        }
        if arrive == Arrive::Section {
            let starts: Vec<f64> = analysis.sections.iter().map(|s| s.start_secs).collect();
            for_each_gap(&mut arrivals, span.end, |gap, even| {
                place_on_sections(gap, even, &starts);
            });
        }
        let downbeats = analysis.beats.iter().filter(|b| b.position_in_bar == 1);
        let bars: Vec<f64> = downbeats.map(|b| b.time_secs).collect();
        let beats: Vec<f64> = analysis.beats.iter().map(|b| b.time_secs).collect();
        let grids: &[&[f64]] = match arrive {
            Arrive::Even => &[],
            // Doubtful beats are no better than even times.
            _ if !analysis.has_reliable_beats() => &[],
            Arrive::Bar | Arrive::Section => &[&bars, &beats],
        };
        for_each_gap(&mut arrivals, span.end, |gap, even| {
            let reach = MAX_BAR_SHIFT * even.step_secs;
            for (place, nominal) in gap.iter_mut().zip(even.times()) {
                let on_grid = grids.iter().find_map(|grid| nearest(grid, nominal, reach));
                *place = Some(on_grid.unwrap_or(nominal));
            }
        });
        Ok(arrivals.into_iter().flatten().collect())
    }

    /// Checks that the song has what routes follow.
    ///
    /// # Errors
    /// [`Error::Text`] for a stem that it lacks, with its place, and for the width of a song with one channel.
    pub fn check_routes(&self, analysis: &Analysis) -> Result<()> {
        let refuse = |place: Option<&Place>, reason: String, hint: String| {
            Err(Error::Text(Box::new(TextError {
                path: self.path.clone(),
                place: place.cloned(),
                reason,
                hint: Some(hint),
            })))
        };
        for route in &self.routes {
            match &route.feature {
                Feature::Width if analysis.track.n_channels < 2 => {
                    return refuse(
                        None,
                        "a map line follows width, and the song has one channel".to_owned(),
                        "leave that line out, or follow another feature".to_owned(),
                    );
                }
                Feature::Stem { name, place }
                    if analysis.stems.iter().all(|stem| stem.name != *name) =>
                {
                    let stems = analysis.stems.iter().map(|stem| stem.name.as_str());
                    let known: Vec<&str> = stems.collect();
                    let hint = if known.is_empty() {
                        format!("give its file: `stem {name}=FILE`")
                    } else {
                        suggest(name, &known)
                    };
                    let reason = format!("the song has no stem \"{name}\"");
                    return refuse(Some(place), reason, hint);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Times of the prompts that have a mark.
    fn marks(&self, analysis: &Analysis, span: &Range<f64>) -> Result<Vec<Option<f64>>, TextError> {
        let mut times = Vec::with_capacity(self.prompts.len());
        let mut last = None;
        for (idx, prompt) in self.prompts.iter().enumerate() {
            let time = match &prompt.arrival {
                Arrival::Auto => {
                    // The first one is there from the start: nothing can arrive before it.
                    last = last.or((idx == 0).then_some(span.start));
                    None
                }
                Arrival::Time(secs) => Some(*secs),
                Arrival::Bar(bar) => Some(self.bar_start(prompt, *bar, analysis)?),
                Arrival::Section { label, nth } => {
                    Some(self.section_start(prompt, label, *nth, last, analysis)?)
                }
            };
            if let Some(time) = time {
                self.check_order(prompt, time, last, span)?;
                last = Some(time);
            }
            times.push(time);
        }
        Ok(times)
    }

    fn check_order(
        &self,
        prompt: &ScriptPrompt,
        time: f64,
        last: Option<f64>,
        span: &Range<f64>,
    ) -> Result<(), TextError> {
        let shown = format_secs(time, 1);
        if time < span.start {
            let start = format_secs(span.start, 1);
            return Err(self.refuse(
                prompt,
                format!("this is at {shown}, and the loop starts at {start}"),
                "times are counted from the song's start",
            ));
        }
        if time >= span.end {
            let end = format_secs(span.end, 1);
            return Err(self.refuse(
                prompt,
                format!("this is at {shown}, and the end is at {end}"),
                "prompts arrive before the end; times are counted from the song's start",
            ));
        }
        match last {
            Some(last) if time <= last => Err(self.refuse(
                prompt,
                format!(
                    "this is at {shown}, not after the prompt before it ({})",
                    format_secs(last, 1)
                ),
                "write prompts in the order in which they arrive, each at a time of its own",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn bar_start(
        &self,
        prompt: &ScriptPrompt,
        bar: u32,
        analysis: &Analysis,
    ) -> Result<f64, TextError> {
        let mut downbeats = analysis.beats.iter().filter(|b| b.position_in_bar == 1);
        let n_bars = downbeats.clone().count();
        match downbeats.nth(bar as usize - 1) {
            Some(beat) => Ok(beat.time_secs),
            None if n_bars == 0 => Err(self.refuse(
                prompt,
                "no bars were found in this song".to_owned(),
                "give a time instead, such as [1:23.5]",
            )),
            None => Err(self.refuse(
                prompt,
                format!("there is no bar {bar}: the song has {n_bars} bars"),
                "`visualize analyze` lists what was heard",
            )),
        }
    }

    pub(super) fn section_start(
        &self,
        prompt: &ScriptPrompt,
        label: &str,
        nth: Option<u32>,
        last: Option<f64>,
        analysis: &Analysis,
    ) -> Result<f64, TextError> {
        let wanted = label.to_lowercase();
        let of_label = analysis
            .sections
            .iter()
            .filter(|section| section.label.to_lowercase() == wanted);
        let starts: Vec<f64> = of_label.map(|section| section.start_secs).collect();
        let found = match nth {
            Some(nth) => starts.get(nth as usize - 1),
            None => starts
                .iter()
                .find(|start| last.is_none_or(|last| **start > last)),
        };
        if let Some(start) = found {
            return Ok(*start);
        }
        let reason = match (starts.len(), nth) {
            (0, _) if analysis.sections.is_empty() => {
                "no sections were found in this song".to_owned()
            }
            (0, _) => format!("there is no section \"{label}\" in this song"),
            (n, Some(_)) => format!("the song has \"{label}\" {n} times"),
            (_, None) => format!("there is no further \"{label}\" after the prompt before"),
        };
        let mut labels: Vec<&str> = Vec::new();
        for section in &analysis.sections {
            if !labels.contains(&section.label.as_str()) {
                labels.push(&section.label);
            }
        }
        let hint = match starts.len() {
            0 if labels.is_empty() => "give a time instead, such as [1:23.5]".to_owned(),
            0 => suggest(label, &labels),
            _ => "`visualize analyze` lists what was heard".to_owned(),
        };
        Err(self.refuse(prompt, reason, &hint))
    }

    fn refuse(&self, prompt: &ScriptPrompt, reason: String, hint: &str) -> TextError {
        TextError {
            path: self.path.clone(),
            place: Some(prompt.place.clone()),
            reason,
            hint: Some(hint.to_owned()),
        }
    }
}

/// Evenly spaced times inside a gap, its ends left out.
#[derive(Clone, Copy)]
struct Even {
    start_secs: f64,
    step_secs: f64,
    n: usize,
}

impl Even {
    fn times(self) -> impl Iterator<Item = f64> {
        (1..=self.n).map(move |i| self.start_secs + i as f64 * self.step_secs)
    }
}

/// Calls `place` for each run of prompts that have no time yet. The first prompt has one.
fn for_each_gap(
    arrivals: &mut [Option<f64>],
    end_secs: f64,
    mut place: impl FnMut(&mut [Option<f64>], Even),
) {
    let mut start_secs = 0.0;
    let mut rest = arrivals;
    while let Some(n_timed) = rest.iter().position(Option::is_none) {
        let (timed, tail) = rest.split_at_mut(n_timed);
        start_secs = timed.last().copied().flatten().unwrap_or(start_secs);
        let n = tail.iter().position(Option::is_some).unwrap_or(tail.len());
        let gap_end_secs = tail.get(n).copied().flatten().unwrap_or(end_secs);
        let step_secs = (gap_end_secs - start_secs) / (n + 1) as f64;
        let (gap, tail) = tail.split_at_mut(n);
        place(
            gap,
            Even {
                start_secs,
                step_secs,
                n,
            },
        );
        rest = tail;
    }
}

/// Moves prompts of a gap onto starts of sections, as near to their even places as possible; prompts that are too far from
/// any keep no time.
///
/// An alignment of two ordered lists by dynamic programming. It costs the distance to the even place, in steps, or
/// [`MAX_SECTION_SHIFT`] where a prompt keeps no time.
fn place_on_sections(gap: &mut [Option<f64>], even: Even, section_starts: &[f64]) {
    #[derive(Clone, Copy, PartialEq)]
    enum Move {
        LeavePrompt,
        SkipStart,
        Join,
    }
    let end_secs = even.start_secs + (even.n + 1) as f64 * even.step_secs;
    let is_inside = |t: &&f64| **t > even.start_secs && **t < end_secs;
    let starts: Vec<f64> = section_starts.iter().filter(is_inside).copied().collect();
    let width = starts.len() + 1;
    let mut moves = vec![Move::LeavePrompt; gap.len() * width];
    // costs[s]: least cost of aligning the prompts so far with the first s starts.
    let mut costs = vec![0.0; width];
    for (nominal, moves) in even.times().zip(moves.chunks_mut(width)) {
        let mut joined = f64::INFINITY; // cost of joining this prompt to the start before costs[s]
        let mut skipped = f64::INFINITY; // cost of passing over that start
        for (s, (cost, best)) in costs.iter_mut().zip(moves).enumerate() {
            let left = *cost + MAX_SECTION_SHIFT;
            let (least, step) = [
                (left, Move::LeavePrompt),
                (skipped, Move::SkipStart),
                (joined, Move::Join),
            ]
            .into_iter()
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap_or((left, Move::LeavePrompt));
            let shift = starts
                .get(s)
                .map(|start| (start - nominal).abs() / even.step_secs);
            joined = *cost + shift.unwrap_or(f64::INFINITY);
            skipped = least;
            (*cost, *best) = (least, step);
        }
    }
    let (mut n_prompts, mut n_starts) = (gap.len(), starts.len());
    while n_prompts > 0 {
        match moves[(n_prompts - 1) * width + n_starts] {
            Move::LeavePrompt => n_prompts -= 1,
            Move::SkipStart => n_starts -= 1,
            Move::Join => {
                (n_prompts, n_starts) = (n_prompts - 1, n_starts - 1);
                gap[n_prompts] = Some(starts[n_starts]);
            }
        }
    }
}

/// The time of an ordered list that is nearest to `wanted`, if it is within `reach`.
fn nearest(times: &[f64], wanted: f64, reach: f64) -> Option<f64> {
    let after = times.partition_point(|t| *t < wanted);
    let around = after.saturating_sub(1)..(after + 1).min(times.len());
    let distance = |t: f64| (t - wanted).abs();
    times
        .get(around)?
        .iter()
        .copied()
        .filter(|t| distance(*t) <= reach)
        .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
}
