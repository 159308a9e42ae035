//! Better colours for blocks of BC1: the two colours of a block that fit its pixels best, by least squares, given which of the four
//! shades each pixel has; then the shades anew (Brown 2006, the library "squish").

/// Rounds; more of them gain next to nothing.
const N_ROUNDS: usize = 2;

/// Share of the first colour in each of the four shades.
const SHARES: [f32; 4] = [1.0, 0.0, 2.0 / 3.0, 1.0 / 3.0];

type Pixels = [[f32; 3]; 16];

/// Two colours of 5, 6 and 5 bits, and two bits for each pixel.
#[derive(Clone, Copy)]
struct Block {
    ends: [u16; 2],
    shades: u32,
}

/// Changes a block of BC1, or the colours of one of BC3, where that brings it closer to its pixels.
pub(super) fn refine(bytes: &mut [u8; 8], pixels: &Pixels) {
    let [a, b, c, d, shades @ ..] = *bytes;
    let mut best = Block {
        ends: [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])],
        shades: u32::from_le_bytes(shades),
    };
    let mut least = best.error(pixels);
    for _ in 0..N_ROUNDS {
        let Some(next) = best.fitted(pixels) else {
            break;
        };
        let error = next.error(pixels);
        if error >= least {
            break;
        }
        (best, least) = (next, error);
    }
    let [[a, b], [c, d]] = best.ends.map(u16::to_le_bytes);
    let [e, f, g, h] = best.shades.to_le_bytes();
    *bytes = [a, b, c, d, e, f, g, h];
}

impl Block {
    fn palette(self) -> [[f32; 3]; 4] {
        let [first, second] = self.ends.map(colour);
        SHARES.map(|share| std::array::from_fn(|k| share * first[k] + (1.0 - share) * second[k]))
    }

    fn shade(self, pixel: usize) -> usize {
        (self.shades >> (2 * pixel) & 3) as usize
    }

    fn error(self, pixels: &Pixels) -> f32 {
        let palette = self.palette();
        let pixels = pixels.iter().enumerate();
        pixels
            .map(|(i, pixel)| distance(pixel, &palette[self.shade(i)]))
            .sum()
    }

    /// The best colours for the shades, and the best shades for those. `None` where all pixels have one shade, or both colours would
    /// be the same.
    fn fitted(self, pixels: &Pixels) -> Option<Self> {
        let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
        let (mut first, mut second) = ([0.0; 3], [0.0; 3]);
        for (i, pixel) in pixels.iter().enumerate() {
            let share = SHARES[self.shade(i)];
            aa += share * share;
            ab += share * (1.0 - share);
            bb += (1.0 - share) * (1.0 - share);
            for k in 0..3 {
                first[k] += share * pixel[k];
                second[k] += (1.0 - share) * pixel[k];
            }
        }
        let determinant = aa * bb - ab * ab;
        if determinant < 1e-3 {
            return None;
        }
        let solve = |x: f32, y: f32, p: [f32; 3], q: [f32; 3]| {
            packed(std::array::from_fn(|k| (x * p[k] - y * q[k]) / determinant))
        };
        let (a, b) = (solve(bb, ab, first, second), solve(aa, ab, second, first));
        if a == b {
            return None; // BC1 would take it for the mode with three shades
        }
        let mut block = Self {
            ends: [a.max(b), a.min(b)],
            shades: 0,
        };
        let palette = block.palette();
        for (i, pixel) in pixels.iter().enumerate() {
            let best = (1..4).fold(0, |best, shade| {
                let is_closer = distance(pixel, &palette[shade]) < distance(pixel, &palette[best]);
                if is_closer { shade } else { best }
            });
            block.shades |= (best as u32) << (2 * i);
        }
        Some(block)
    }
}

/// 0..=255 in each channel.
fn colour(packed: u16) -> [f32; 3] {
    let widen = |value: u16, bits: u32| f32::from(value << (8 - bits) | value >> (2 * bits - 8));
    [
        widen(packed >> 11, 5),
        widen(packed >> 5 & 63, 6),
        widen(packed & 31, 5),
    ]
}

fn packed(colour: [f32; 3]) -> u16 {
    let level = |value: f32, most: f32| (value * most / 255.0).round().clamp(0.0, most) as u16;
    level(colour[0], 31.0) << 11 | level(colour[1], 63.0) << 5 | level(colour[2], 31.0)
}

fn distance(a: &[f32; 3], b: &[f32; 3]) -> f32 {
    (0..3).map(|k| (a[k] - b[k]) * (a[k] - b[k])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_never_get_worse(
            bytes in prop::array::uniform8(0u8..),
            pixels in prop::array::uniform16(prop::array::uniform3(0f32..255.0)),
        ) {
            let of = |bytes: [u8; 8]| Block {
                ends: [u16::from_le_bytes([bytes[0], bytes[1]]), u16::from_le_bytes([bytes[2], bytes[3]])],
                shades: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            };
            let mut better = bytes;
            refine(&mut better, &pixels);
            prop_assert!(of(better).error(&pixels) <= of(bytes).error(&pixels));
        }
    }

    #[test]
    fn colours_of_a_block_are_found_again() {
        let wanted = Block {
            ends: [packed([200.0, 90.0, 40.0]), packed([16.0, 40.0, 120.0])],
            shades: 0b00_01_10_11_00_01_10_11_11_10_01_00_11_10_01_00,
        };
        let palette = wanted.palette();
        let pixels = std::array::from_fn(|i| palette[wanted.shade(i)]);
        let rough = Block {
            ends: [packed([180.0, 100.0, 60.0]), packed([30.0, 50.0, 100.0])],
            ..wanted
        };
        let [[a, b], [c, d]] = rough.ends.map(u16::to_le_bytes);
        let [e, f, g, h] = rough.shades.to_le_bytes();
        let mut bytes = [a, b, c, d, e, f, g, h];
        refine(&mut bytes, &pixels);
        assert_eq!(bytes[..2], wanted.ends[0].to_le_bytes());
        assert_eq!(bytes[2..4], wanted.ends[1].to_le_bytes());
    }
}
