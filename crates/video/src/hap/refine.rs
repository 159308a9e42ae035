//! Better colours for blocks of BC1: the two colours of a block that fit its pixels best, by least squares, given which of the four
//! shades each pixel has; then the shades anew (Brown 2006, the library "squish"). What rounding to 5, 6 and 5 bits does to them is
//! mended by steps of one level, for as long as one helps. Blocks of nearly one colour take a shade between two colours, of which there
//! are more than of colours (Giesen 2007, "rygDXT").

/// Rounds of fitting; more of them gain next to nothing.
const N_ROUNDS: usize = 2;

/// Rounds of steps, of each channel of both colours.
const N_STEP_ROUNDS: usize = 3;

/// Share of the first colour in each of the four shades.
const SHARES: [f32; 4] = [1.0, 0.0, 2.0 / 3.0, 1.0 / 3.0];

/// A block's pixels in 0..=255, `[channel][pixel]`: loops over pixels become vectors.
pub(super) type Pixels = [[f32; 16]; 3];

/// Two colours of 5, 6 and 5 bits, the larger one first, which asks for four shades.
#[derive(Clone, Copy)]
struct Ends([u16; 2]);

/// Changes a block of BC1, or the colours of one of BC3, where that brings it closer to its pixels. Each pixel gets the shade nearest to
/// it.
pub(super) fn refine(bytes: &mut [u8; 8], pixels: &Pixels) {
    let [a, b, c, d, ..] = *bytes;
    let mut best = Ends::of(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let mut least = best.error(pixels);
    let mut try_out = |best: &mut Ends, next: Option<Ends>| {
        let error = next.map_or(f32::INFINITY, |next| next.error(pixels));
        let is_better = error < least;
        if let Some(next) = next.filter(|_| is_better) {
            (*best, least) = (next, error);
        }
        is_better
    };
    for _ in 0..N_ROUNDS {
        let next = best.fitted(pixels);
        if !try_out(&mut best, next) {
            break;
        }
    }
    try_out(&mut best, Some(Ends::flat(pixels)));
    for _ in 0..N_STEP_ROUNDS {
        let mut is_better = false;
        for (end, channel, direction) in steps() {
            let next = best.stepped(end, channel, direction);
            is_better |= try_out(&mut best, next);
        }
        if !is_better {
            break;
        }
    }
    let [[a, b], [c, d]] = best.0.map(u16::to_le_bytes);
    let shades = best.shades(pixels).into_iter().enumerate();
    let [e, f, g, h] = shades
        .fold(0, |packed, (i, shade)| packed | shade << (2 * i))
        .to_le_bytes();
    *bytes = [a, b, c, d, e, f, g, h];
}

impl Ends {
    fn of(a: u16, b: u16) -> Self {
        Self([a.max(b), a.min(b)])
    }

    /// `[shade][channel]`
    fn palette(self) -> [[f32; 3]; 4] {
        let [first, second] = self.0.map(colour);
        SHARES.map(|share| std::array::from_fn(|k| share * first[k] + (1.0 - share) * second[k]))
    }

    /// Squared distance of the pixels from the shades nearest to them.
    fn error(self, pixels: &Pixels) -> f32 {
        let mut nearest = [f32::INFINITY; 16];
        for shade in self.palette() {
            for (i, distance) in distances(pixels, &shade).into_iter().enumerate() {
                // Not `min`, which minds what isn't a number and keeps this from becoming vectors.
                nearest[i] = if distance < nearest[i] {
                    distance
                } else {
                    nearest[i]
                };
            }
        }
        nearest.iter().sum()
    }

    /// The shade nearest to each pixel.
    fn shades(self, pixels: &Pixels) -> [u32; 16] {
        let mut nearest = [f32::INFINITY; 16];
        let mut shades = [0; 16];
        if self.0[0] == self.0[1] {
            return shades; // the only one that is the same with three shades
        }
        for (shade, values) in (0..).zip(self.palette()) {
            let distances = distances(pixels, &values);
            for i in 0..16 {
                if distances[i] < nearest[i] {
                    (nearest[i], shades[i]) = (distances[i], shade);
                }
            }
        }
        shades
    }

    /// The best colours for the shades. `None` where all pixels have one shade, or both colours would be the same.
    fn fitted(self, pixels: &Pixels) -> Option<Self> {
        let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
        let (mut first, mut second) = ([0.0; 3], [0.0; 3]);
        for (i, shade) in self.shades(pixels).into_iter().enumerate() {
            let share = SHARES[shade as usize];
            aa += share * share;
            ab += share * (1.0 - share);
            bb += (1.0 - share) * (1.0 - share);
            for k in 0..3 {
                first[k] += share * pixels[k][i];
                second[k] += (1.0 - share) * pixels[k][i];
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
        // Of two equal colours, BC1 makes three shades.
        (a != b).then(|| Self::of(a, b))
    }

    /// Two colours of which a shade is nearest to the pixels' mean.
    fn flat(pixels: &Pixels) -> Self {
        let mean = pixels.map(|channel| channel.iter().sum::<f32>() / 16.0);
        let [red, green, blue] =
            [(0, 5), (1, 6), (2, 5)].map(|(k, bits)| levels_around(mean[k], bits));
        let pack = |i: usize| red[i] << 11 | green[i] << 5 | blue[i];
        Self::of(pack(0), pack(1))
    }

    /// One channel of one colour a level up or down. `None` where there is no such level, or both colours would be the same.
    fn stepped(self, end: usize, channel: usize, direction: i32) -> Option<Self> {
        let (shift, most) = [(11, 31), (5, 63), (0, 31)][channel];
        let mut ends = self.0;
        let level = i32::from(ends[end] >> shift) & most;
        let is_level = (0..=most).contains(&(level + direction));
        ends[end] = (i32::from(ends[end]) + (direction << shift)) as u16;
        (is_level && ends[0] != ends[1]).then(|| Self::of(ends[0], ends[1]))
    }
}

/// Squared distance of each pixel from a colour.
fn distances(pixels: &Pixels, colour: &[f32; 3]) -> [f32; 16] {
    let mut sums = [0.0; 16];
    for (channel, value) in pixels.iter().zip(colour) {
        for (sum, pixel) in sums.iter_mut().zip(channel) {
            *sum += (pixel - value) * (pixel - value);
        }
    }
    sums
}

/// Colour, channel and direction of each step.
fn steps() -> impl Iterator<Item = (usize, usize, i32)> {
    (0..12).map(|i| (i % 2, i / 2 % 3, if i < 6 { 1 } else { -1 }))
}

/// Two levels of a channel, the first with two thirds and the second with one third of which a value of 0..=255 is met best; as close to
/// each other as that allows.
fn levels_around(value: f32, bits: u32) -> [u16; 2] {
    let most = (1u16 << bits) - 1;
    let of = |level: u16| f32::from(level << (8 - bits) | level >> (2 * bits - 8));
    let below = (value * f32::from(most) / 255.0).floor() as u16;
    let around = below.saturating_sub(1)..=(below + 2).min(most);
    let pairs = around
        .clone()
        .flat_map(|near| around.clone().map(move |far| [near, far]));
    let miss = |[near, far]: &[u16; 2]| {
        let spread = f32::from(near.abs_diff(*far));
        ((2.0 * of(*near) + of(*far)) / 3.0 - value).abs() + 1e-3 * spread
    };
    pairs
        .min_by(|a, b| miss(a).total_cmp(&miss(b)))
        .unwrap_or([below, below])
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Squared distance of a block's pixels from what it says.
    fn error(bytes: [u8; 8], pixels: &Pixels) -> f32 {
        let [a, b, c, d, shades @ ..] = bytes;
        let palette = Ends([u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]).palette();
        let shades = u32::from_le_bytes(shades);
        let of = |i: usize| distances(pixels, &palette[(shades >> (2 * i) & 3) as usize])[i];
        (0..16).map(of).sum()
    }

    /// Where the first colour isn't the larger one, BC1 has three shades and black: the first shade alone is the same.
    fn has_four_shades([a, b, c, d, shades @ ..]: [u8; 8]) -> bool {
        u16::from_le_bytes([a, b]) > u16::from_le_bytes([c, d]) || shades == [0; 4]
    }

    proptest! {
        #[test]
        fn blocks_never_get_worse(
            bytes in prop::array::uniform8(0u8..),
            pixels in prop::array::uniform3(prop::array::uniform16(0f32..255.0)),
        ) {
            let mut better = bytes;
            refine(&mut better, &pixels);
            prop_assert!(error(better, &pixels) <= error(bytes, &pixels) * 1.000_01);
            prop_assert!(has_four_shades(better));
        }

        /// Closer than the levels of 5 bits lie, which are 8 apart.
        #[test]
        fn plain_colours_are_met_between_the_levels(rgb in prop::array::uniform3(0u8..)) {
            let pixels = rgb.map(|value| [f32::from(value); 16]);
            let mut bytes = [0; 8];
            refine(&mut bytes, &pixels);
            let rms = (error(bytes, &pixels) / 48.0).sqrt();
            prop_assert!(rms <= 1.5, "{rgb:?}: {rms}");
            prop_assert!(has_four_shades(bytes));
        }
    }

    #[test]
    fn colours_of_a_block_are_found_again() {
        let wanted = Ends([packed([200.0, 90.0, 40.0]), packed([16.0, 40.0, 120.0])]);
        let shades = 0b00_01_10_11_00_01_10_11_11_10_01_00_11_10_01_00_u32;
        let palette = wanted.palette();
        let pixels = std::array::from_fn(|k| {
            std::array::from_fn(|i| palette[(shades >> (2 * i) & 3) as usize][k])
        });
        let rough = [packed([180.0, 100.0, 60.0]), packed([30.0, 50.0, 100.0])];
        let [[a, b], [c, d]] = rough.map(u16::to_le_bytes);
        let mut bytes = [a, b, c, d, 0, 0, 0, 0];
        refine(&mut bytes, &pixels);
        assert_eq!(bytes[..2], wanted.0[0].to_le_bytes());
        assert_eq!(bytes[2..4], wanted.0[1].to_le_bytes());
        assert_eq!(bytes[4..], shades.to_le_bytes());
    }
}
