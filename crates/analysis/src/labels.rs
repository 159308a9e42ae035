//! Beats and sections as a label track of Audacity: one `start TAB end TAB text` a line, in seconds.

use std::fmt::Write as _;

use super::Analysis;

/// The label track: beats as points named `bar.position`, sections as ranges named by their label, in order of time. Beats
/// before the first downbeat belong to bar 0.
pub fn labels(analysis: &Analysis) -> String {
    let mut lines: Vec<(f64, f64, String)> = analysis
        .sections
        .iter()
        .map(|s| (s.start_secs, s.end_secs, s.label.clone()))
        .collect();
    let mut bar = 0;
    for beat in &analysis.beats {
        bar += u32::from(beat.position_in_bar == 1);
        lines.push((
            beat.time_secs,
            beat.time_secs,
            format!("{bar}.{}", beat.position_in_bar),
        ));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = String::new();
    for (start, end, label) in lines {
        // A tab or line break in a label would end its field.
        let label: String = label
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        // Writing to a string can't fail.
        let _ = writeln!(text, "{start:.6}\t{end:.6}\t{label}");
    }
    text
}
