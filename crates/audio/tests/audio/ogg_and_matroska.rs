//! Ogg and Matroska files whose ends, pages or timestamps aren't as they should be.

use audio::Track;

use crate::builders::*;
use crate::helpers::*;
use crate::repairs::{assert_same, bytes_of, fixture, open, samples_of};

#[test]
fn vorbis_timestamps_may_step_by_a_long_block() {
    let song = bytes_of("pulse.ogg");
    let ogg = one_packet_pages(&song, vorbis_lengths(&song));
    assert!(ogg.len() > 10);
    for by in [0, 448, -448, 960] {
        let mut pages = ogg.clone();
        let n = pages.len();
        for page in &mut pages[8..n - 4] {
            let position = i64::from_le_bytes(page[6..14].try_into().unwrap());
            page[6..14].copy_from_slice(&(position + by).to_le_bytes());
            *page = sealed(page.clone());
        }
        assert_eq!(
            assert_same(&format!("{by}"), "pulse.ogg", &pages.concat()),
            [""; 0]
        );
    }
}

#[test]
fn ogg_files_without_a_mark_of_their_end_are_songs() {
    let (vorbis, opus) = (bytes_of("pulse.ogg"), bytes_of("pulse.opus"));
    let songs = [
        (
            "pulse.ogg",
            one_packet_pages(&vorbis, vorbis_lengths(&vorbis)),
            2048,
        ),
        ("pulse.opus", one_packet_pages(&opus, |_, _| 960), 960),
    ];
    for (name, mut pages, n_more) in songs {
        let mut last = pages.pop().unwrap();
        last[5] &= !4;
        pages.push(sealed(last));
        let (_folder, track) = open(name, &pages.concat());
        let n_samples = fixture(name).n_samples;
        assert!(
            (n_samples..=n_samples + n_more).contains(&track.n_samples),
            "{name}: {}",
            track.n_samples
        );
        assert_eq!(
            track.notes,
            ["the stream has no mark of its end; it may be cut off"]
        );
        let whole = samples_of(name);
        assert!(all_samples(&track)[..whole.len()] == whole, "{name}");
    }
}

#[test]
fn a_lost_page_of_opus_leaves_a_gap_of_its_length() {
    let whole = samples_of("pulse.opus");
    let mut all = one_packet_pages(&bytes_of("pulse.opus"), |_, _| 960);
    assert_eq!(
        assert_same("a page for each packet", "pulse.opus", &all.concat()),
        [""; 0]
    );
    all.drain(12..15);
    let (_folder, track) = open("pulse.opus", &all.concat());
    assert_eq!(track.n_samples, 24_007);
    assert_eq!(
        track.notes,
        ["part of the sound is missing: silent from 0:00.194 to 0:00.254"]
    );
    let heard = all_samples(&track);
    let before = (10 * 960 - 312) * 2;
    assert!(heard[..before] == whole[..before]);
    assert!(
        heard[(10 * 960 - 312) * 2..(13 * 960 - 312) * 2]
            .iter()
            .all(|&sample| sample == 0.0)
    );
    // A decoder comes near what it would have put out.
    let after = (20 * 960 - 312) * 2;
    assert!(worst_difference(&heard[after..], &whole[after..]) < 2e-2);
}

/// Pages that are gone, and some that are damaged. All that is there comes at its time.
#[test]
fn what_follows_lost_pages_comes_at_its_time() {
    let song = bytes_of("pulse.ogg");
    let whole = samples_of("pulse.ogg");
    let mut all = one_packet_pages(&song, vorbis_lengths(&song));
    let n_pages = all.len();
    assert!(n_pages > 20, "{n_pages}");
    for page in &mut all[n_pages - 8..n_pages - 4] {
        page[40] ^= 0x55;
    }
    all.drain(6..12);
    let (_folder, track) = open("pulse.ogg", &all.concat());
    assert_eq!(track.n_samples, whole.len() as u64);
    let n_silent = |note: &str| note.starts_with("part of the sound is missing: silent from");
    let n_gaps = track.notes.iter().filter(|note| n_silent(note)).count();
    assert_eq!(n_gaps, 2, "{:?}", track.notes);
    assert_eq!(track.layout.gaps.len(), 2, "{:?}", track.layout);
    let heard = all_samples(&track);
    let (first, second) = (track.layout.gaps[0], track.layout.gaps[1]);
    let (before, after) = (first.0 as usize, (first.0 + first.1) as usize);
    // A packet whose predecessor is lost has nothing to overlap with.
    let skip = 1024;
    assert!(heard[..before - skip] == whole[..before - skip]);
    let again = (second.0 + first.1) as usize;
    assert!(heard[after + skip..again - skip] == whole[after + skip..again - skip]);
    let rest = again + second.1 as usize + skip;
    assert!(rest < whole.len() && heard[rest..] == whole[rest..]);
    let json = serde_json::to_string(&track).unwrap();
    assert_eq!(serde_json::from_str::<Track>(&json).unwrap(), track);
}

#[test]
fn webm_files_that_end_anywhere_are_songs() {
    let webm = bytes_of("pulse.webm");
    let whole = samples_of("pulse.webm");
    let (_folder, track) = open("pulse.webm", &webm[..webm.len() * 3 / 4]);
    assert!(track.n_samples > 10_000 && track.n_samples < 24_007);
    assert!(all_samples(&track) == whole[..track.n_samples as usize]);
}

/// Adds to the timestamps of the blocks of a Matroska file with one cluster, from block `first` on.
fn delayed_blocks(mut webm: Vec<u8>, first: usize, by_millis: u16) -> Vec<u8> {
    let cluster = webm
        .windows(4)
        .position(|id| id == [0x1f, 0x43, 0xb6, 0x75])
        .unwrap();
    let mut at = cluster + 6; // its size takes two bytes
    let mut n_blocks = 0;
    while at + 8 < webm.len() {
        let n_size = webm[at + 1].leading_zeros() as usize + 1;
        let size = webm[at + 1..at + 1 + n_size]
            .iter()
            .fold(0, |size, &byte| size << 8 | usize::from(byte));
        let size = size & ((1 << (7 * n_size)) - 1);
        let body = at + 1 + n_size;
        match webm[at] {
            0xa3 | 0xa1 => {
                if n_blocks >= first {
                    let time = u16::from_be_bytes([webm[body + 1], webm[body + 2]]);
                    webm[body + 1..body + 3].copy_from_slice(&(time + by_millis).to_be_bytes());
                }
                n_blocks += 1;
                at = body + size;
            }
            0xa0 => at = body, // a group, whose block comes first
            0x75 => break,     // the padding of the last block
            _ => at = body + size,
        }
    }
    assert!(n_blocks > first, "{n_blocks}");
    webm
}

#[test]
fn a_jump_in_time_within_matroska_is_silent() {
    let whole = samples_of("pulse.webm");
    let bytes = delayed_blocks(bytes_of("pulse.webm"), 10, 500);
    let (_folder, track) = open("pulse.webm", &bytes);
    assert_eq!(track.notes.len(), 1, "{:?}", track.notes);
    assert!(track.notes[0].starts_with("part of the sound is missing: silent from 0:00.19"));
    // Timestamps count milliseconds.
    let n_missing = track.n_samples - 24_007;
    assert!(n_missing.abs_diff(24_000) <= 96, "{n_missing}");
    let heard = all_samples(&track);
    let (at, after) = (10 * 960 - 312, 10 * 960 - 312 + n_missing as usize);
    assert!(heard[..at] == whole[..at]);
    assert!(heard[at..after].iter().all(|&sample| sample == 0.0));
    assert!(heard[after..].len() == whole[at..].len());
    // Clocks that differ a little are no gap.
    let (_folder, track) = open(
        "pulse.webm",
        &delayed_blocks(bytes_of("pulse.webm"), 10, 60),
    );
    assert_eq!((track.n_samples, track.notes.len()), (24_007, 0));
}
