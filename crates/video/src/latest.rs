//! Where a folder's chunks were drawn of late.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::chunk::{ChunkReader, Origin, parse_file_name};

/// Where the chunk in `folder` was drawn that was finished last, whichever film's it is; `None` where no whole chunk tells.
pub fn latest_origin(folder: impl AsRef<Path>) -> Option<Origin> {
    let chunk = |entry: io::Result<DirEntry>| {
        let entry = entry.ok()?;
        parse_file_name(entry.file_name().to_str()?)?;
        Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
    };
    let entries = folder.as_ref().read_dir().ok()?;
    let mut chunks: Vec<(SystemTime, PathBuf)> = entries.filter_map(chunk).collect();
    chunks.sort();
    let origin = |(_, path): (_, PathBuf)| ChunkReader::open(&path).ok()?.into_info().origin;
    chunks.into_iter().rev().find_map(origin)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;
    use crate::{ChunkWriter, testing};

    #[test]
    fn the_youngest_whole_chunk_tells() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest_origin(folder.path().join("missing")), None);
        assert_eq!(latest_origin(folder.path()), None);
        let config = testing::config(16, 16);
        let now = SystemTime::now();
        for (first_frame, arithmetic, age_secs) in [(0, "f16", 10), (1, "f32", 30), (2, "torn", 0)]
        {
            let mut chunk = ChunkWriter::new(folder.path(), "a", first_frame, &config).unwrap();
            chunk
                .push(&testing::picture(config.size, first_frame))
                .unwrap();
            chunk.set_origin(Origin {
                arithmetic: arithmetic.to_owned(),
                ..Origin::default()
            });
            let path = chunk.finish().unwrap().path;
            let file = File::options().write(true).open(path).unwrap();
            if arithmetic == "torn" {
                file.set_len(100).unwrap();
            }
            file.set_modified(now - Duration::from_secs(age_secs))
                .unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "no chunk").unwrap();
        let origin = latest_origin(folder.path()).unwrap();
        assert_eq!(origin.arithmetic, "f16");
    }
}
