//! Channels to squares of pixels.

/// Lays every `side * side` planes of `x`, `[.., side * side, height, width]`, out as one plane `[.., height * side, width * side]`
/// of `out`: plane `side * i + j` has row `i`, column `j` of each square (Shi et al. 2016, "Real-Time Single Image and Video
/// Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network"; the order of `torch.nn.PixelShuffle`).
pub fn pixel_shuffle(side: usize, (height, width): (usize, usize), x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "output of a pixel shuffle");
    let plane = height * width;
    if out.is_empty() {
        return;
    }
    for (planes, out) in x
        .chunks_exact(side * side * plane)
        .zip(out.chunks_exact_mut(side * side * plane))
    {
        for (at, row) in out.chunks_exact_mut(side * width).enumerate() {
            let (y, i) = (at / side, at % side);
            for j in 0..side {
                let from = &planes[(side * i + j) * plane + y * width..][..width];
                for (to, from) in row[j..].iter_mut().step_by(side).zip(from) {
                    *to = *from;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn it_is_candles() {
        for (batch, channels, side, height, width) in
            [(1, 3, 2, 4, 6), (2, 1, 3, 5, 1), (1, 2, 1, 3, 3)]
        {
            let shape = (batch, channels * side * side, height, width);
            let len = batch * channels * side * side * height * width;
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let mut out = vec![f32::NAN; len];
            pixel_shuffle(side, (height, width), &x, &mut out);
            let x = Tensor::from_vec(x, shape, &Device::Cpu).unwrap();
            let expected = candle_nn::ops::pixel_shuffle(&x, side).unwrap();
            let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(out, expected);
        }
    }
}
