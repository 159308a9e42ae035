//! AVX-512: 16 lanes, 32 registers.
#![expect(
    unsafe_code,
    reason = "intrinsics; each call is covered by the proof that Avx512 is"
)]

use std::arch::x86_64::*;

use super::{Kernel, Simd, Slot};

/// Proof that AVX-512F was detected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

// SAFETY of every block below: the intrinsics need AVX-512F and nothing beyond it, and `self` exists only where
// AVX-512F was detected. Loads and stores first check that the slice holds 16 values; a `Slot` may be written as an f32.
impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f")]
        fn compiled<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        let from = &from[..16];
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store<T: Slot>(self, v: __m512, to: &mut [T]) {
        let to = &mut to[..16];
        unsafe { _mm512_storeu_ps(to.as_mut_ptr().cast(), v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn exp2_of_biased(self, biased: __m512) -> __m512 {
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(biased));
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, one))
        }
    }

    #[inline(always)]
    fn words(self, lower: __m512, upper: __m512) -> [__m512; 2] {
        unsafe {
            let lower_high = rounded(lower);
            let upper_high = rounded(upper);
            let lower_low = rounded(_mm512_sub_ps(lower, _mm512_castsi512_ps(lower_high)));
            let upper_low = rounded(_mm512_sub_ps(upper, _mm512_castsi512_ps(upper_high)));
            [
                _mm512_castsi512_ps(_mm512_or_si512(
                    _mm512_srli_epi32::<16>(lower_high),
                    upper_high,
                )),
                _mm512_castsi512_ps(_mm512_or_si512(
                    _mm512_srli_epi32::<16>(lower_low),
                    upper_low,
                )),
            ]
        }
    }

    #[inline(always)]
    fn prefetch<T: Slot>(self, value: &T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) }
    }

    #[inline(always)]
    fn deinterleave4(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        unsafe {
            // Four values of each phase out of two vectors, phases 0 and 1, then 2 and 3.
            let low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(2));
            let (ab01, ab23) = (
                _mm512_permutex2var_ps(a, low, b),
                _mm512_permutex2var_ps(a, high, b),
            );
            let (cd01, cd23) = (
                _mm512_permutex2var_ps(c, low, d),
                _mm512_permutex2var_ps(c, high, d),
            );
            [
                _mm512_shuffle_f32x4::<0b01_00_01_00>(ab01, cd01),
                _mm512_shuffle_f32x4::<0b11_10_11_10>(ab01, cd01),
                _mm512_shuffle_f32x4::<0b01_00_01_00>(ab23, cd23),
                _mm512_shuffle_f32x4::<0b11_10_11_10>(ab23, cd23),
            ]
        }
    }

    #[inline(always)]
    fn interleave4(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        unsafe {
            let ab_low = _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b);
            let ab_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b);
            let cd_low = _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d);
            let cd_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d);
            let first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
            let second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
            [
                _mm512_permutex2var_ps(ab_low, first, cd_low),
                _mm512_permutex2var_ps(ab_low, second, cd_low),
                _mm512_permutex2var_ps(ab_high, first, cd_high),
                _mm512_permutex2var_ps(ab_high, second, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> __m512 {
        let mask = u16::MAX
            .checked_shr(16u32.saturating_sub(from.len() as u32))
            .unwrap_or(0);
        // The mask keeps the load inside the slice: masked-off lanes aren't touched.
        unsafe { _mm512_maskz_loadu_ps(mask, from.as_ptr()) }
    }
    #[inline(always)]
    fn store_partial<T: Slot>(self, v: __m512, to: &mut [T]) {
        let mask = u16::MAX
            .checked_shr(16u32.saturating_sub(to.len() as u32))
            .unwrap_or(0);
        // The mask keeps the store inside the slice: masked-off lanes aren't touched.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr().cast(), mask, v) }
    }
}

/// The nearest values with 16 bits only, ties to even, as [`split`](super::super::amx) rounds.
///
/// # Safety
/// Needs AVX-512F.
#[inline(always)]
unsafe fn rounded(v: __m512) -> __m512i {
    unsafe {
        let bits = _mm512_castps_si512(v);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        _mm512_and_si512(_mm512_add_epi32(bits, half), _mm512_set1_epi32(-0x1_0000))
    }
}
