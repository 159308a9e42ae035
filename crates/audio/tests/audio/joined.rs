//! Files that hold several streams one after another.

use std::fs;

use audio::Track;

use crate::fixtures::{FIXTURES, Fixture};
use crate::helpers::*;

fn fixture(name: &str) -> &'static Fixture {
    let mut all = FIXTURES.iter();
    all.find(|fixture| fixture.name == name).unwrap()
}

fn joined(first: &str, second: &str) -> (Track, Vec<f32>, Vec<f32>, tempfile::TempDir) {
    let (one, two) = (fixture(first), fixture(second));
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

/// With headers of known and of unknown length, with tags between, and cut off within the second.
#[test]
fn joined_flac_files_are_one_song() {
    let whole = fs::read(fixture("pulse.flac").path()).unwrap();
    let mut unknown = whole.clone();
    unknown[21] &= 0xf0;
    unknown[22..26].fill(0);
    let tag = [&b"TAG"[..], &[0; 125]].concat();
    let one = all_samples(&fixture("pulse.flac").open());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.flac");
    for parts in [
        vec![&whole, &whole],
        vec![&whole, &whole, &whole],
        vec![&unknown, &unknown],
        vec![&whole, &tag, &unknown, &tag],
    ] {
        let n = parts.iter().filter(|part| part.len() > 200).count();
        fs::write(
            &path,
            parts.into_iter().flatten().copied().collect::<Vec<u8>>(),
        )
        .unwrap();
        let track = Track::open_without_ffmpeg(&path).unwrap();
        assert_eq!(track.notes, [""; 0]);
        assert!(
            all_samples(&track) == one.repeat(n),
            "{n} of {}",
            all_samples(&track).len()
        );
        let (start, end) = (one.len() as u64 / 2, one.len() as u64 * 3 / 2);
        let n_channels = u64::from(track.n_channels);
        let range = start / n_channels..end / n_channels;
        assert!(samples(&track, range) == one.repeat(2)[start as usize..end as usize]);
        let film = soundtrack(&track, 0..track.n_samples);
        assert!(
            film.note()
                .is_some_and(|note| note.contains("without loss"))
        );
        assert!(decode(&*film) == one.repeat(n));
        let json = serde_json::to_string(&track).unwrap();
        assert_eq!(serde_json::from_str::<Track>(&json).unwrap(), track);
    }
    fs::write(&path, [&whole[..], &whole[..whole.len() * 9 / 10]].concat()).unwrap();
    let track = Track::open_without_ffmpeg(&path).unwrap();
    assert!(track.notes[0].contains("breaks off"), "{:?}", track.notes);
    assert!(all_samples(&track)[..one.len()] == one);
    assert!(all_samples(&track).len() > one.len() * 5 / 4);
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
