//! Names of sections, where the evidence is clear: intro, verse, chorus, break, drop, outro. The others keep their letters.
//!
//! Evidence is the place in the song, which sections are alike, how loud they are, and how much of them is percussion. A name
//! goes to all sections of a letter or to none, so sections that are alike go on sharing their label; only an intro that comes
//! back at the end is called outro there.

use super::series::{Series, Value};
use super::{Hops, Section, SlowHops};
use common::Result;

/// How much quieter than the song's loudest section an intro or an outro is at least, in LU.
const EDGE_LU: f64 = 3.0;
/// Longest intro and outro, as a share of the song.
const MAX_EDGE_SHARE: f64 = 0.25;
/// How near to the loudest section a chorus is, in LU.
const CHORUS_LU: f64 = 1.5;
/// How much louder than what precedes it a chorus is on average, in LU.
const CHORUS_RISE_LU: f64 = 1.5;
/// How many times the percussion of what precedes it a chorus has at most: where drums come in all at once, it may be a drop.
const CHORUS_TIMES: f64 = 2.5;
/// Fewest sections of a song that has verses and a chorus.
const SONG_SECTIONS: usize = 5;
/// Shares of the usual percussion and of the usual bass below which a section is a break: the drums stop, or the kick and the
/// bass do and most of the rest.
const BREAK_PERCUSSION: f64 = 0.4;
const BREAK_BASS: (f64, f64) = (0.75, 0.3);
/// How much quieter than the section before it a break is, in LU.
const BREAK_FALL_LU: f64 = 2.0;
/// How much louder than the break before it a drop is, in LU, and how many times the percussion it has.
const DROP_RISE_LU: f64 = 4.0;
const DROP_TIMES: f64 = 3.0;

/// What is known of a section besides its place and its letter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traits {
    /// Mean power of the K-weighted sound, as loudness in LUFS.
    pub loudness_lufs: f64,
    /// Mean amplitude (RMS) of the percussive part.
    pub percussive: f64,
    /// Mean amplitude (RMS) below 200 Hz.
    pub low: f64,
}

impl Traits {
    /// The traits of a section.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn of(section: &Section, hops: &Hops, slow: &SlowHops) -> Result<Self> {
        let power = |lufs: f32| 10f64.powf(f64::from(lufs) / 10.0);
        let power = mean(section, &slow.momentary_lufs, slow.hop_secs, power)?;
        Ok(Self {
            loudness_lufs: 10.0 * power.max(1e-12).log10(),
            percussive: mean(section, &hops.percussive, hops.hop_secs, f64::from)?,
            low: mean(section, &hops.bands, hops.hop_secs, |bands| {
                f64::from(bands[0])
            })?,
        })
    }
}

/// Mean over a section of what `of` makes of each value.
fn mean<T: Value>(
    section: &Section,
    values: &Series<T>,
    hop_secs: f64,
    of: impl Fn(T) -> f64,
) -> Result<f64> {
    let n = values.len();
    let first = ((section.start_secs / hop_secs) as usize).min(n);
    let last = ((section.end_secs / hop_secs) as usize).clamp(first, n);
    let part = values.read(first..last)?;
    Ok(part.into_iter().map(of).sum::<f64>() / (last - first).max(1) as f64)
}

/// Replaces letters by names. `traits` has one entry for each section.
pub(super) fn name(sections: &mut [Section], traits: &[Traits]) {
    if sections.len() < 3 || sections.len() != traits.len() {
        return;
    }
    let song = Song { sections, traits };
    let groups = song.groups();
    let mut names: Vec<Option<&str>> = vec![None; sections.len()];
    for (name, edge) in [("intro", 0), ("outro", sections.len() - 1)] {
        if groups.iter().any(|group| song.is_edge(group, edge)) {
            names[edge] = Some(name);
        }
    }
    for name in ["break", "drop", "chorus"] {
        let fits: Vec<&Vec<usize>> = groups
            .iter()
            .filter(|group| group.iter().all(|i| names[*i].is_none()) && song.is(name, group))
            .collect();
        // Two letters that fit equally well are no clear evidence, except for breaks, which differ from each other.
        if fits.len() == 1 || name == "break" {
            for i in fits.into_iter().flatten() {
                names[*i] = Some(name);
            }
        }
    }
    let verses = song.verses(&groups, &names);
    for i in verses {
        names[i] = Some("verse");
    }
    for (section, name) in sections.iter_mut().zip(names) {
        if let Some(name) = name {
            name.clone_into(&mut section.label);
        }
    }
}

struct Song<'a> {
    sections: &'a [Section],
    traits: &'a [Traits],
}

impl Song<'_> {
    /// Indices of sections that share a letter, in order of their first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (i, section) in self.sections.iter().enumerate() {
            let known = groups
                .iter_mut()
                .find(|group| self.sections[group[0]].label == section.label);
            match known {
                Some(group) => group.push(i),
                None => groups.push(vec![i]),
            }
        }
        groups
    }

    fn is(&self, name: &str, group: &[usize]) -> bool {
        match name {
            "break" => self.is_break(group),
            "drop" => self.is_drop(group),
            _ => self.is_chorus(group),
        }
    }

    fn last(&self) -> usize {
        self.sections.len() - 1
    }

    fn length_secs(&self, i: usize) -> f64 {
        self.sections[i].end_secs - self.sections[i].start_secs
    }

    fn duration_secs(&self) -> f64 {
        self.sections[self.last()].end_secs
    }

    fn loudest_lufs(&self) -> f64 {
        self.traits
            .iter()
            .map(|t| t.loudness_lufs)
            .fold(f64::MIN, f64::max)
    }

    /// Mean of a trait over a group.
    fn mean(&self, group: &[usize], of: fn(&Traits) -> f64) -> f64 {
        group.iter().map(|i| of(&self.traits[*i])).sum::<f64>() / group.len().max(1) as f64
    }

    /// What is usual of a trait in this song: the mean over its time.
    fn usual(&self, of: fn(&Traits) -> f64) -> f64 {
        let sum: f64 = (0..self.sections.len())
            .map(|i| self.length_secs(i) * of(&self.traits[i]))
            .sum();
        sum / self.duration_secs().max(1e-9)
    }

    /// Short and clearly quieter than the song, at its edge and nowhere else; an intro may come back as the outro.
    fn is_edge(&self, group: &[usize], edge: usize) -> bool {
        let is_at_edges = group.iter().all(|i| *i == 0 || *i == self.last());
        is_at_edges
            && group.contains(&edge)
            && self.length_secs(edge) < MAX_EDGE_SHARE * self.duration_secs()
            && self.traits[edge].loudness_lufs < self.loudest_lufs() - EDGE_LU
    }

    /// Inside the song, the drums all but stop, and it gets quieter.
    fn is_break(&self, group: &[usize]) -> bool {
        let (percussion, bass) = (self.usual(|t| t.percussive), self.usual(|t| t.low));
        group.iter().all(|i| {
            let here = &self.traits[*i];
            let no_drums = here.percussive < BREAK_PERCUSSION * percussion;
            let no_bass =
                here.percussive < BREAK_BASS.0 * percussion && here.low < BREAK_BASS.1 * bass;
            (1..self.last()).contains(i)
                && (no_drums || no_bass)
                && here.loudness_lufs < self.traits[i - 1].loudness_lufs - BREAK_FALL_LU
        })
    }

    /// Drums and loudness come back all at once, behind each break.
    fn is_drop(&self, group: &[usize]) -> bool {
        let follows_break = |i: &usize| {
            *i > 1 && {
                let (before, here) = (self.traits[i - 1], self.traits[*i]);
                self.is_break(&[i - 1])
                    && here.loudness_lufs > before.loudness_lufs + DROP_RISE_LU
                    && here.percussive > DROP_TIMES * before.percussive
                    && here.loudness_lufs > self.loudest_lufs() - CHORUS_LU
            }
        };
        group.iter().all(follows_break)
    }

    /// It comes back, is the loudest, and rises above what precedes it.
    fn is_chorus(&self, group: &[usize]) -> bool {
        let rise = |i: &usize| match i.checked_sub(1) {
            Some(before) => self.traits[*i].loudness_lufs - self.traits[before].loudness_lufs,
            None => 0.0,
        };
        let is_repeated = group.len() >= 2 && group.windows(2).all(|pair| pair[1] > pair[0] + 1);
        let rises = group.iter().map(rise).sum::<f64>() / group.len() as f64;
        let before: Vec<usize> = group.iter().filter_map(|i| i.checked_sub(1)).collect();
        let jump =
            self.mean(group, |t| t.percussive) / self.mean(&before, |t| t.percussive).max(1e-9);
        is_repeated
            && self.sections.len() >= SONG_SECTIONS
            && jump < CHORUS_TIMES
            && group[0] > 0
            && group.len() * 2 <= self.sections.len()
            && self.mean(group, |t| t.loudness_lufs) > self.loudest_lufs() - CHORUS_LU
            && rises > CHORUS_RISE_LU
    }

    /// Sections of one letter that lead into the chorus, twice or more.
    fn verses(&self, groups: &[Vec<usize>], names: &[Option<&str>]) -> Vec<usize> {
        let leads = |i: &usize| names.get(i + 1).copied().flatten() == Some("chorus");
        let is_verse = |group: &&Vec<usize>| {
            group.len() >= 2 && group.iter().all(|i| names[*i].is_none() && leads(i))
        };
        let mut fits = groups.iter().filter(is_verse);
        match (fits.next(), fits.next()) {
            (Some(group), None) => group.clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of sections of ten seconds each: `(letter, LUFS, percussion)`.
    fn named(parts: &[(&str, f64, f64)]) -> String {
        let section = |(i, (label, ..)): (usize, &(&str, f64, f64))| Section {
            start_secs: 10.0 * i as f64,
            end_secs: 10.0 * (i + 1) as f64,
            label: (*label).to_owned(),
            energy: 0.5,
        };
        let mut sections: Vec<Section> = parts.iter().enumerate().map(section).collect();
        let traits: Vec<Traits> = parts
            .iter()
            .map(|(_, loudness_lufs, percussive)| Traits {
                loudness_lufs: *loudness_lufs,
                percussive: *percussive,
                low: *percussive,
            })
            .collect();
        name(&mut sections, &traits);
        sections
            .iter()
            .map(|s| s.label.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_song_with_a_chorus() {
        let song = [
            ("A", -24.0, 0.02),
            ("B", -16.0, 0.1),
            ("C", -13.0, 0.12),
            ("B", -16.0, 0.1),
            ("C", -13.0, 0.12),
            ("D", -17.0, 0.09),
            ("C", -12.8, 0.12),
            ("E", -22.0, 0.02),
        ];
        assert_eq!(
            named(&song),
            "intro verse chorus verse chorus D chorus outro"
        );
    }

    #[test]
    fn a_track_with_a_drop() {
        let track = [
            ("A", -20.0, 0.1),
            ("B", -13.0, 0.2),
            ("C", -19.0, 0.01),
            ("D", -12.0, 0.2),
            ("E", -18.0, 0.1),
        ];
        assert_eq!(named(&track), "intro B break drop outro");
        let bookends = [
            ("A", -20.0, 0.1),
            ("B", -13.0, 0.2),
            ("B", -13.0, 0.2),
            ("B", -13.0, 0.2),
            ("A", -20.0, 0.1),
        ];
        assert_eq!(named(&bookends), "intro B B B outro");
    }

    #[test]
    fn without_clear_evidence_letters_stay() {
        let even = |letters: &str| {
            let parts: Vec<String> = letters.chars().map(String::from).collect();
            let parts: Vec<(&str, f64, f64)> =
                parts.iter().map(|l| (l.as_str(), -14.0, 0.1)).collect();
            named(&parts)
        };
        assert_eq!(
            even("ABACABA"),
            "A B A C A B A",
            "all parts are alike in loudness"
        );
        assert_eq!(even("AB"), "A B");
        assert_eq!(even(""), "");
        // The first part comes back: it is no intro. Two letters are as loud as each other: neither is the chorus.
        let unclear = [
            ("A", -20.0, 0.1),
            ("B", -13.0, 0.1),
            ("A", -20.0, 0.1),
            ("C", -13.0, 0.1),
            ("B", -13.1, 0.1),
            ("A", -20.0, 0.1),
            ("C", -13.0, 0.1),
            ("D", -14.0, 0.1),
        ];
        assert_eq!(named(&unclear), "A B A C B A C D");
        // Two parts that take turns may be anything; drums that come in all at once are no chorus.
        let turns = [
            ("A", -18.0, 0.1),
            ("B", -13.0, 0.1),
            ("A", -18.0, 0.1),
            ("B", -13.0, 0.1),
        ];
        assert_eq!(named(&turns), "A B A B");
        let drums = [
            ("A", -18.0, 0.01),
            ("B", -13.0, 0.1),
            ("A", -18.0, 0.01),
            ("B", -13.0, 0.1),
            ("A", -18.0, 0.01),
        ];
        assert!(!named(&drums).contains("chorus"));
        // Loud and repeated, but all along.
        assert_eq!(
            named(&[("A", -14.0, 0.1), ("A", -14.0, 0.1), ("A", -14.0, 0.1)]),
            "A A A"
        );
    }
}
