use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

/// A soft picture with a blob whose centre is at `x`, in pixels.
fn blob(x: f64, light: f64) -> RgbImage {
    RgbImage::from_fn(64, 64, |px, py| {
        let square = (f64::from(px) - x).powi(2) + (f64::from(py) - 30.0).powi(2);
        let value = light * (-square / 100.0).exp();
        Rgb([
            (40.0 + 160.0 * value) as u8,
            (90.0 + 100.0 * value) as u8,
            120,
        ])
    })
}

proptest! {
    #[test]
    fn it_is_a_metric(a in 10.0f64..50.0, b in 10.0f64..50.0, c in 10.0f64..50.0, light in 0.3f64..1.0) {
        let [a, b, c] = [blob(a, 1.0), blob(b, light), blob(c, 0.8)].map(|p| Percept::of(&p));
        let (ab, bc, ac) = (a.distance(&b), b.distance(&c), a.distance(&c));
        prop_assert!(a.distance(&a) <= 0.0 && ab >= 0.0);
        prop_assert!((ab - b.distance(&a)).abs() < 1e-12);
        prop_assert!(ac <= ab + bc + 1e-9);
    }
}

#[test]
fn small_moves_add_up() {
    let [a, b, c] = [20.0, 21.0, 22.0].map(|x| Percept::of(&blob(x, 1.0)));
    let (parts, whole) = (a.distance(&b) + b.distance(&c), a.distance(&c));
    assert!((0.9..1.05).contains(&(whole / parts)), "{whole} {parts}");
}

#[test]
fn a_smaller_copy_lies_as_far_apart() {
    let grown =
        |p: &RgbImage, n| image::imageops::resize(p, n, n, image::imageops::FilterType::Triangle);
    let (a, b) = (blob(20.0, 1.0), blob(27.0, 1.0));
    let at = |n| distance(&grown(&a, n), &grown(&b, n));
    let ratio = at(512) / at(256);
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
}
