//! Films for which the disk is too small, and films beyond 4 GiB.

use super::*;

struct FullDisk {
    room: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.room == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let n_written = bytes.len().min(self.room);
        self.room -= n_written;
        Ok(n_written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_noticed_wherever_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    let chunks = chunks(folder.path(), &config(64, 64));
    let sound = FakeSound::each(0.8).remove(0);
    let path = folder.path().join("film.mp4");
    let n_bytes = write_film(&chunks, Some(&sound), &path)
        .map(|_| std::fs::metadata(&path).unwrap().len() as usize)
        .unwrap();
    for room in (0..n_bytes).step_by(997).chain([n_bytes - 1, n_bytes]) {
        let mut spool = Spool::of(&sound, folder.path()).unwrap();
        let tags = tags();
        let movie = plan(&chunks, Some((&sound, &mut spool)), &tags).unwrap();
        let mut samples = Samples {
            chunks: chunks.iter(),
            reader: None,
            packets: Some(BufReader::new(spool.file)),
        };
        let failed = |e| write_error(&path, Some(n_bytes as u64))(e);
        let head = movie.head().unwrap();
        let result = samples.write(&head, &movie, &mut FullDisk { room }, &failed);
        match result {
            Ok(()) => assert_eq!(room, n_bytes),
            Err(error) => {
                assert!(room < n_bytes);
                assert!(matches!(error, Error::Later { .. }), "{error}");
                assert!(error.to_string().contains("MB"), "{error}");
            }
        }
    }
}

#[test]
fn offsets_beyond_4_gib_are_wide() {
    let folder = tempfile::tempdir().unwrap();
    let mut chunks = chunks(folder.path(), &config(64, 64));
    let sound = FakeSound::each(0.8).remove(0);
    let mut spool = Spool::of(&sound, folder.path()).unwrap();
    for sample in &mut chunks[0].samples {
        sample.n_bytes = 500_000_000; // 10 of them
    }
    let tags = tags();
    let movie = plan(&chunks, Some((&sound, &mut spool)), &tags).unwrap();
    let head = movie.head().unwrap();
    let path = folder.path().join("sparse.mp4");
    std::fs::write(&path, &head).unwrap();
    let n_bytes = head.len() as u64 + movie.n_sample_bytes();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(n_bytes).unwrap();
    let film = Film::read(&path).unwrap();
    let mut places = Vec::new();
    for handler in [b"vide", b"soun"] {
        let stbl = &film.track(handler).unwrap().0.mdia.minf.stbl;
        assert!(stbl.co64.is_some() && stbl.stco.is_none());
        for sample in samples(stbl, n_bytes) {
            let sample = sample.unwrap();
            places.push((sample.offset, u64::from(sample.n_bytes)));
        }
    }
    // Samples fill the rest of the file, without a gap.
    places.sort_unstable();
    let mut next = head.len() as u64;
    for (offset, length) in places {
        assert_eq!(offset, next);
        next += length;
    }
    assert_eq!(next, n_bytes);
}
