//! What nothing here can read is heard as the `ffmpeg` on the PATH decodes it.

use std::path::Path;
use std::process::Command;

use audio::Track;

use crate::builders::{Wav, le16, stereo};
use crate::helpers::*;

fn ffmpeg(folder: &Path, args: &str) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args.split(' '))
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

/// A folder with a song in `a.wav`; `None` where there is no ffmpeg.
fn song() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let wav = Wav::new(le16(&stereo(40_000)));
    std::fs::write(folder.path().join("a.wav"), wav.bytes()).unwrap();
    if ffmpeg(folder.path(), "-version").is_none() {
        println!("skipped: there is no ffmpeg on the PATH");
        return None;
    }
    Some(folder)
}

#[track_caller]
fn assert_heard_as_by_ffmpeg(folder: &Path, name: &str) {
    let track = Track::open(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(track.uses_ffmpeg, "{name}");
    assert_eq!(
        track.notes,
        ["decoded by the `ffmpeg` on the PATH"],
        "{name}"
    );
    let bytes = ffmpeg(folder, &format!("-i {name} -map 0:a:0 -f f32le -")).unwrap();
    let (words, _) = bytes.as_chunks::<4>();
    let expected: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    assert!(expected.len() > 10_000, "{name}: {}", expected.len());
    assert!(all_samples(&track) == expected, "{name}");
}

#[test]
fn containers_and_codecs_of_all_kinds_are_songs() {
    let Some(folder) = song() else { return };
    let mut n_made = 0;
    for (name, codec) in [
        ("a.avi", "ac3"),
        ("b.avi", "libmp3lame"),
        ("a.ts", "aac"),
        ("a.mpg", "mp2"),
        ("a.ac3", "ac3"),
        ("a.mka", "ac3"),
        ("a.dts", "dca"),
        ("a.spx", "libspeex"),
        ("a.wma", "wmav2"),
        ("a.flv", "libmp3lame"),
        ("a.wv", "wavpack"),
        ("a.tta", "tta"),
    ] {
        // Not every ffmpeg has every encoder.
        let made = format!("-i a.wav -strict -2 -c:a {codec} {name}");
        if ffmpeg(folder.path(), &made).is_some() {
            assert_heard_as_by_ffmpeg(folder.path(), name);
            n_made += 1;
        }
    }
    assert!(n_made > 3, "{n_made}");
}

#[test]
fn joined_mp3_files_of_other_rates_are_one_song() {
    let Some(folder) = song() else { return };
    let mut joined = Vec::new();
    for rate in [44_100, 48_000, 44_100] {
        let made = format!("-i a.wav -ar {rate} -c:a libmp3lame {rate}.mp3");
        if ffmpeg(folder.path(), &made).is_none() {
            println!("skipped: this ffmpeg writes no MP3");
            return;
        }
        joined.extend(std::fs::read(folder.path().join(format!("{rate}.mp3"))).unwrap());
    }
    std::fs::write(folder.path().join("a.mp3"), joined).unwrap();
    assert_heard_as_by_ffmpeg(folder.path(), "a.mp3");
}

/// The edit lists that ffmpeg writes count in milliseconds.
#[test]
fn aac_of_six_channels_is_as_long_as_what_was_encoded() {
    let Some(folder) = song() else { return };
    for (rate, n_samples) in [(44_100, 30_001), (44_100, 30_017), (48_000, 31_233)] {
        let made = format!(
            "-i a.wav -af aresample={rate},atrim=end_sample={n_samples} -ac 6 -c:a aac a.m4a"
        );
        ffmpeg(folder.path(), &made).unwrap();
        let track = Track::open(folder.path().join("a.m4a")).unwrap();
        assert!(track.uses_ffmpeg);
        assert_eq!((track.n_samples, track.n_channels), (n_samples, 6));
    }
}
