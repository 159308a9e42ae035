//! Interpolation between two tensors: linear for embeddings, spherical for noise.

use candle_core::{DType, Result, Tensor};

/// Cosine of the angle above which [`slerp`] is replaced by [`lerp`].
pub const PARALLEL: f64 = 0.9995;

/// `a` at 0, `b` at 1, straight between them.
///
/// # Errors
/// When shapes differ or the device fails.
pub fn lerp(a: &Tensor, b: &Tensor, t: f64) -> Result<Tensor> {
    (a * (1.0 - t))? + (b * t)?
}

/// `a` at 0, `b` at 1, along the great circle between them (Shoemake 1985), taken over all elements as one vector.
///
/// The angle is computed in f64. Nearly parallel and nearly opposite vectors, whose arc is undefined, fall back to [`lerp`].
///
/// # Errors
/// When shapes differ or the device fails.
pub fn slerp(a: &Tensor, b: &Tensor, t: f64) -> Result<Tensor> {
    let (wide_a, wide_b) = (a.to_dtype(DType::F64)?, b.to_dtype(DType::F64)?);
    let dot = |x: &Tensor, y: &Tensor| (x * y)?.sum_all()?.to_scalar::<f64>();
    let cosine = dot(&wide_a, &wide_b)? / (dot(&wide_a, &wide_a)? * dot(&wide_b, &wide_b)?).sqrt();
    let (weight_a, weight_b) = slerp_weights(cosine, t);
    ((wide_a * weight_a)? + (wide_b * weight_b)?)?.to_dtype(a.dtype())
}

/// [`slerp`] for each vector of the last axis by itself.
///
/// # Errors
/// When shapes differ or the device fails.
pub fn slerp_last_axis(a: &Tensor, b: &Tensor, t: f64) -> Result<Tensor> {
    let width = a.dim(candle_core::D::Minus1)?;
    let (rows_a, rows_b) = (a.reshape(((), width))?, b.reshape(((), width))?);
    let rows = (0..rows_a.dim(0)?)
        .map(|row| slerp(&rows_a.get(row)?, &rows_b.get(row)?, t))
        .collect::<Result<Vec<_>>>()?;
    Tensor::stack(&rows, 0)?.reshape(a.shape())
}

/// Weights of both ends for vectors whose angle has this cosine.
fn slerp_weights(cosine: f64, t: f64) -> (f64, f64) {
    if cosine.is_nan() || cosine.abs() > PARALLEL {
        return (1.0 - t, t);
    }
    let angle = cosine.acos();
    let sine = angle.sin();
    (((1.0 - t) * angle).sin() / sine, (t * angle).sin() / sine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slerp_keeps_unit_length(cosine in -0.999f64..0.999, t in 0.0f64..1.0) {
            let (a, b) = slerp_weights(cosine, t);
            let length = (a * a + b * b + 2.0 * a * b * cosine).sqrt();
            prop_assert!((length - 1.0).abs() < 1e-9);
        }

        #[test]
        fn slerp_ends_at_its_ends(cosine in -1.0f64..1.0) {
            let (a, b) = slerp_weights(cosine, 0.0);
            prop_assert!((a - 1.0).abs() < 1e-12 && b.abs() < 1e-12);
            let (a, b) = slerp_weights(cosine, 1.0);
            prop_assert!(a.abs() < 1e-12 && (b - 1.0).abs() < 1e-12);
        }
    }
}
