//! A table with a row for each section and beat (RFC 4180).

use std::fmt::Write as _;

use analysis::Analysis;

use super::{bars, one_line};

/// Rows in order of time, sections before beats.
pub(super) fn text(analysis: &Analysis) -> String {
    let sections = analysis.sections.iter().map(|section| {
        let end = format!("{:.6}", section.end_secs);
        let name = quoted(&one_line(&section.label));
        (section.start_secs, format!("section,{end},,,{name}"))
    });
    let beats = analysis
        .beats
        .iter()
        .zip(bars(analysis))
        .map(|(beat, bar)| {
            let row = format!("beat,,{bar},{},", beat.position_in_bar);
            (beat.time_secs, row)
        });
    let mut rows: Vec<(f64, String)> = sections.chain(beats).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = "time_secs,kind,end_secs,bar,position_in_bar,name\r\n".to_owned();
    for (time_secs, row) in rows {
        // Writing to a string can't fail.
        let _ = write!(text, "{time_secs:.6},{row}\r\n");
    }
    text
}

/// A field, in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
