//! Exponential, SiLU and GELU on vectors.

use super::simd::Simd;

/// `2^x` to 2 units in the last place, for x clamped to -126..=126.
///
/// Polynomial of Cephes `exp2f` (Moshier, 1992).
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, x: S::V) -> S::V {
    const TO_WHOLE: f32 = 12_582_912.0; // 1.5 2^23: adding it rounds to a whole number
    let x = s.min(s.max(x, s.splat(-126.0)), s.splat(126.0));
    let biased = s.add(x, s.splat(TO_WHOLE));
    let r = s.sub(x, s.sub(biased, s.splat(TO_WHOLE)));
    let mut p = s.splat(1.535_336_2e-4);
    for coefficient in [
        1.339_887_4e-3,
        9.618_437e-3,
        5.550_332_5e-2,
        0.240_226_48,
        std::f32::consts::LN_2,
        1.0,
    ] {
        p = s.mul_add(p, r, s.splat(coefficient));
    }
    s.mul(p, s.exp2_of_biased(biased))
}

/// `x / (1 + e^-x)`
#[inline(always)]
pub(super) fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    let e = exp2(s, s.mul(x, s.splat(-std::f32::consts::LOG2_E)));
    s.div(x, s.add(s.splat(1.0), e))
}

/// `x Φ(x)` with the normal distribution's Φ (the erf form, not the tanh approximation); absolute error 2e-7 |x|.
///
/// erfc by Abramowitz and Stegun, formula 7.1.26.
#[inline(always)]
pub(super) fn gelu<S: Simd>(s: S, x: S::V) -> S::V {
    let zero = s.splat(0.0);
    let magnitude = s.max(x, s.sub(zero, x));
    let z = s.mul(magnitude, s.splat(std::f32::consts::FRAC_1_SQRT_2));
    let t = s.div(
        s.splat(1.0),
        s.mul_add(z, s.splat(0.327_591_1), s.splat(1.0)),
    );
    let mut p = s.splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        p = s.mul_add(p, t, s.splat(coefficient));
    }
    let e = exp2(s, s.mul(s.mul(z, z), s.splat(-std::f32::consts::LOG2_E)));
    let erfc = s.mul(s.mul(p, t), e);
    s.sub(s.max(x, zero), s.mul(s.mul(magnitude, s.splat(0.5)), erfc))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::simd::{Isa, Kernel};
    use super::*;

    struct Evaluate([f32; 16]);
    impl Kernel for Evaluate {
        type Output = (usize, [[f32; 16]; 3]);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            let x = s.load(&self.0);
            let mut out = [[0.0; 16]; 3];
            s.store(exp2(s, x), &mut out[0]);
            s.store(silu(s, x), &mut out[1]);
            s.store(gelu(s, x), &mut out[2]);
            (S::LANES, out)
        }
    }

    /// erf by its Maclaurin series, and 1 where that converges badly.
    pub(crate) fn gelu_reference(x: f64) -> f64 {
        let z = x / std::f64::consts::SQRT_2;
        if z.abs() > 5.0 {
            return x.max(0.0);
        }
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            let n = f64::from(n);
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        0.5 * x * (1.0 + sum * std::f64::consts::FRAC_2_SQRT_PI)
    }

    #[test]
    fn functions_are_accurate() {
        for isa in Isa::available() {
            for step in -800..=800 {
                let x = step as f32 * 0.11;
                let (lanes, [e, silu, gelu]) = isa.run(Evaluate([x; 16]));
                let exact = f64::from(x).exp2();
                let bound =
                    |value: f64, relative: f64, absolute: f64| value.abs() * relative + absolute;
                for i in 0..lanes {
                    let near = |got: f32, expected: f64, relative, absolute| {
                        let error = (f64::from(got) - expected).abs();
                        assert!(
                            error <= bound(expected, relative, absolute),
                            "{} x {x}: {got} for {expected}",
                            isa.name()
                        );
                    };
                    if (-126.0..126.0).contains(&x) {
                        near(e[i], exact, 3e-7, 0.0);
                    }
                    near(
                        silu[i],
                        f64::from(x) / (1.0 + (-f64::from(x)).exp()),
                        1e-5,
                        1e-35,
                    );
                    near(
                        gelu[i],
                        gelu_reference(f64::from(x)),
                        4e-7,
                        4e-7 * f64::from(x).abs(),
                    );
                }
            }
        }
    }
}
