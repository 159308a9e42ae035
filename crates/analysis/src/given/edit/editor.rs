//! An edit on the text of a file of corrections.

use super::super::super::Analysis;
use super::super::fix::{self, BEATS_NOTE, FROM_BEATS, Fix, HEAD, LOCKED_NOTE, SECTIONS_NOTE};
use super::super::{TEMPO_RANGE_BPM, TimeSignature};
use super::borders::{self, Border, Borders};
use super::grid::{self, Grid, Slot};
use super::locks::Locks;
use super::sheet::{Field, Row, Sheet};
use super::{BeatsEdit, Part, Refusal, refuse};

/// A text that is edited.
pub(super) struct Editor<'a> {
    sheet: Sheet,
    heard: &'a Analysis,
    /// What the text says before the edit.
    fix: Fix,
}

impl<'a> Editor<'a> {
    pub fn new(text: &str, heard: &'a Analysis, fix: Fix) -> Self {
        let sheet = Sheet::new(text);
        Self { sheet, heard, fix }
    }

    pub fn text(&self) -> String {
        self.sheet.text()
    }

    pub fn apply(&mut self, edit: &BeatsEdit) -> Result<(), Refusal> {
        match edit {
            BeatsEdit::MoveBeat { index, secs } => {
                self.on_grid(|grid| grid.move_beat(*index, *secs))
            }
            BeatsEdit::MoveFrom { index, by_secs } => {
                self.on_grid(|grid| grid.move_from(*index, *by_secs))
            }
            BeatsEdit::Double => self.on_grid(Grid::double),
            BeatsEdit::Halve => self.on_grid(Grid::halve),
            BeatsEdit::ShiftHalf => self.on_grid(Grid::shift_half),
            BeatsEdit::SetTempo {
                bpm,
                from_secs,
                anchor_secs,
            } => self.on_grid(|grid| grid.set_tempo(*bpm, from_secs.unwrap_or(0.0), *anchor_secs)),
            BeatsEdit::HearAnew { bpm, meter } => self.hear_anew(*bpm, meter.as_deref()),
            BeatsEdit::SetDownbeat { index } => self.on_grid(|grid| grid.set_downbeat(*index)),
            BeatsEdit::SetMeter {
                beats_per_bar,
                from_index,
            } => self.on_grid(|grid| grid.set_meter(*beats_per_bar, *from_index)),
            BeatsEdit::DeleteBeat { index } => self.on_grid(|grid| grid.delete(*index)),
            BeatsEdit::AddBeat { secs } => self.on_grid(|grid| grid.add(*secs)),
            BeatsEdit::Lock {
                start,
                end,
                is_locked,
            } => self.lock(*start, *end, *is_locked),
            BeatsEdit::MoveBorder { index, secs } => {
                self.on_borders(|borders| borders.move_to(*index, *secs))
            }
            BeatsEdit::RenameSection { index, label } => {
                self.on_borders(|borders| borders.rename(*index, label))
            }
            BeatsEdit::SplitSection { secs } => self.on_borders(|borders| borders.split(*secs)),
            BeatsEdit::JoinSection { index } => self.on_borders(|borders| borders.join(*index)),
            BeatsEdit::Forget { part } => {
                let headings: &[&str] = match part {
                    Part::Beats => &["tempo", "meter", "locked", "beats"],
                    Part::Sections => &["sections"],
                };
                headings.iter().for_each(|name| self.sheet.remove(name));
                Ok(())
            }
            // Taken before, as it needs no text to begin with.
            BeatsEdit::Text { .. } => Ok(()),
        }
    }

    /// The beats as they now are: those of the file where it has them, else those that are heard.
    fn grid(&self) -> Grid {
        let listed = self.fix.beats.as_ref();
        let slots = match listed.filter(|_| !self.fix.is_heard_anew()) {
            Some(beats) => grid::of_list(beats, &self.heard.beats),
            None => {
                let heard = self.heard.beats.iter();
                let slots = heard.map(|beat| Slot::new(beat.time_secs, beat.position_in_bar));
                slots.collect()
            }
        };
        Grid {
            slots,
            locks: Locks(self.fix.locked.clone()),
            duration_secs: self.heard.duration_secs,
        }
    }

    fn on_grid(
        &mut self,
        change: impl FnOnce(&mut Grid) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let before = self.grid();
        let mut grid = before.clone();
        change(&mut grid)?;
        grid.check(&before)?;
        self.write_grid(&grid, &before);
        Ok(())
    }

    /// Lists the beats of a grid. Where a tempo or a meter was given before, they count no longer.
    fn write_grid(&mut self, grid: &Grid, before: &Grid) {
        for name in ["tempo", "meter"] {
            self.sheet.set_value(name, FROM_BEATS);
        }
        // Without positions, those of the bars are found by the sound; an edit of times alone leaves it so.
        let are_positions_open = self.fix.beats.as_ref().is_some_and(|beats| {
            beats.iter().any(|beat| beat.position_in_bar.is_none())
                && grid.positions().eq(before.positions())
        });
        let rows = grid.slots.iter().map(|slot| Row {
            old: slot.row,
            secs: slot.secs,
            field: match are_positions_open {
                true => Field::Kept,
                false => Field::Text(slot.position.to_string()),
            },
            line: fix::beat_row(slot.secs, slot.position),
        });
        let rows: Vec<Row> = rows.collect();
        self.write("beats", BEATS_NOTE, &rows);
    }

    fn hear_anew(&mut self, bpm: Option<f64>, meter: Option<&str>) -> Result<(), Refusal> {
        let (least, most) = TEMPO_RANGE_BPM;
        let tempo = match bpm {
            Some(bpm) if !(least..=most).contains(&bpm) => {
                return refuse(
                    format!("{bpm} is not a tempo"),
                    "give beats per minute from 20 to 400",
                );
            }
            // As short as it can be.
            Some(bpm) => Some(((bpm * 1000.0).round() / 1000.0).to_string()),
            None => None,
        };
        let meter = meter.map(str::trim);
        if let Some(meter) = meter.filter(|meter| meter.parse::<TimeSignature>().is_err()) {
            return refuse(
                format!("\"{meter}\" is not a meter"),
                "give a time signature such as 3/4, 6/8 or 7/8, with 2 to 7 beats in a bar",
            );
        }
        if tempo.is_none() && meter.is_none() {
            return refuse(
                "neither a tempo nor a meter is given",
                "`forget` has beats heard anew without either",
            );
        }
        for (name, value) in [("tempo", tempo.as_deref()), ("meter", meter)] {
            self.set_heading(name, value);
        }
        Ok(())
    }

    /// Sets what stands behind a heading, which is added where there is something to say.
    fn set_heading(&mut self, name: &str, value: Option<&str>) {
        self.begin();
        let is_there = self.sheet.set_value(name, value.unwrap_or(FROM_BEATS));
        if let (Some(value), false) = (value, is_there) {
            self.sheet.append(&format!("{name}: {value}\n"));
        }
    }

    fn lock(&mut self, start: f64, end: f64, is_locked: bool) -> Result<(), Refusal> {
        let before = self.grid();
        let locks = before
            .locks
            .changed(start, end, is_locked, self.heard.duration_secs)?;
        if self.fix.beats.is_none() || self.fix.is_heard_anew() {
            self.write_grid(&before, &before);
        }
        if locks.0.is_empty() {
            self.sheet.remove("locked");
            return Ok(());
        }
        let rows = locks.0.iter().map(|span| Row {
            old: self.fix.locked.iter().position(|known| known == span),
            secs: span.start,
            field: Field::Secs(span.end),
            line: fix::span_row(span.start, span.end),
        });
        let rows: Vec<Row> = rows.collect();
        self.write("locked", LOCKED_NOTE, &rows);
        Ok(())
    }

    fn on_borders(
        &mut self,
        change: impl FnOnce(&mut Borders) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let listed = self.fix.sections.as_ref().filter(|list| !list.is_empty());
        let list = match listed {
            Some(sections) => borders::of_list(sections),
            None => {
                let heard = self.heard.sections.iter();
                let borders = heard.map(|section| Border {
                    secs: section.start_secs,
                    label: section.label.clone(),
                    row: None,
                });
                borders.collect()
            }
        };
        let mut borders = Borders {
            list,
            duration_secs: self.heard.duration_secs,
        };
        change(&mut borders)?;
        let rows = borders.list.iter().map(|border| Row {
            old: border.row,
            secs: border.secs,
            field: Field::Text(border.label.clone()),
            line: fix::section_row(border.secs, &border.label),
        });
        let rows: Vec<Row> = rows.collect();
        self.write("sections", SECTIONS_NOTE, &rows);
        Ok(())
    }

    /// Writes the rows of a part, which is added if it isn't there, with `note` above it.
    fn write(&mut self, part: &str, note: &str, rows: &[Row]) {
        self.begin();
        if !self.sheet.set_rows(part, rows) {
            let lines: String = rows.iter().map(|row| format!("{}\n", row.line)).collect();
            self.sheet.append(&format!("{note}{part}:\n{lines}"));
        }
    }

    /// Begins a file that isn't there yet.
    fn begin(&mut self) {
        if self.sheet.is_empty() {
            let song = self.heard.track.path.file_name().unwrap_or_default();
            let song: String = song
                .to_string_lossy()
                .chars()
                .filter(|c| !c.is_control())
                .collect();
            let head = format!("# Corrections of what is heard in {song}.\n{HEAD}");
            self.sheet.append(&head);
        }
    }
}
