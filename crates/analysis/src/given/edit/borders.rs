//! Sections, which begin where the one before ends.

use common::rounding::round_micro;
use common::units::format_secs;

use super::super::GivenSection;
use super::{Refusal, refuse};

/// The start of a section.
#[derive(Clone, Debug)]
pub(super) struct Border {
    pub secs: f64,
    pub label: String,
    /// Its row in the file, counted from 0.
    pub row: Option<usize>,
}

/// All sections of a song.
#[derive(Clone, Debug)]
pub(super) struct Borders {
    pub list: Vec<Border>,
    pub duration_secs: f64,
}

pub(super) fn of_list(sections: &[GivenSection]) -> Vec<Border> {
    let borders = sections.iter().enumerate().map(|(row, section)| Border {
        secs: section.start_secs,
        label: section.label.clone(),
        row: Some(row),
    });
    borders.collect()
}

impl Borders {
    pub fn move_to(&mut self, index: usize, secs: f64) -> Result<(), Refusal> {
        self.check_index(index)?;
        if index == 0 {
            return refuse(
                "the first section starts with the song",
                "move the border behind it instead",
            );
        }
        let secs = self.checked(secs, index - 1, index + 1)?;
        self.list[index].secs = secs;
        Ok(())
    }

    pub fn rename(&mut self, index: usize, label: &str) -> Result<(), Refusal> {
        self.check_index(index)?;
        let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
        if label.is_empty() {
            return refuse("a section needs a name", "such as: chorus");
        }
        if label.chars().any(char::is_control) || label.split(' ').any(|w| w.starts_with('#')) {
            return refuse(
                format!("a section can't be called \"{}\"", label.escape_debug()),
                "leave out # and control characters: # begins a comment",
            );
        }
        if label.chars().count() > 200 {
            return refuse("this name is too long", "give up to 200 letters");
        }
        self.list[index].label = label;
        Ok(())
    }

    pub fn split(&mut self, secs: f64) -> Result<(), Refusal> {
        let index = self.list.partition_point(|border| border.secs <= secs);
        // What lies in front of the first border belongs to the first section.
        let index = index.max(1).min(self.list.len().max(1));
        let Some(label) = self.list.get(index - 1).map(|border| border.label.clone()) else {
            return refuse(
                "there are no sections to cut",
                "list them below \"sections:\"",
            );
        };
        let secs = self.checked(secs, index - 1, index)?;
        let row = None;
        self.list.insert(index, Border { secs, label, row });
        Ok(())
    }

    pub fn join(&mut self, index: usize) -> Result<(), Refusal> {
        self.check_index(index)?;
        if index == 0 {
            return refuse(
                "there is no section before the first one",
                "join the second one to it instead",
            );
        }
        self.list.remove(index);
        Ok(())
    }

    fn check_index(&self, index: usize) -> Result<(), Refusal> {
        if index < self.list.len() {
            return Ok(());
        }
        let n = self.list.len();
        refuse(
            format!("there is no section {}: the song has {n}", index + 1),
            "sections are counted in their order",
        )
    }

    /// A time for a border between two others, in whole microseconds.
    fn checked(&self, secs: f64, before: usize, after: usize) -> Result<f64, Refusal> {
        let secs = round_micro(secs);
        let least = self.list[before].secs;
        let most = self.list.get(after).map_or(self.duration_secs, |b| b.secs);
        if secs > least && secs < most {
            return Ok(secs);
        }
        refuse(
            format!(
                "this border lies between {} and {}",
                format_secs(least, 2),
                format_secs(most, 2)
            ),
            "borders can't pass each other; join sections that should go",
        )
    }
}
