//! Files that hold several streams one after another.

use std::fs;

use audio::Track;

use crate::fixtures::FIXTURES;
use crate::helpers::*;

fn joined(first: &str, second: &str) -> (Track, Vec<f32>, Vec<f32>, tempfile::TempDir) {
    let find = |name: &str| {
        FIXTURES
            .iter()
            .find(|fixture| fixture.name == name)
            .unwrap()
    };
    let (one, two) = (find(first), find(second));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(first);
    let bytes = [fs::read(one.path()).unwrap(), fs::read(two.path()).unwrap()].concat();
    fs::write(&path, bytes).unwrap();
    let track =
        Track::open_without_ffmpeg(&path).unwrap_or_else(|error| panic!("{first}: {error}"));
    (
        track,
        all_samples(&one.open()),
        all_samples(&two.open()),
        folder,
    )
}

#[test]
fn chained_ogg_files_go_on_with_the_next_streams_first_sample() {
    for (name, tolerance) in [("pulse.ogg", 0.0), ("pulse.opus", 1e-4)] {
        let (track, one, two, _folder) = joined(name, name);
        let heard = all_samples(&track);
        assert_eq!(heard.len(), one.len() + two.len(), "{name}");
        let worst = worst_difference(&heard, &[one, two].concat());
        assert!(worst <= tolerance, "{name}: {worst}");
        let film = soundtrack(&track, 0..track.n_samples);
        assert!(
            film.note().is_some_and(|note| note.contains("FLAC")),
            "{name}"
        );
        assert_eq!(decode(&*film).len(), heard.len(), "{name}");
    }
}

#[test]
fn joined_flac_files_are_read_as_far_as_they_can_be_with_a_note() {
    let (track, one, _, _folder) = joined("pulse.flac", "pulse.flac");
    let heard = all_samples(&track);
    assert!(heard[..one.len() / 2] == one[..one.len() / 2]);
    assert!(
        track
            .notes
            .iter()
            .any(|note| note.contains("no frames of FLAC")),
        "{:?}",
        track.notes
    );
}

#[test]
fn joined_mp3_files_of_other_channels_are_one_song() {
    let (track, stereo, mono, _folder) = joined("pulse.mp3", "bare.mp3");
    let heard = all_samples(&track);
    // The second file's frames follow the first one's last whole frame, with its padding.
    let padded = (22_117u64 + 1105).next_multiple_of(1152) - 1105;
    assert_eq!(track.n_samples, padded + mono.len() as u64);
    assert!(heard[..stereo.len()] == stereo);
    let second = &heard[2 * padded as usize..];
    let expected: Vec<f32> = mono.iter().flat_map(|&sample| [sample, sample]).collect();
    assert!(worst_difference(&second[2 * 2304..], &expected[2 * 2304..]) == 0.0);
    assert_eq!(
        decode(&*soundtrack(&track, 0..track.n_samples)).len(),
        heard.len()
    );
}
