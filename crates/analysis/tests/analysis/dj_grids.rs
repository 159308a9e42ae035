//! Grids of DJ programs beside what is heard.

use std::path::{Path, PathBuf};
use std::process::Command;

use analysis::{Analysis, AnalysisConfig};
use audio::Track;

use super::{band, write};

const BPM: f64 = 112.0;
/// Where the band starts.
const START_SECS: f64 = 0.5;

/// A collection of rekordbox in which a song's grid lies `late_secs` behind the band's.
fn collection(folder: &Path, song: &str, late_secs: f64) -> PathBuf {
    let text = format!(
        r#"<DJ_PLAYLISTS Version="1.0.0"><COLLECTION Entries="1">
        <TRACK TrackID="1" Location="file://localhost/Music/{song}">
        <TEMPO Inizio="{:.3}" Bpm="{BPM:.2}" Metro="4/4" Battito="1"/>
        <POSITION_MARK Name="in" Type="0" Start="{:.3}" Num="0"/>
        <POSITION_MARK Name="drop" Type="0" Start="10.000" Num="1"/>
        </TRACK></COLLECTION></DJ_PLAYLISTS>"#,
        START_SECS + late_secs,
        START_SECS + late_secs
    );
    let path = folder.join("collection.xml");
    std::fs::write(&path, text).unwrap();
    path
}

fn hear(folder: &Path, song: &str, late_secs: f64, grid_offset_secs: Option<f64>) -> Analysis {
    let config = AnalysisConfig {
        beats_path: Some(collection(folder, song, late_secs)),
        grid_offset_secs,
        ..AnalysisConfig::default()
    };
    analysis::analyze(&Track::open(folder.join(song)).unwrap(), &config).unwrap()
}

fn early_ms(heard: &Analysis) -> Option<f64> {
    heard.corrections.beats_early_secs.map(|secs| secs * 1000.0)
}

#[test]
fn a_shifted_grid_is_found_and_moved_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("song.wav"), 44_100, 1, 20.0, band(BPM as f32));
    for late_ms in [-40.0, -26.0, 26.0, 55.0] {
        let heard = hear(folder, "song.wav", late_ms / 1000.0, None);
        let found = early_ms(&heard).unwrap_or(0.0);
        assert!((found + late_ms).abs() < 2.0, "{late_ms} ms: {found}");
        let first = heard.beats[0].time_secs;
        assert!(
            (first - START_SECS - late_ms / 1000.0).abs() < 1e-9,
            "{first}"
        );
    }
    assert_eq!(early_ms(&hear(folder, "song.wav", 0.0, None)), None);
    let moved = hear(folder, "song.wav", -0.026, Some(0.026));
    assert_eq!(early_ms(&moved), None);
    assert!((moved.beats[0].time_secs - START_SECS).abs() < 1e-9);
    let sections: Vec<_> = moved.sections.iter().map(|s| s.start_secs).collect();
    assert_eq!(sections, [0.0, 10.026]);
    let half = hear(folder, "song.wav", -0.026, Some(0.01));
    let notes = half.corrections.notes().join("\n");
    assert!(
        notes.contains("moved 10 ms later") && notes.contains("`grid_offset 2"),
        "{notes}"
    );
}

fn samples(song: &Path) -> Vec<f32> {
    let track = Track::open(song).unwrap();
    let blocks = track.blocks(0..track.n_samples).unwrap();
    blocks
        .flat_map(|block| block.unwrap().to_mono().samples)
        .collect()
}

/// How many samples later a song is than the one it was made from: where the two are most alike.
fn lateness(song: &[f32], original: &[f32]) -> i64 {
    let window = 200_000..240_000usize;
    let likeness = |lag: i64| {
        let start = (window.start as i64 + lag) as usize;
        let pairs = original[window.clone()].iter().zip(&song[start..]);
        -pairs
            .map(|(a, b)| f64::from((a - b) * (a - b)))
            .sum::<f64>()
    };
    let lags = -1500i64..3000;
    lags.map(|lag| (likeness(lag), lag))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap()
        .1
}

#[test]
fn offsets_of_mp3_files_are_found() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("song.wav"), 44_100, 1, 20.0, band(BPM as f32));
    let encode = |name: &str, more: &[&str]| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .current_dir(folder)
            .args(["-v", "error", "-y", "-i", "song.wav"]);
        ffmpeg
            .args(["-c:a", "libmp3lame", "-b:a", "192k"])
            .args(more)
            .arg(name);
        ffmpeg.status().unwrap().success()
    };
    if !encode("tagged.mp3", &[]) {
        return; // an ffmpeg without LAME
    }
    assert!(encode("bare.mp3", &["-write_xing", "0"]));
    // The tag's last two bytes are its CRC.
    let mut broken = std::fs::read(folder.join("tagged.mp3")).unwrap();
    let tag = broken
        .windows(4)
        .position(|b| b == b"Info" || b == b"Xing")
        .unwrap();
    broken[tag + 154] ^= 0xFF;
    broken[tag + 155] ^= 0xFF;
    std::fs::write(folder.join("broken.mp3"), broken).unwrap();
    let original = samples(&folder.join("song.wav"));
    for name in ["tagged.mp3", "bare.mp3", "broken.mp3"] {
        let shift_ms = lateness(&samples(&folder.join(name)), &original) as f64 / 44.1;
        for late_ms in [-26.0, 0.0, 45.0] {
            let found = early_ms(&hear(folder, name, late_ms / 1000.0, None)).unwrap_or(0.0);
            let expected = shift_ms - late_ms;
            println!("{name}: shift {shift_ms:.2} ms, grid {late_ms} ms late, found {found:.2} ms");
            assert!(
                (found - expected).abs() < 2.0,
                "{name}: {found} for {expected}"
            );
        }
    }
}
