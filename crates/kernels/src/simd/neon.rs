//! NEON: 4 lanes, 32 registers.
#![expect(
    unsafe_code,
    reason = "intrinsics; each call is covered by the proof that Neon is"
)]

use std::arch::aarch64::*;

use super::{Kernel, Simd, Slot};

/// Proof that NEON was detected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

// SAFETY of every block below: the intrinsics need NEON and nothing beyond it, and `self` exists only where NEON was
// detected. Loads and stores first check that the slice holds 4 values; a `Slot` may be written as an f32.
impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn compiled<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> float32x4_t {
        let from = &from[..4];
        unsafe { vld1q_f32(from.as_ptr()) }
    }
    #[inline(always)]
    fn store<T: Slot>(self, v: float32x4_t, to: &mut [T]) {
        let to = &mut to[..4];
        unsafe { vst1q_f32(to.as_mut_ptr().cast(), v) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn exp2_of_biased(self, biased: float32x4_t) -> float32x4_t {
        unsafe {
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(biased));
            let one = vreinterpretq_s32_f32(vdupq_n_f32(1.0));
            vreinterpretq_f32_s32(vaddq_s32(exponent, one))
        }
    }

    #[inline(always)]
    fn deinterleave4(self, [a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
        unsafe {
            let (ab_even, ab_odd) = (vuzp1q_f32(a, b), vuzp2q_f32(a, b));
            let (cd_even, cd_odd) = (vuzp1q_f32(c, d), vuzp2q_f32(c, d));
            [
                vuzp1q_f32(ab_even, cd_even),
                vuzp1q_f32(ab_odd, cd_odd),
                vuzp2q_f32(ab_even, cd_even),
                vuzp2q_f32(ab_odd, cd_odd),
            ]
        }
    }

    #[inline(always)]
    fn interleave4(self, [a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
        unsafe {
            let (ac_low, ac_high) = (vzip1q_f32(a, c), vzip2q_f32(a, c));
            let (bd_low, bd_high) = (vzip1q_f32(b, d), vzip2q_f32(b, d));
            [
                vzip1q_f32(ac_low, bd_low),
                vzip2q_f32(ac_low, bd_low),
                vzip1q_f32(ac_high, bd_high),
                vzip2q_f32(ac_high, bd_high),
            ]
        }
    }
}
