//! The camera: a finished frame seen closer, turned, or from a little aside.
//!
//! A [`View`] belongs to one frame and depends on no other, so frames stay a pure function of the timeline. What lies beyond
//! a frame's edges was never drawn; [`overscan`] is the zoom that keeps it out of sight.

use serde::{Deserialize, Serialize};

use crate::Size;

/// Highest zoom of a view.
pub const MAX_ZOOM: f64 = 16.0;

/// Farthest pan of a view, as a share of the frame.
pub const MAX_PAN: f64 = 0.5;

/// How a frame is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// How much larger the picture appears, 1 = as it was drawn, at most [`MAX_ZOOM`].
    pub zoom: f64,
    /// Angle in radians by which the picture is turned clockwise around the middle of the view.
    pub rotation: f64,
    /// How far the view lies to the right of the picture's middle, as a share of its width.
    pub pan_x: f64,
    /// How far the view lies below the picture's middle, as a share of its height.
    pub pan_y: f64,
}

impl Default for View {
    /// The picture as it was drawn.
    fn default() -> Self {
        Self {
            zoom: 1.0,
            rotation: 0.0,
            pan_x: 0.0,
            pan_y: 0.0,
        }
    }
}

impl View {
    /// Whether the picture is seen as it was drawn.
    pub fn is_still(&self) -> bool {
        *self == Self::default()
    }

    /// Where in a picture of `size` the place `(x, y)` of the view comes from. Both in pixels, from the middle.
    pub fn source(&self, size: Size, (x, y): (f64, f64)) -> (f64, f64) {
        let (sin, cos) = self.rotation.sin_cos();
        (
            (cos * x + sin * y) / self.zoom + self.pan_x * f64::from(size.width),
            (cos * y - sin * x) / self.zoom + self.pan_y * f64::from(size.height),
        )
    }

    /// How far the picture moves from this view to another: the root mean square over a frame of `size`, as a share of
    /// its diagonal.
    pub fn distance(&self, other: &Self, size: Size) -> f64 {
        const PLACES: [f64; 3] = [-0.4, 0.0, 0.4];
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let mut squares = 0.0;
        for y in PLACES {
            for x in PLACES {
                let place = (x * width, y * height);
                let (a, b) = (self.source(size, place), other.source(size, place));
                // Seen on the screen, a move in the picture is as much larger as the zoom.
                squares += (self.zoom * (a.0 - b.0)).powi(2) + (self.zoom * (a.1 - b.1)).powi(2);
            }
        }
        (squares / 9.0).sqrt() / width.hypot(height)
    }
}

/// The least zoom at which no view that is turned by at most `rotation` radians and moved by at most `pan` (shares of width
/// and height, below 0.5) shows anything beyond the edges of a picture of `size`.
pub fn overscan(size: Size, rotation: f64, (pan_x, pan_y): (f64, f64)) -> f64 {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    // A turned frame is as wide as cos * width + sin * height, which is largest on the diagonal.
    let needed = |along: f64, across: f64, pan: f64| {
        let (sin, cos) = rotation.abs().min(across.atan2(along)).sin_cos();
        (cos + sin * across / along) / (1.0 - 2.0 * pan.abs()).max(1e-3)
    };
    needed(width, height, pan_x)
        .max(needed(height, width, pan_y))
        .max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: Size = Size {
        width: 640,
        height: 360,
    };

    #[test]
    fn known_views_need_a_known_zoom() {
        assert!((overscan(WIDE, 0.0, (0.0, 0.0)) - 1.0).abs() < 1e-12);
        assert!((overscan(WIDE, 0.0, (0.1, 0.0)) - 1.25).abs() < 1e-12);
        let square = Size {
            width: 512,
            height: 512,
        };
        for angle in [0.25 * std::f64::consts::PI, 1.0, 3.0] {
            assert!((overscan(square, angle, (0.0, 0.0)) - 2f64.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn distances_are_shares_of_the_diagonal() {
        let still = View::default();
        let aside = View {
            pan_x: 0.01,
            ..still
        };
        let expected = 6.4 / 640f64.hypot(360.0);
        assert!((still.distance(&aside, WIDE) - expected).abs() < 1e-12);
        assert!(still.distance(&still, WIDE) < 1e-12);
    }

    proptest! {
        /// Every corner of the view lies within the picture.
        #[test]
        fn edges_never_show(
            rotation in -1.2f64..1.2,
            share in -1.0f64..1.0,
            pan in (0.0f64..0.2, 0.0f64..0.2),
            (x, y) in (-1.0f64..1.0, -1.0f64..1.0),
            is_tall in any::<bool>(),
        ) {
            let size = if is_tall { Size { width: 360, height: 640 } } else { WIDE };
            let zoom = overscan(size, rotation, pan);
            let view = View { zoom, rotation: share * rotation, pan_x: x * pan.0, pan_y: y * pan.1 };
            let (right, bottom) = (0.5 * f64::from(size.width), 0.5 * f64::from(size.height));
            for corner in [(right, bottom), (-right, bottom), (right, -bottom), (-right, -bottom)] {
                let (x, y) = view.source(size, corner);
                prop_assert!(x.abs() <= right + 1e-9 && y.abs() <= bottom + 1e-9, "{x} {y}");
            }
        }
    }
}
