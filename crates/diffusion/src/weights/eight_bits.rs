//! Weights in numbers of 8 bits: as f32, and at their scale.

use common::{Error, Result};

use super::SafetensorsFile;

/// A number of 8 bits with 4 of exponent and 3 of mantissa, without infinity (Micikevicius et al. 2022, arXiv 2209.05433).
pub fn e4m3_to_f32(byte: u8) -> f32 {
    let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(byte >> 3 & 0x0f), f32::from(byte & 0x07));
    sign * match (exponent, byte & 0x07) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa * 2f32.powi(-9),
        _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
    }
}

/// A number of 8 bits with 5 of exponent and 2 of mantissa: the upper half of one in half precision.
pub fn e5m2_to_f32(byte: u8) -> f32 {
    half::f16::from_bits(u16::from(byte) << 8).to_f32()
}

impl SafetensorsFile {
    /// Multiplies the elements of a weight in 8 bits by the scale that lies beside it, one for all or one for each row:
    /// `scale_weight` or `weight_scale`, as ComfyUI writes them.
    ///
    /// # Errors
    /// [`Error::Weights`] for a scale of another shape.
    pub(super) fn scale_up(&self, name: &str, values: &mut [f32]) -> Result<()> {
        let (Some(entry), Some(module)) = (self.entries().get(name), name.strip_suffix(".weight"))
        else {
            return Ok(());
        };
        let beside = ["scale_weight", "weight_scale"].map(|scale| format!("{module}.{scale}"));
        let found = beside.into_iter().find(|n| self.entries().contains_key(n));
        let Some(scale_name) = found.filter(|_| entry.dtype.starts_with("F8_")) else {
            return Ok(());
        };
        let scales = self.read_f32(&scale_name)?;
        let n_rows = entry.shape.first().copied().unwrap_or(1);
        if scales.len() != 1 && scales.len() != n_rows {
            return Err(Error::weights(
                &self.path,
                format!(
                    "tensor `{scale_name}` has {} scales; one, or one for each of {n_rows} rows, can be used",
                    scales.len()
                ),
            ));
        }
        let row_len = values.len().checked_div(scales.len()).unwrap_or(0).max(1);
        for (row, scale) in values.chunks_mut(row_len).zip(scales) {
            row.iter_mut().for_each(|value| *value *= scale);
        }
        Ok(())
    }
}
