use std::io::Write;
use std::path::{Path, PathBuf};

use common::hex::hex;
use common::partial_file::{PartialFile, write_error};
use common::{Error, Result};
use sha2::{Digest, Sha256};

use super::{Calibration, MeasuredSegment, SCHEMA_VERSION};

/// First letters of the name of a calibration's file.
const PREFIX: &str = "calibration-";

/// Most bytes of a calibration's file that are read: an hour's takes half a megabyte.
const MAX_BYTES: u64 = 64 << 20;

/// All segments that the calibrations in a folder hold. Files that can't be read, or are of another version, hold none:
/// they are measured anew.
pub fn load_pool(folder: &Path) -> Vec<MeasuredSegment> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(".json")
    });
    paths.sort();
    let read = |path: &PathBuf| -> Option<Calibration> {
        let n_bytes = std::fs::metadata(path).ok()?.len();
        let text = (n_bytes <= MAX_BYTES).then(|| std::fs::read(path).ok())??;
        serde_json::from_slice(&text).ok()
    };
    paths
        .iter()
        .filter_map(read)
        .filter(|calibration| calibration.schema_version == SCHEMA_VERSION)
        .flat_map(|calibration| calibration.segments)
        .collect()
}

/// Saves a calibration under a name made of its segments' keys.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written to.
pub fn save(calibration: &Calibration, folder: &Path) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    for segment in &calibration.segments {
        hash.update(segment.key.as_bytes());
    }
    let mut name = hex(&hash.finalize());
    name.truncate(16);
    let path = folder.join(format!("{PREFIX}{name}.json"));
    let json = serde_json::to_vec(calibration)
        .map_err(|error| Error::io("write", &path)(std::io::Error::from(error)))?;
    let partial = PartialFile::create(&path)?;
    partial
        .file()
        .write_all(&json)
        .map_err(write_error(&path, None))?;
    partial.commit()?;
    Ok(path)
}
