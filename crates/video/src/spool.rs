use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use audio::Soundtrack;
use common::partial_file::write_error;
use common::units::samples_to_secs;
use common::{Error, Result};
use mp4_atom::SttsEntry;

use super::mismatch::mismatch;
use super::sound_entry::PacketStatistics;

/// Picture and sound alternate this many times a second.
pub(super) const INTERVALS_PER_SEC: u64 = 2;
/// A month: longer sound is a mistake, and its tables would fill the memory.
const MAX_SECS: u64 = 31 * 24 * 3600;

/// A soundtrack's packets on disk, since their sizes must be known before the first of them is written.
pub(super) struct Spool {
    /// The packets one after the other, in a file without a name.
    pub(super) file: File,
    /// Length of each packet in bytes.
    pub(super) sizes: Vec<u32>,
    /// Runs of packets that last equally long.
    pub(super) durations: Vec<SttsEntry>,
    /// Number of packets that begin in each interval.
    pub(super) interval_counts: Vec<u32>,
}

impl Spool {
    /// Reads all packets once.
    ///
    /// # Errors
    /// [`Error::Video`] when they hold fewer samples than the soundtrack says, [`Error::Later`] when the disk is full.
    pub(super) fn of(soundtrack: &dyn Soundtrack, folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
        let failed =
            |n_bytes| move |e| write_error(&folder.join("its copy of the sound"), Some(n_bytes))(e);
        let rate = u64::from(soundtrack.sample_rate_hz().max(1));
        let mut spool = Self {
            file: file.try_clone().map_err(failed(0))?,
            sizes: Vec::new(),
            durations: Vec::new(),
            interval_counts: Vec::new(),
        };
        let mut out = BufWriter::with_capacity(1 << 16, file);
        let (mut n_bytes, mut n_samples) = (0u64, 0u64);
        for packet in soundtrack.packets()? {
            let packet = packet?;
            let size = u32::try_from(packet.data.len()).ok().filter(|n| *n > 0);
            let size = size.ok_or_else(|| mismatch("a packet of sound is empty or huge"))?;
            spool.sizes.push(size);
            n_bytes += u64::from(size);
            out.write_all(&packet.data).map_err(failed(n_bytes))?;
            let heard_from = n_samples.saturating_sub(soundtrack.skip_samples());
            if heard_from / rate > MAX_SECS {
                return Err(mismatch("its sound is longer than a month"));
            }
            count_in(
                &mut spool.interval_counts,
                heard_from * INTERVALS_PER_SEC / rate,
            );
            n_samples += u64::from(packet.n_samples);
            match spool.durations.last_mut() {
                Some(run) if run.sample_delta == packet.n_samples => run.sample_count += 1,
                _ => spool.durations.push(SttsEntry {
                    sample_count: 1,
                    sample_delta: packet.n_samples,
                }),
            }
        }
        let n_needed = soundtrack
            .skip_samples()
            .saturating_add(soundtrack.n_samples());
        if n_samples < n_needed || soundtrack.n_samples() == 0 {
            return Err(mismatch(&format!(
                "its packets hold {n_samples} samples of the {n_needed} that are needed"
            )));
        }
        out.flush().map_err(failed(n_bytes))?;
        spool.file.rewind().map_err(failed(n_bytes))?;
        Ok(spool)
    }

    /// How large the packets are.
    pub(super) fn statistics(&self, soundtrack: &dyn Soundtrack) -> PacketStatistics {
        let n_bytes: u64 = self.sizes.iter().map(|size| u64::from(*size)).sum();
        let secs = samples_to_secs(soundtrack.n_samples(), soundtrack.sample_rate_hz());
        PacketStatistics {
            max_bytes: self.sizes.iter().copied().max().unwrap_or_default(),
            mean_bit_rate: (8.0 * n_bytes as f64 / secs) as u32,
        }
    }
}

/// Counts one more sample in an interval.
pub(super) fn count_in(interval_counts: &mut Vec<u32>, interval: u64) {
    let interval = usize::try_from(interval).unwrap_or(usize::MAX);
    if interval_counts.len() <= interval {
        interval_counts.resize(interval + 1, 0);
    }
    if let Some(count) = interval_counts.get_mut(interval) {
        *count += 1;
    }
}
