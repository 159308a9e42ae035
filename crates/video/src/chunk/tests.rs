use super::*;
use crate::testing::{self, config, picture};

fn read_all(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = ChunkReader::open(path).unwrap();
    let (mut all, mut data) = (Vec::new(), Vec::new());
    while reader.read_sample(&mut data).unwrap() {
        all.push(data.clone());
    }
    all
}

#[test]
fn a_chunk_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let config = EncodeConfig {
        gop_len: 5,
        ..config(64, 48)
    };
    for first in [48, 49] {
        let written = testing::chunk(folder.path(), "3f9a", first..first + 12, &config);
        assert_eq!(written.frames(), first..first + 12);
        let name = written.path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, format!("0000{first}-0000{}-3f9a.chunk", first + 12));
        assert_eq!(parse_file_name(name), Some((first..first + 12, "3f9a")));
        let reader = ChunkReader::open(&written.path).unwrap();
        assert_eq!(reader.info(), &written);
        let keyframes: Vec<usize> = (0..12)
            .filter(|i| written.samples[*i].is_keyframe)
            .collect();
        assert_eq!(keyframes, [0, 5, 10]);
        let lengths: Vec<u32> = read_all(&written.path)
            .iter()
            .map(|s| s.len() as u32)
            .collect();
        assert_eq!(
            lengths,
            written
                .samples
                .iter()
                .map(|s| s.n_bytes)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn where_a_chunk_was_drawn_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = ChunkWriter::new(folder.path(), "aa", 0, &config(64, 64)).unwrap();
    let origin = Origin {
        host: "render07".to_owned(),
        arithmetic: "AVX2".to_owned(),
        drawn_ms: 1234,
    };
    writer.set_origin(origin.clone());
    writer.push(&picture(config(64, 64).size, 0)).unwrap();
    let written = writer.finish().unwrap();
    let read = ChunkReader::open(&written.path).unwrap().into_info();
    assert_eq!(read.origin, Some(origin));
}

#[test]
fn a_claim_is_seen_until_its_chunk_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let claim = || crate::claim(folder.path(), &(48..49), "aa").unwrap();
    let file = claim().unwrap();
    assert!(claim().is_none());
    let mut writer = ChunkWriter::new(folder.path(), "aa", 48, &config(64, 64)).unwrap();
    writer.set_claim(file);
    writer.push(&picture(config(64, 64).size, 0)).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.frames(), 48..49);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = claim().unwrap();
    let mut other = ChunkWriter::new(folder.path(), "bb", 48, &config(64, 64)).unwrap();
    other.set_claim(file);
    other.push(&picture(config(64, 64).size, 0)).unwrap();
    assert!(other.finish().is_err());
}

#[test]
fn the_same_pictures_give_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = config(96, 64);
    let first = testing::chunk(a.path(), "aa", 0..20, &config);
    let again = testing::chunk(b.path(), "aa", 0..20, &config);
    assert_eq!(
        std::fs::read(first.path).unwrap(),
        std::fs::read(again.path).unwrap()
    );
}

#[test]
fn lone_keyframes_in_a_row_differ_in_their_id() {
    // idr_pic_id follows the parity of the frame index; the picture is the same.
    let folder = tempfile::tempdir().unwrap();
    let config = config(64, 64);
    let first_sample = |first_frame: u64| {
        let mut writer = ChunkWriter::new(folder.path(), "aa", first_frame, &config).unwrap();
        writer.push(&picture(config.size, 7)).unwrap();
        read_all(&writer.finish().unwrap().path).remove(0)
    };
    assert_eq!(first_sample(0), first_sample(2));
    assert_eq!(first_sample(1), first_sample(3));
    assert_ne!(first_sample(0), first_sample(1));
}

#[test]
fn every_kind_of_damage_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let good = testing::chunk(folder.path(), "aa", 0..3, &config(64, 64)).path;
    let bytes = std::fs::read(&good).unwrap();
    let bad = folder.path().join("000000-000003-bb.chunk");
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let error = ChunkReader::open(&bad).expect_err(what);
        assert!(matches!(error, Error::Input { .. }), "{what}: {error}");
    };
    for length in (0..bytes.len()).step_by(37).chain([bytes.len() - 1]) {
        refused(&bytes[..length], &format!("cut to {length}"));
    }
    for place in (0..bytes.len()).step_by(29).chain([bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        refused(&flipped, &format!("bit at {place}"));
    }
    refused(&[&bytes[..], b"x"].concat(), "longer");
    refused(&[0xff; 100], "not a chunk");
    let huge = [&MAGIC[..], &u32::MAX.to_be_bytes(), &[b' '; 100]].concat();
    refused(&huge, "huge header");
}

#[test]
fn ids_follow_their_inputs() {
    let id = chunk_id(VideoCodec::H264, &("frames", 1.5, 7)).unwrap();
    assert_eq!(id.len(), 64);
    assert_eq!(id, chunk_id(VideoCodec::H264, &("frames", 1.5, 7)).unwrap());
    assert_ne!(id, chunk_id(VideoCodec::H264, &("frames", 1.5, 8)).unwrap());
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let small = config(64, 64);
    for id in ["", "../x", "a b"] {
        assert!(ChunkWriter::new(folder.path(), id, 0, &small).is_err());
    }
    assert!(ChunkWriter::new(folder.path(), "aa", 0, &config(63, 64)).is_err());
    let mut writer = ChunkWriter::new(folder.path(), "aa", 0, &small).unwrap();
    assert!(writer.push(&RgbImage::new(64, 62)).is_err());
    assert!(writer.finish().is_err());
    let mut writer = ChunkWriter::new(folder.path().join("missing"), "aa", 0, &small).unwrap();
    writer.push(&picture(small.size, 0)).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn other_names_are_not_chunks() {
    for name in [
        "a.chunk",
        "000000-000048-aa",
        "0-48-aa.chunk",
        "000048-000048-aa.chunk",
        ".000000-000048-aa.chunk.x.partial",
        "000000-99999999999999999999999-aa.chunk",
        "",
    ] {
        assert_eq!(parse_file_name(name), None, "{name}");
    }
}
