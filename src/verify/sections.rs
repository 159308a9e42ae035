//! How fast a film moves in each section of its song.

use analysis::Section;
use common::statistics::mean;

/// A section's energy beside the speed that is seen in it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SectionSpeed {
    /// The section's label.
    pub label: String,
    /// Start in seconds of the film.
    pub start_secs: f64,
    /// End in seconds of the film.
    pub end_secs: f64,
    /// Mean loudness, 0..=1 over the song.
    pub energy: f64,
    /// Mean visible change per second.
    pub speed: f64,
}

/// The mean speed in each section that has steps. `times` and `steps` as for [`lags`](super::lags); sections are in seconds of the
/// film.
pub fn section_speeds(
    times: &[f64],
    steps: &[f64],
    sections: &[Section],
    frame_secs: f64,
) -> Vec<SectionSpeed> {
    let speed = |section: &Section| {
        let (start_secs, end_secs) = (section.start_secs, section.end_secs);
        let first = times.partition_point(|time| *time < start_secs);
        let end = times.partition_point(|time| *time < end_secs);
        Some(SectionSpeed {
            label: section.label.clone(),
            start_secs,
            end_secs,
            energy: section.energy,
            speed: mean(steps.get(first..end)?)? / frame_secs,
        })
    };
    sections.iter().filter_map(speed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_has_its_own_speed() {
        let section = |start_secs, end_secs, energy| Section {
            start_secs,
            end_secs,
            label: "A".to_owned(),
            energy,
        };
        let times: Vec<f64> = (1..100).map(|k| 0.1 * f64::from(k)).collect();
        let steps: Vec<f64> = times
            .iter()
            .map(|time| if *time < 5.0 { 0.1 } else { 0.3 })
            .collect();
        let sections = [
            section(0.0, 5.0, 0.2),
            section(5.0, 9.5, 0.9),
            section(20.5, 30.5, 1.0),
        ];
        let speeds = section_speeds(&times, &steps, &sections, 0.1);
        assert_eq!(speeds.len(), 2, "no step is in the third");
        assert!((speeds[0].speed - 1.0).abs() < 1e-9 && (speeds[1].speed - 3.0).abs() < 1e-9);
        assert!((speeds[0].start_secs, speeds[1].energy) == (0.0, 0.9));
    }
}
