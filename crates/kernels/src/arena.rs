//! Scratch memory that each thread keeps between calls.

use std::cell::RefCell;

/// Values to a cache line: buffers begin at its multiples.
const LINE: usize = 16;

thread_local! {
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with buffers of at least the wanted lengths, in values. They hold numbers of
/// earlier calls: write a value before you read it, unless any number will do.
///
/// Calls may be nested: each depth has memory of its own.
pub(super) fn with_scratch<const N: usize, T>(
    lens: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> T,
) -> T {
    let lens = lens.map(|len| len.next_multiple_of(LINE));
    let total: usize = lens.iter().sum::<usize>() + LINE;
    let mut kept = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    if kept.len() < total {
        kept.clear();
        kept.resize(total, 0.0);
    }
    let skip = kept
        .as_ptr()
        .align_offset(LINE * size_of::<f32>())
        .min(LINE);
    let mut rest = &mut kept[skip..];
    let buffers = lens.map(|len| {
        let (buffer, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        buffer
    });
    let result = f(buffers);
    KEPT.with_borrow_mut(|all| all.push(kept));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_apart() {
        with_scratch([5, 100], |[a, b]| {
            assert_eq!((a.len(), b.len()), (16, 112));
            for buffer in [&a, &b] {
                assert_eq!(buffer.as_ptr().align_offset(64), 0);
            }
            a.fill(1.0);
            b.fill(2.0);
            with_scratch([7], |[c]| c.fill(3.0));
            assert!(a.iter().all(|&x| x == 1.0) && b.iter().all(|&x| x == 2.0));
        });
    }
}
