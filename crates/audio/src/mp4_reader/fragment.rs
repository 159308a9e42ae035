//! Movie fragments (ISO/IEC 14496-12, 8.8): runs of samples behind the movie's head.

use super::*;

/// A track fragment's header (section 8.8.7).
pub(super) struct Fragment {
    pub(super) track_id: u32,
    pub(super) base: Option<u64>,
    pub(super) base_is_moof: bool,
    pub(super) defaults: Defaults,
}

impl Fragment {
    pub(super) fn read(tfhd: &[u8], mut defaults: Defaults) -> Option<Self> {
        let flags = u32_at(tfhd, 0)?;
        let mut at = 8;
        let mut take = |is_there: bool, n_bytes: usize| {
            let from = at;
            at += if is_there { n_bytes } else { 0 };
            is_there.then_some(from)
        };
        let base = take(flags & 1 != 0, 8).and_then(|at| u64_at(tfhd, at));
        take(flags & 2 != 0, 4);
        if let Some(duration) = take(flags & 8 != 0, 4).and_then(|at| u32_at(tfhd, at)) {
            defaults.duration = duration;
        }
        if let Some(n_bytes) = take(flags & 0x10 != 0, 4).and_then(|at| u32_at(tfhd, at)) {
            defaults.n_bytes = n_bytes;
        }
        Some(Self {
            track_id: u32_at(tfhd, 4)?,
            base,
            base_is_moof: flags & 0x02_0000 != 0,
            defaults,
        })
    }
}

/// When a track fragment begins, in ticks of the media (section 8.8.12).
pub(super) fn start_of_fragment(tfdt: &[u8]) -> Option<u64> {
    match tfdt.first()? {
        0 => u32_at(tfdt, 4).map(u64::from),
        _ => u64_at(tfdt, 4),
    }
}

/// Queues the samples of a `trun` box (section 8.8.8), and returns where they end.
pub(super) fn queue_trun(
    trun: &[u8],
    base: u64,
    follows_at: u64,
    fragment: &Fragment,
    mut runs: Option<&mut VecDeque<Run>>,
    frame_bytes: Option<u64>,
) -> u64 {
    let flags = u32_at(trun, 0).unwrap_or(0);
    let n_samples = u32_at(trun, 4).unwrap_or(0);
    let mut field = 8;
    let mut offset = follows_at;
    if flags & 1 != 0 {
        let relative = u32_at(trun, field).unwrap_or(0) as i32;
        offset = base.saturating_add_signed(i64::from(relative));
        field += 4;
    }
    field += if flags & 4 != 0 { 4 } else { 0 };
    let entry_bytes = 4 * [0x100, 0x200, 0x400, 0x800]
        .iter()
        .filter(|&&flag| flags & flag != 0)
        .count();
    let mut entries = trun.get(field..).unwrap_or_default();
    // A count without entries may be any number.
    const MOST_WITHOUT_ENTRIES: u32 = 1 << 20;
    let n_samples = if entry_bytes == 0 {
        n_samples.min(MOST_WITHOUT_ENTRIES)
    } else {
        n_samples
    };
    for _ in 0..n_samples {
        let Some((entry, rest)) = entries.split_at_checked(entry_bytes) else {
            break;
        };
        entries = rest;
        let mut duration = fragment.defaults.duration;
        let mut n_bytes = fragment.defaults.n_bytes;
        if flags & 0x100 != 0 {
            duration = u32_at(entry, 0).unwrap_or(duration);
        }
        if flags & 0x200 != 0 {
            let at = if flags & 0x100 != 0 { 4 } else { 0 };
            n_bytes = u32_at(entry, at).unwrap_or(n_bytes);
        }
        if n_bytes == 0 && entry_bytes == 0 {
            break; // a count without any size
        }
        if let Some(runs) = runs.as_mut() {
            push_run(
                runs,
                offset,
                u64::from(n_bytes),
                u64::from(duration),
                frame_bytes,
            );
        }
        offset = offset.saturating_add(u64::from(n_bytes));
    }
    offset
}

/// Queues a sample; plain ones that follow one another become one run.
pub(super) fn push_run(
    runs: &mut VecDeque<Run>,
    offset: u64,
    n_bytes: u64,
    duration: u64,
    frame_bytes: Option<u64>,
) {
    const LONGEST_PCM_RUN: u64 = 64 * 1024;
    if let Some(frame_bytes) = frame_bytes {
        let n_samples = n_bytes / frame_bytes.max(1);
        if let Some(last) = runs.back_mut()
            && last.offset + last.n_bytes == offset
            && last.n_bytes < LONGEST_PCM_RUN
        {
            last.n_bytes += n_bytes;
            last.duration += n_samples;
            return;
        }
        runs.push_back(Run {
            offset,
            n_bytes,
            duration: n_samples,
            start: None,
        });
        return;
    }
    runs.push_back(Run {
        offset,
        n_bytes,
        duration,
        start: None,
    });
}
