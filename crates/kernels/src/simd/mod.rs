//! Instruction sets, chosen at run time, after one trait.
//!
//! A kernel is written once, generic over [`Simd`], and compiled for every instruction set by [`Isa::run`]. `unsafe`
//! stays in the files that name intrinsics. Memory is only touched through slices, so a kernel itself is safe code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod limit;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use std::sync::OnceLock;

pub use limit::LIMIT;

use super::amx::Amx;
use super::output::Slot;

/// Vectors of f32 and the operations that the kernels need.
///
/// A value of an implementing type is the proof that the processor has the instructions: it comes from detection only.
/// Every method must be `#[inline(always)]`, or its instructions won't be compiled for the set they belong to.
pub(super) trait Simd: Copy + Send + Sync + 'static {
    /// `LANES` values of f32.
    type V: Copy;
    /// Values in one vector; divides 16.
    const LANES: usize;
    /// Whether 28 vectors fit the registers: the tile then is 8 rows by 3 vectors instead of 4 by 2.
    const MANY_REGISTERS: bool;

    /// Runs a kernel compiled for this instruction set.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// The first `LANES` values. Panics if there are fewer.
    fn load(self, from: &[f32]) -> Self::V;
    /// Writes the first `LANES` values. Panics if there are fewer.
    fn store<T: Slot>(self, v: Self::V, to: &mut [T]);
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The greater of each pair of lanes.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The lesser of each pair of lanes.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `2^n`, where lane bits are those of `1.5 2^23 + n`: the sum that rounds a small number to a whole one.
    fn exp2_of_biased(self, biased: Self::V) -> Self::V;

    /// Prefetches a value's cache line, where the processor can.
    #[inline(always)]
    fn prefetch<T: Slot>(self, _value: &T) {}

    /// The [`words`](super::amx::words) of each pair of lanes: high parts, low parts.
    #[inline(always)]
    fn words(self, lower: Self::V, upper: Self::V) -> [Self::V; 2] {
        let (mut a, mut b) = ([0.0; 16], [0.0; 16]);
        self.store(lower, &mut a);
        self.store(upper, &mut b);
        let pairs: [[f32; 2]; 16] = std::array::from_fn(|i| super::amx::words(a[i], b[i]));
        [
            self.load(&pairs.map(|w| w[0])),
            self.load(&pairs.map(|w| w[1])),
        ]
    }

    /// Splits `4 LANES` consecutive values by their index modulo 4.
    #[inline(always)]
    fn deinterleave4(self, v: [Self::V; 4]) -> [Self::V; 4] {
        let mut flat = [0.0; 64];
        for (chunk, v) in flat.chunks_exact_mut(Self::LANES).zip(v) {
            self.store(v, chunk);
        }
        std::array::from_fn(|phase| {
            let lanes: [f32; 16] = std::array::from_fn(|i| flat[(4 * i + phase) % 64]);
            self.load(&lanes)
        })
    }

    /// The inverse of [`Simd::deinterleave4`].
    #[inline(always)]
    fn interleave4(self, v: [Self::V; 4]) -> [Self::V; 4] {
        let mut phases = [[0.0; 16]; 4];
        for (phase, v) in phases.iter_mut().zip(v) {
            self.store(v, phase);
        }
        std::array::from_fn(|part| {
            let lanes: [f32; 16] =
                std::array::from_fn(|i| phases[i % 4][(part * Self::LANES / 4 + i / 4) % 16]);
            self.load(&lanes)
        })
    }

    /// The first values of `from`, at most `LANES`; zeros after them.
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Self::V {
        if from.len() >= Self::LANES {
            return self.load(from);
        }
        let mut lanes = [0.0; 16];
        lanes[..from.len()].copy_from_slice(from);
        self.load(&lanes)
    }

    /// Writes as many lanes as `to` has room for.
    #[inline(always)]
    fn store_partial<T: Slot>(self, v: Self::V, to: &mut [T]) {
        if to.len() >= Self::LANES {
            return self.store(v, to);
        }
        let mut lanes = [T::new(0.0); 16];
        self.store(v, &mut lanes);
        to.copy_from_slice(&lanes[..to.len()]);
    }

    /// The first values of `from`, at most `V` vectors of them; zeros after them.
    #[inline(always)]
    fn load_row<const V: usize>(self, from: &[f32]) -> [Self::V; V] {
        let mut row = [self.splat(0.0); V];
        if from.len() >= V * Self::LANES {
            let from = &from[..V * Self::LANES]; // one check for all
            for (v, x) in row.iter_mut().enumerate() {
                *x = self.load(&from[v * Self::LANES..]);
            }
        } else {
            for (v, x) in row.iter_mut().enumerate() {
                *x = self.load_partial(&from[from.len().min(v * Self::LANES)..]);
            }
        }
        row
    }

    /// Writes as many lanes of `V` vectors as `to` has room for.
    #[inline(always)]
    fn store_row<T: Slot, const V: usize>(self, row: [Self::V; V], to: &mut [T]) {
        if to.len() >= V * Self::LANES {
            let to = &mut to[..V * Self::LANES]; // one check for all
            for (v, x) in row.into_iter().enumerate() {
                self.store(x, &mut to[v * Self::LANES..]);
            }
        } else {
            for (v, x) in row.into_iter().enumerate() {
                let first = to.len().min(v * Self::LANES);
                self.store_partial(x, &mut to[first..]);
            }
        }
    }

    /// Sum of the lanes, always in the same order.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let mut lanes = [0.0; 16];
        self.store(v, &mut lanes);
        let mut width = Self::LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        lanes[0]
    }
}

/// A computation that is compiled for every instruction set. `run` must be `#[inline(always)]`.
pub(super) trait Kernel {
    /// What it computes.
    type Output;
    /// The computation.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub struct Isa(Choice);

#[derive(Clone, Copy, Debug)]
enum Choice {
    #[cfg(target_arch = "x86_64")]
    Amx(avx512::Avx512, Amx),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    Portable(portable::Portable),
}

impl Isa {
    /// The instruction sets of this processor up to the environment's limit ([`LIMIT`]), the fastest first; the portable one is
    /// always the last. A limit that isn't understood counts as none: see [`Isa::check_limit`].
    pub fn available() -> Vec<Self> {
        Self::available_up_to(limit::highest().unwrap_or(usize::MAX))
    }

    /// Whether the environment's limit ([`LIMIT`]) is one that this architecture has.
    ///
    /// # Errors
    /// What is wrong with the variable, and what it can be.
    pub fn check_limit() -> Result<(), String> {
        limit::highest().map(|_| ())
    }

    /// Whether the environment sets a limit.
    pub fn is_limited() -> bool {
        std::env::var_os(LIMIT).is_some()
    }

    /// Those up to a rank.
    fn available_up_to(highest: usize) -> Vec<Self> {
        let mut sets = Self::detected();
        sets.retain(|isa| isa.rank() <= highest);
        sets
    }

    /// All that the processor has.
    fn detected() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = avx512::Avx512::detect();
            let amx = avx512.zip(Amx::detect());
            sets.extend(amx.map(|(s, amx)| Self(Choice::Amx(s, amx))));
            sets.extend(avx512.map(|s| Self(Choice::Avx512(s))));
            sets.extend(avx2::Avx2::detect().map(|s| Self(Choice::Avx2(s))));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(neon::Neon::detect().map(|s| Self(Choice::Neon(s))));
        sets.push(Self(Choice::Portable(portable::Portable)));
        sets
    }

    /// The fastest instruction set of this processor.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let fastest = Self::available().first().copied();
            fastest.unwrap_or(Self(Choice::Portable(portable::Portable)))
        })
    }

    /// The fastest one that doesn't split f32 into bfloat16.
    pub fn without_bf16x3() -> Self {
        static FASTEST: OnceLock<Isa> = OnceLock::new();
        *FASTEST.get_or_init(|| {
            let fastest = Self::available().into_iter().find(|isa| !isa.uses_bf16x3());
            fastest.unwrap_or(Self(Choice::Portable(portable::Portable)))
        })
    }

    /// Whether large products are of values split into two bfloat16, which keep 16 bits of 24.
    pub fn uses_bf16x3(self) -> bool {
        self.amx().is_some()
    }

    /// Tiles for matrix products.
    pub(super) fn amx(self) -> Option<Amx> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Amx(_, amx) => Some(amx),
            _ => None,
        }
    }

    /// Its usual name, such as `AVX-512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Amx(..) => "AMX",
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(_) => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(_) => "NEON",
            Choice::Portable(_) => "portable",
        }
    }

    /// Place among the instruction sets of its architecture, from 0 for the portable one.
    fn rank(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Amx(..) => 3,
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) => 2,
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(_) => 1,
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(_) => 1,
            Choice::Portable(_) => 0,
        }
    }

    /// Runs a kernel, compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Amx(simd, _) | Choice::Avx512(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(simd) => simd.vectorize(kernel),
            Choice::Portable(simd) => simd.vectorize(kernel),
        }
    }
}

#[cfg(test)]
mod tests;
