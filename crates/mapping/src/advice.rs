use analysis::Analysis;
use common::units::{format_secs, samples_to_secs};
use timeline::Timeline;

use super::Plan;
use crate::calibration::Calibration;
use crate::prompts::shorten;

/// A pulse below this angle in radians is hardly seen.
const WEAK_PULSE: f64 = 0.02;

/// Shortest passage without hits that is worth a word, in seconds.
const QUIET_SECS: f64 = 8.0;

/// A prompt that is replaced sooner than this is hardly seen, in seconds.
const SHORT_SECS: f64 = 1.0;

/// A segment on which the picture has to move faster than the music asks for by this factor is worth a word.
const HASTY: f64 = 1.5;

/// Most sentences of a kind: the worst cases are named, the others counted.
const MAX_NAMED: usize = 3;

/// Letters of a prompt in a message.
const PROMPT_LETTERS: usize = 24;

/// What a viewer may want to know or change before the film is rendered, a sentence or two each; often nothing.
/// `measured` is the plan of a calibrated film and what was measured for it.
pub fn advice(
    timeline: &Timeline,
    analysis: &Analysis,
    measured: Option<(&Plan<'_>, &Calibration)>,
) -> Vec<String> {
    let mut advice = Vec::new();
    advice.extend(unsure_beats(analysis));
    advice.extend(short_prompts(timeline));
    advice.extend(passages_without_hits(timeline, analysis));
    if let Some((plan, calibration)) = measured {
        advice.extend(hasty_segments(plan, calibration));
    }
    advice
}

/// Prompts that lie too far apart for the time and the music between them.
fn hasty_segments(plan: &Plan<'_>, calibration: &Calibration) -> Vec<String> {
    let segments = plan.segments().iter().zip(&calibration.segments);
    let hasty = segments.filter_map(|(segment, measured)| {
        let factor = measured.length() / segment.target_length.max(1e-9);
        let [from, to] = plan.prompts_of(segment)?;
        (factor >= HASTY).then(|| {
            let [left, right] = [from, to].map(|idx| shorten(plan.text_of(idx), PROMPT_LETTERS));
            let sentence = format!(
                "prompts {} and {} (\"{left}\", \"{right}\") lie {factor:.1} times as far apart as the music moves between {} and \
                 {}: give them a longer section, or one in between",
                from + 1,
                to + 1,
                format_secs(segment.span.start, 1),
                format_secs(segment.span.end, 1),
            );
            (factor, sentence)
        })
    });
    summed_up(hasty.collect(), |n| {
        format!("{n} more pairs of prompts lie too far apart for the music between them")
    })
}

/// Sentences in their order, each with how bad its case is: the worst few, and how many others there are.
fn summed_up(sentences: Vec<(f64, String)>, others: impl Fn(usize) -> String) -> Vec<String> {
    let mut badness: Vec<f64> = sentences.iter().map(|(badness, _)| *badness).collect();
    badness.sort_by(|a, b| b.total_cmp(a));
    let least = badness.get(MAX_NAMED - 1).copied().unwrap_or(f64::MIN);
    let n = sentences.len();
    let worst = sentences
        .into_iter()
        .filter(|(badness, _)| *badness >= least);
    let mut lines: Vec<String> = worst
        .map(|(_, sentence)| sentence)
        .take(MAX_NAMED)
        .collect();
    if n > lines.len() {
        lines.push(others(n - lines.len()));
    }
    lines
}

fn unsure_beats(analysis: &Analysis) -> Option<String> {
    if analysis.beats.is_empty() {
        return Some(
            "no beat was found: prompts arrive at even times, and hits have no downbeat accents"
                .to_owned(),
        );
    }
    let percent = 100.0 * analysis.beat_confidence;
    (!analysis.has_reliable_beats()).then(|| {
        format!(
            "the beat is unsure ({percent:.0} %), so prompts go by sections and even times, not by bars: where one has to be \
             exact, give it a time such as [1:23.5], or the beats with `beats` or `tempo`"
        )
    })
}

fn short_prompts(timeline: &Timeline) -> Option<String> {
    let gaps = timeline
        .prompts
        .windows(2)
        .map(|pair| pair[1].arrival_secs - pair[0].arrival_secs);
    let gaps: Vec<f64> = gaps.collect();
    let n_short = gaps.iter().filter(|gap| **gap < SHORT_SECS).count();
    let shortest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    (n_short > 0).then(|| {
        format!(
            "{n_short} of {} prompts are replaced within {SHORT_SECS} s (the shortest after {shortest:.2} s) and will hardly \
             be seen: leave out some, or give them more time",
            timeline.prompts.len()
        )
    })
}

/// Passages in which only drift moves the picture.
fn passages_without_hits(timeline: &Timeline, analysis: &Analysis) -> Vec<String> {
    let start_secs = samples_to_secs(timeline.song.start_sample, timeline.song.sample_rate_hz);
    let has_pulse = timeline
        .frames
        .iter()
        .any(|frame| frame.pulse >= WEAK_PULSE);
    if !has_pulse {
        return Vec::new(); // silence, no onsets at all, or the pulse was turned off
    }
    let mut passages = Vec::new();
    for run in timeline
        .frames
        .chunk_by(|a, b| (a.pulse < WEAK_PULSE) == (b.pulse < WEAK_PULSE))
    {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let [start, end] = [first.frame_idx, last.frame_idx + 1]
            .map(|idx| start_secs + timeline.frame_rate.frame_time_secs(idx));
        if first.pulse < WEAK_PULSE && end - start >= QUIET_SECS {
            let sentence = format!(
                "{} ({} to {}): no strong onsets, only drift moves there",
                bars(analysis, start, end),
                format_secs(start, 1),
                format_secs(end, 1),
            );
            passages.push((end - start, sentence));
        }
    }
    summed_up(passages, |n| {
        format!("{n} more passages without strong onsets: only drift moves there")
    })
}

/// The whole bars between two times, in words.
fn bars(analysis: &Analysis, start_secs: f64, end_secs: f64) -> String {
    let downbeats = analysis
        .beats
        .iter()
        .filter(|beat| beat.position_in_bar == 1);
    let numbered = (1..).zip(downbeats);
    let inside: Vec<u32> = numbered
        .filter(|(_, beat)| (start_secs..end_secs).contains(&beat.time_secs))
        .map(|(number, _)| number)
        .collect();
    match (inside.first(), inside.last()) {
        (Some(first), Some(last)) if last > first => format!("bars {first} to {last}"),
        (Some(first), _) => format!("bar {first}"),
        _ => "a quiet passage".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_songs::{Song, config};
    use super::super::timeline;
    use super::*;
    use crate::prompts::Script;

    #[test]
    fn many_cases_are_summed_up() {
        let lines = |n: u32| {
            let sentences = (0..n).map(|i| (f64::from(i % 7), i.to_string()));
            summed_up(sentences.collect(), |n| format!("{n} more"))
        };
        assert!(lines(0).is_empty());
        assert_eq!(lines(3), ["0", "1", "2"]);
        assert_eq!(lines(5), ["2", "3", "4", "2 more"]);
        assert_eq!(lines(100).len(), 4);
    }

    fn advice_for(text: &str, analysis: &Analysis) -> Vec<String> {
        let script = Script::parse("p", text.as_bytes()).unwrap();
        advice(
            &timeline(analysis, &script, &config(24)).unwrap(),
            analysis,
            None,
        )
    }

    #[test]
    fn a_passage_without_hits_is_named_with_its_bars() {
        let song = Song::default().analysis();
        let advice = advice_for("a\nb", &song);
        assert_eq!(advice.len(), 1, "{advice:?}");
        assert!(
            advice[0].contains("bars 1 to 15 (0:00.0 to 0:3"),
            "{advice:?}"
        );
    }

    #[test]
    fn a_good_song_needs_no_advice() {
        let beats = (0..120).map(|i| 0.5 * f64::from(i));
        let onsets = beats
            .map(|secs| super::super::test_songs::onset(secs, 0.8, analysis::Band::Low))
            .collect();
        let song = Song {
            onsets,
            ..Song::default()
        };
        assert!(advice_for("a\nb", &song.analysis()).is_empty());
    }

    #[test]
    fn unsure_beats_and_hasty_prompts_are_told() {
        let mut song = Song::default().analysis();
        song.beat_confidence = 0.12;
        let told = advice_for("a\n[0:10] b\n[0:10.5] c", &song).join("\n");
        assert!(
            told.contains("12 %") && told.contains("1 of 3 prompts"),
            "{told}"
        );
        song.beats.clear();
        assert!(advice_for("a", &song)[0].contains("no beat"));
    }
}
