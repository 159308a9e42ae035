use mp4_atom::{Stbl, StszSamples};

/// One sample of a track: a frame or a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableSample {
    /// Position of its bytes in the file.
    pub(super) offset: u64,
    /// Number of bytes.
    pub(super) n_bytes: u32,
    /// When it is decoded, in ticks of the track.
    pub(super) dts: u64,
    /// How long it lasts, in ticks of the track.
    pub(super) n_ticks: u32,
    /// Whether decoding can begin here.
    pub(super) is_keyframe: bool,
}

/// The samples of a track in order (ISO/IEC 14496-12, 8.6 and 8.7), computed as they are asked for.
///
/// Tables that contradict each other, and samples beyond the file's `n_bytes`, end in an error.
pub(super) fn samples(
    stbl: &Stbl,
    n_bytes: u64,
) -> impl Iterator<Item = Result<TableSample, String>> {
    let mut sizes = sizes(stbl);
    let mut n_ticks = stbl
        .stts
        .entries
        .iter()
        .flat_map(|run| std::iter::repeat_n(run.sample_delta, run.sample_count as usize));
    let mut keyframes = stbl
        .stss
        .as_ref()
        .map(|stss| stss.entries.iter().peekable());
    let mut offsets = chunk_offsets(stbl);
    let mut number = 0u32;
    let mut dts = 0u64;
    let mut chunk = (0u64, 0u32); // next byte, samples left
    let mut has_failed = false;
    std::iter::from_fn(move || {
        if has_failed {
            return None;
        }
        let size = sizes.next()?;
        number = number.saturating_add(1);
        let mut next = || {
            while chunk.1 == 0 {
                chunk = offsets.next().ok_or("has no place in the file")?;
            }
            let n_ticks = n_ticks.next().ok_or("has no duration")?;
            let end = chunk.0.checked_add(u64::from(size));
            let end = end.filter(|end| *end <= n_bytes);
            // Chunks may lie on each other: a megabyte of tables could count billions of samples.
            let end = end.filter(|_| u64::from(number) <= n_bytes);
            let end = end.ok_or("lies beyond the end of the file")?;
            let sample = TableSample {
                offset: chunk.0,
                n_bytes: size,
                dts,
                n_ticks,
                is_keyframe: keyframes
                    .as_mut()
                    .is_none_or(|entries| entries.next_if(|k| **k == number).is_some()),
            };
            chunk = (end, chunk.1 - 1);
            dts += u64::from(n_ticks);
            Ok(sample)
        };
        let sample = next().map_err(|what: &str| format!("sample {number} {what}"));
        has_failed = sample.is_err();
        Some(sample)
    })
}

fn sizes(stbl: &Stbl) -> impl Iterator<Item = u32> + '_ {
    let (identical, different) = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => (Some((*count, *size)), &[][..]),
        StszSamples::Different { sizes } => (None, &sizes[..]),
    };
    let (count, size) = identical.unwrap_or_default();
    std::iter::repeat_n(size, count as usize).chain(different.iter().copied())
}

/// Offset and number of samples of each of MP4's chunks.
fn chunk_offsets(stbl: &Stbl) -> impl Iterator<Item = (u64, u32)> + '_ {
    let narrow = stbl.stco.iter().flat_map(|stco| &stco.entries);
    let wide = stbl.co64.iter().flat_map(|co64| &co64.entries);
    let offsets = narrow.map(|o| u64::from(*o)).chain(wide.copied());
    let mut runs = stbl.stsc.entries.iter().peekable();
    let mut samples_per_chunk = 0;
    offsets.zip(1u32..).map(move |(offset, number)| {
        while let Some(run) = runs.next_if(|run| run.first_chunk <= number) {
            samples_per_chunk = run.samples_per_chunk;
        }
        (offset, samples_per_chunk)
    })
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Stco, Stsc, StscEntry, Stsz, Stts, SttsEntry};

    use super::*;

    #[test]
    fn samples_of_chunks_that_lie_on_each_other_come_to_an_end() {
        let stbl = Stbl {
            stsz: Stsz {
                samples: StszSamples::Identical {
                    count: u32::MAX,
                    size: 1,
                },
            },
            stts: Stts {
                entries: vec![SttsEntry {
                    sample_count: u32::MAX,
                    sample_delta: 1,
                }],
            },
            stsc: Stsc {
                entries: vec![StscEntry {
                    first_chunk: 1,
                    samples_per_chunk: 100,
                    sample_description_index: 1,
                }],
            },
            stco: Some(Stco {
                entries: vec![0; 50],
            }),
            ..Stbl::default()
        };
        let found: Vec<_> = samples(&stbl, 100).collect();
        assert_eq!(found.len(), 101);
        assert!(found[..100].iter().all(Result::is_ok));
        assert!(found[100].is_err());
    }
}
