//! What the user gives is taken: beats, tempo, meter, sections, stems.

use std::path::{Path, PathBuf};

use analysis::{Analysis, AnalysisConfig, StemFile};
use audio::Track;
use common::Result;

use super::{band, grid, hiss, ping, write};

/// A folder with `song.wav`: 20 seconds of a band at 112 beats a minute.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write(&bench.path("song.wav"), 44_100, 1, 20.0, band(112.0));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn hear(&self, config: &AnalysisConfig) -> Result<Analysis> {
        analysis::analyze(&Track::open(self.path("song.wav")).unwrap(), config)
    }

    fn with_beats(&self, path: PathBuf) -> Result<Analysis> {
        self.hear(&AnalysisConfig {
            beats_path: Some(path),
            ..AnalysisConfig::default()
        })
    }

    fn with_fix(&self, path: PathBuf) -> Result<Analysis> {
        self.hear(&AnalysisConfig {
            fix_path: Some(path),
            ..AnalysisConfig::default()
        })
    }
}

fn stem(name: &str, path: &Path) -> AnalysisConfig {
    AnalysisConfig {
        stems: vec![StemFile {
            name: name.to_owned(),
            path: path.to_owned(),
        }],
        ..AnalysisConfig::default()
    }
}

#[test]
fn beats_of_a_table_are_the_beats() {
    let bench = Bench::new();
    let truth = grid(112.0, 20.0);
    let table: String = truth.iter().map(|secs| format!("{secs:.4}\n")).collect();
    let heard = bench
        .with_beats(bench.file("beats.csv", table.as_bytes()))
        .unwrap();
    assert_eq!(heard.beats.len(), truth.len());
    for (i, (beat, secs)) in heard.beats.iter().zip(&truth).enumerate() {
        assert!((beat.time_secs - secs).abs() < 1e-4);
        assert_eq!(
            beat.position_in_bar,
            i as u32 % 4 + 1,
            "bars are heard where they aren't given"
        );
    }
    assert!((heard.tempo_bpm.unwrap() - 112.0).abs() < 0.1);
    assert!(
        (heard.beat_confidence - 1.0).abs() < 1e-9 && (heard.tempo_confidence - 1.0).abs() < 1e-9
    );
    assert_eq!(heard.corrections.beats, Some(bench.path("beats.csv")));
    // Positions that are given stay, whatever the music says.
    let table: String = truth
        .iter()
        .enumerate()
        .map(|(i, secs)| format!("{secs:.4},{}\n", (i + 1) % 3 + 1))
        .collect();
    let heard = bench
        .with_beats(bench.file("beats.csv", table.as_bytes()))
        .unwrap();
    assert_eq!(
        (heard.beats[0].position_in_bar, heard.beats_per_bar()),
        (2, 3)
    );
}

#[test]
fn labels_are_read_back() {
    let bench = Bench::new();
    let plain = bench.hear(&AnalysisConfig::default()).unwrap();
    let labels = bench.file("labels.txt", analysis::labels(&plain).as_bytes());
    let back = bench.with_beats(labels).unwrap();
    assert_eq!(plain.beats, back.beats);
    assert_eq!(plain.sections, back.sections);
}

#[test]
fn corrections_are_honoured_part_by_part() {
    let bench = Bench::new();
    let plain = bench.hear(&AnalysisConfig::default()).unwrap();
    let text = analysis::fix_text(&plain);
    let back = bench
        .with_fix(bench.file("song.wav.fix.txt", text.as_bytes()))
        .unwrap();
    assert_eq!(
        (&plain.beats, &plain.sections),
        (&back.beats, &back.sections)
    );
    assert!(back.corrections.beats.is_some() && back.corrections.sections.is_some());
    // Sections alone: beats are heard.
    let sections = bench.file("s.txt", b"sections:\n0 quiet start\n8.25 loud\n");
    let back = bench.with_fix(sections).unwrap();
    assert_eq!(plain.beats, back.beats);
    let parts: Vec<_> = back
        .sections
        .iter()
        .map(|s| (s.start_secs, s.end_secs, s.label.as_str()))
        .collect();
    assert_eq!(parts, [(0.0, 8.25, "quiet start"), (8.25, 20.0, "loud")]);
    // Another tempo: the listed beats are left out.
    let halved = text.replace("tempo: beats", "tempo: 56");
    let back = bench
        .with_fix(bench.file("t.txt", halved.as_bytes()))
        .unwrap();
    let bpm = back.tempo_bpm.unwrap();
    assert!((bpm - 56.0).abs() < 3.0, "{bpm}");
    assert!(back.corrections.tempo.is_some() && back.corrections.beats.is_none());
    // But for those in locked parts.
    let locked = halved.replace("beats:\n", "beats:\n# kept\n") + "\nlocked:\n5 12.1\n";
    let locked = bench
        .with_fix(bench.file("l.txt", locked.as_bytes()))
        .unwrap();
    let between = |beats: &[analysis::Beat]| -> Vec<analysis::Beat> {
        let within = beats
            .iter()
            .filter(|beat| (5.0..12.1).contains(&beat.time_secs));
        within.copied().collect()
    };
    assert_eq!(between(&locked.beats), between(&plain.beats));
    assert!(between(&locked.beats).len() > between(&back.beats).len() + 4);
    let rest = |beats: &[analysis::Beat]| beats.iter().filter(|b| b.time_secs > 13.0).count();
    assert_eq!(rest(&locked.beats), rest(&back.beats));
    assert!(locked.corrections.beats.is_some() && locked.corrections.tempo.is_some());
    // A setting goes before the file.
    let set = AnalysisConfig {
        meter: Some(3),
        fix_path: Some(bench.path("song.wav.fix.txt")),
        ..AnalysisConfig::default()
    };
    let back = bench.hear(&set).unwrap();
    assert_eq!((back.beats_per_bar(), back.corrections.beats), (3, None));
}

#[test]
fn a_tempo_map_counts_beats() {
    let bench = Bench::new();
    // One track: 120 quarter notes a minute, 3/4, 480 ticks to the quarter.
    let track = b"\0\xFF\x51\x03\x07\xA1\x20\0\xFF\x58\x04\x03\x02\x18\x08\0\xFF\x2F\0";
    let mut midi = b"MThd\0\0\0\x06\0\0\0\x01\x01\xE0MTrk\0\0\0".to_vec();
    midi.push(track.len() as u8);
    midi.extend(track);
    let heard = bench.with_beats(bench.file("song.mid", &midi)).unwrap();
    assert_eq!((heard.beats.len(), heard.beats_per_bar()), (40, 3));
    assert!((heard.beats[3].time_secs - 1.5).abs() < 1e-9 && heard.beats[3].position_in_bar == 1);
}

#[test]
fn stems_have_onsets_and_energy_of_their_own() {
    let bench = Bench::new();
    let period = 60.0 / 112.0;
    let drums = |t: f32| {
        let t = t - 0.5;
        let beat = (t / period).floor();
        let since = t - beat * period;
        match beat as i32 {
            ..0 => 0.0,
            beat if beat % 2 == 0 => 0.7 * ping(since, 55.0, 0.08),
            _ => 0.8 * hiss(since, 0.06),
        }
    };
    let path = bench.path("drums.wav");
    write(&path, 44_100, 2, 20.05, drums);
    let heard = bench.hear(&stem("drums", &path)).unwrap();
    let [stem] = &heard.stems[..] else {
        panic!("{} stems", heard.stems.len());
    };
    assert_eq!(
        (stem.name.as_str(), stem.source_sha256.len()),
        ("drums", 64)
    );
    assert_eq!(stem.hops.loudness_db.len(), heard.hops.loudness_db.len());
    let n_beats = grid(112.0, 20.0).len();
    assert!(
        stem.onsets.len().abs_diff(n_beats) <= 2,
        "{} onsets",
        stem.onsets.len()
    );
    assert!(heard.beats.len().abs_diff(n_beats) <= 2);
    let plain = bench.hear(&AnalysisConfig::default()).unwrap();
    assert_eq!(
        plain.onsets, heard.onsets,
        "the song's onsets are the song's"
    );
}

#[test]
fn stems_that_do_not_fit_are_refused() {
    let bench = Bench::new();
    let refused = |config: &AnalysisConfig| bench.hear(config).unwrap_err().to_string();
    let path = bench.path("stem.wav");
    write(&path, 48_000, 1, 20.0, band(112.0));
    let reason = refused(&stem("bass", &path));
    assert!(
        reason.contains("48000 Hz") && reason.contains("44100 Hz"),
        "{reason}"
    );
    write(&path, 44_100, 1, 19.0, band(112.0));
    let reason = refused(&stem("bass", &path));
    assert!(
        reason.contains("0:19.000") && reason.contains("0:20.000"),
        "{reason}"
    );
    let song = bench.path("song.wav");
    let mut twice = stem("bass", &song);
    twice.stems.extend(stem("bass", &song).stems);
    assert!(refused(&twice).contains("twice"));
    assert!(refused(&stem("bass", &bench.path("none.wav"))).contains("none.wav"));
}
