//! Memory for a kernel's output.
#![expect(
    unsafe_code,
    reason = "clearing memory that is about to be overwritten costs a tenth of a small network's time"
)]

/// `len` values for a kernel that writes every one and reads none before; until then they are anything.
pub fn unwritten(len: usize) -> Vec<f32> {
    if cfg!(debug_assertions) {
        return vec![f32::NAN; len]; // a value that a kernel forgot shows
    }
    let mut values: Vec<f32> = Vec::with_capacity(len);
    std::hint::black_box(values.as_mut_ptr());
    // SAFETY: the capacity is `len`, and every pattern of bits is an f32. The compiler can't know what was written through
    // the pointer that it showed to `black_box`, so it can't take the memory for unwritten; and callers overwrite it.
    unsafe {
        values.set_len(len);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_written_and_read() {
        for len in [0, 1, 1000] {
            let mut values = unwritten(len);
            values.fill(1.5);
            assert_eq!(values, vec![1.5; len]);
        }
    }
}
