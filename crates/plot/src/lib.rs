//! Pictures of numbers: a small SVG builder for every plot of the program, dark and legible, saved as SVG or PNG.
//!
//! A [`Figure`] is a sheet with lines, areas, rectangles, texts and pictures in pixels from the top left corner. A [`Panel`]
//! is a part of it with axes, which maps times and values to pixels:
//!
//! ```no_run
//! use plot::{Figure, Panel, palette};
//!
//! # fn main() -> common::Result<()> {
//! let mut figure = Figure::new(800.0, 240.0);
//! let panel = Panel::new(60.0, 40.0, 720.0, 160.0).x(0.0, 30.0).y(0.0, 1.0);
//! panel.background(&mut figure);
//! panel.time_axis(&mut figure);
//! panel.curve(&mut figure, (0..300).map(|i| (f64::from(i) * 0.1, 0.5)), palette::CYAN, 1.5);
//! figure.save("speed.png")
//! # }
//! ```

mod figure;
mod panel;
mod raster;

pub use figure::{Anchor, Figure, Text};
pub use panel::{Panel, time_ticks, value_ticks};

/// Colours of all plots, as SVG writes them: bright marks on a dark sheet, told apart by brightness as well as by hue.
pub mod palette {
    /// The sheet.
    pub const SHEET: &str = "#0e1016";
    /// A panel on the sheet.
    pub const PANEL: &str = "#161a24";
    /// Grid lines on a panel.
    pub const GRID: &str = "#262c3b";
    /// Main text and the strongest marks.
    pub const TEXT: &str = "#eceff6";
    /// Secondary text and weak marks.
    pub const MUTED: &str = "#8a93a8";
    /// Low band.
    pub const CORAL: &str = "#ff6f61";
    /// Mid band.
    pub const AMBER: &str = "#f6bd60";
    /// High band, and single curves.
    pub const CYAN: &str = "#5cc8e8";
    /// Second curve.
    pub const VIOLET: &str = "#a98bfa";
    /// Third curve.
    pub const GREEN: &str = "#7bd88f";

    /// Colour `idx` of a series that repeats after a while.
    pub fn series(idx: usize) -> &'static str {
        [CYAN, VIOLET, AMBER, GREEN, CORAL][idx % 5]
    }
}
