//! Comparison with a kept picture.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use image::{GenericImage, Rgb, RgbImage};
use visualize::pipeline::DRAWING_VERSION;

const VERSION: &str = "drawing_version.txt";

/// How far a picture may lie from its golden one.
#[derive(Clone, Copy)]
pub struct Tolerance {
    /// Difference of a colour value that is not counted, 0 to 255.
    pub levels: u8,
    /// Share of pixels that may differ by more.
    pub share: f64,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn is_accepting() -> bool {
    std::env::var_os("VISUALIZE_GOLDEN").is_some_and(|wish| wish == "accept")
}

/// As [`check`], for a picture that the model draws. Chunks of equal names must hold equal pixels, so these pictures are kept
/// with the version of the drawing that drew them, and others are only accepted with another version.
pub fn check_drawing(name: &str, got: &RgbImage, tolerance: Tolerance) {
    // Read before the first picture is accepted, since that writes it.
    static KEPT: LazyLock<u32> = LazyLock::new(|| {
        let text = std::fs::read_to_string(golden(VERSION)).unwrap();
        text.trim().parse().unwrap()
    });
    let kept = *KEPT;
    if is_accepting() {
        let is_new = image::open(golden(&format!("{name}.png")))
            .is_ok_and(|kept| compare(&kept.to_rgb8(), got, tolerance).is_err());
        assert!(
            !is_new || kept < DRAWING_VERSION,
            "{name}: raise DRAWING_VERSION first, since chunks of the old pixels have its name"
        );
        std::fs::write(golden(VERSION), format!("{DRAWING_VERSION}\n")).unwrap();
    } else {
        assert_eq!(
            kept, DRAWING_VERSION,
            "the golden pictures are of another DRAWING_VERSION; see main.rs for how to accept new ones"
        );
    }
    check(name, got, tolerance);
}

/// Fails, and leaves pictures that show why, where `got` isn't the golden picture `name`.
pub fn check(name: &str, got: &RgbImage, tolerance: Tolerance) {
    let golden = golden(&format!("{name}.png"));
    let want = match image::open(&golden) {
        Ok(want) => want.to_rgb8(),
        Err(_) if is_accepting() => RgbImage::default(),
        Err(error) => panic!("{}: {error}", golden.display()),
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    if let Err(reason) = compare(&want, got, tolerance) {
        if is_accepting() {
            got.save(golden).unwrap();
            return;
        }
        std::fs::create_dir_all(&folder).unwrap();
        let path = |kind: &str| folder.join(format!("{name}.{kind}.png"));
        got.save(path("got")).unwrap();
        side_by_side(&want, got).save(path("diff")).unwrap();
        panic!(
            "{name}: {reason}; look at {} and at {}",
            path("got").display(),
            path("diff").display()
        );
    }
}

fn compare(want: &RgbImage, got: &RgbImage, tolerance: Tolerance) -> Result<(), String> {
    if want.dimensions() != got.dimensions() {
        let (want, got) = (want.dimensions(), got.dimensions());
        return Err(format!("it is {got:?} large, the golden one {want:?}"));
    }
    let distances = want.pixels().zip(got.pixels()).map(|(a, b)| distance(a, b));
    let (n_pixels, n_far, largest) = distances.fold((0_u32, 0_u32, 0), |(n, far, largest), d| {
        (n + 1, far + u32::from(d > tolerance.levels), d.max(largest))
    });
    let share = f64::from(n_far) / f64::from(n_pixels.max(1));
    if share <= tolerance.share {
        return Ok(());
    }
    Err(format!(
        "{:.2} % of the pixels differ by more than {} of 255, by {largest} at most ({:.2} % may)",
        share * 100.0,
        tolerance.levels,
        tolerance.share * 100.0
    ))
}

/// Largest difference of a colour value.
fn distance(a: &Rgb<u8>, b: &Rgb<u8>) -> u8 {
    let values = a.0.iter().zip(&b.0);
    values.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// The golden picture, the drawn one, and their difference, eight times as strong.
fn side_by_side(want: &RgbImage, got: &RgbImage) -> RgbImage {
    let (width, height) = (
        want.width().max(got.width()),
        want.height().max(got.height()),
    );
    let mut page = RgbImage::new(3 * width, height);
    page.copy_from(want, 0, 0).unwrap();
    page.copy_from(got, width, 0).unwrap();
    for (x, y, a) in want.enumerate_pixels() {
        if x < got.width() && y < got.height() {
            let b = got.get_pixel(x, y);
            let strong = |i: usize| a.0[i].abs_diff(b.0[i]).saturating_mul(8);
            page.put_pixel(2 * width + x, y, Rgb([strong(0), strong(1), strong(2)]));
        }
    }
    page
}

#[test]
fn a_picture_that_differs_is_noticed_and_shown() {
    let exact = Tolerance {
        levels: 1,
        share: 0.0,
    };
    let want = RgbImage::from_pixel(4, 2, Rgb([10, 20, 30]));
    let mut got = want.clone();
    assert_eq!(compare(&want, &got, exact), Ok(()));
    got.put_pixel(3, 1, Rgb([11, 20, 30]));
    assert_eq!(compare(&want, &got, exact), Ok(()));
    got.put_pixel(3, 1, Rgb([10, 20, 33]));
    assert!(compare(&want, &got, exact).is_err());
    let lenient = Tolerance {
        share: 0.125,
        ..exact
    };
    assert_eq!(compare(&want, &got, lenient), Ok(()));
    let page = side_by_side(&want, &got);
    assert_eq!(page.dimensions(), (12, 2));
    assert_eq!(page.get_pixel(8 + 3, 1), &Rgb([0, 0, 24]));
    assert_eq!(page.get_pixel(8, 0), &Rgb([0, 0, 0]));
    assert!(compare(&want, &RgbImage::new(2, 2), lenient).is_err());
}
