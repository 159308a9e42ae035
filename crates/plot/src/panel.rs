use common::units::format_secs;

use super::{Anchor, Figure, Text, palette};

/// A rectangle of a figure with a range of `x` and a range of `y` values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// Left edge in pixels.
    pub left: f64,
    /// Upper edge in pixels.
    pub top: f64,
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    x_range: (f64, f64),
    y_range: (f64, f64),
}

impl Panel {
    /// A panel whose `x` and `y` both run from 0 to 1; lengths in pixels.
    pub fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self {
            left,
            top,
            width,
            height,
            x_range: (0.0, 1.0),
            y_range: (0.0, 1.0),
        }
    }

    /// The same panel with `x` from `min` (left) to `max` (right).
    #[must_use]
    pub fn x(mut self, min: f64, max: f64) -> Self {
        self.x_range = widened(min, max);
        self
    }

    /// The same panel with `y` from `min` (bottom) to `max` (top).
    #[must_use]
    pub fn y(mut self, min: f64, max: f64) -> Self {
        self.y_range = widened(min, max);
        self
    }

    /// Pixel of an `x` value.
    pub fn x_px(&self, x: f64) -> f64 {
        self.left + (x - self.x_range.0) / (self.x_range.1 - self.x_range.0) * self.width
    }

    /// Pixel of a `y` value.
    pub fn y_px(&self, y: f64) -> f64 {
        self.top + self.height
            - (y - self.y_range.0) / (self.y_range.1 - self.y_range.0) * self.height
    }

    /// Lowest edge in pixels.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Fills the panel's ground.
    pub fn background(&self, figure: &mut Figure) {
        figure.rect(
            self.left,
            self.top,
            self.width,
            self.height,
            palette::PANEL,
            1.0,
            3.0,
        );
    }

    /// A name in front of the panel, ending at its left edge, with a second, weaker line below where it isn't empty.
    pub fn name(&self, figure: &mut Figure, name: &str, detail: &str) {
        let x = self.left - 12.0;
        let middle = self.top + self.height / 2.0 + if detail.is_empty() { 4.0 } else { -3.0 };
        let style = Text {
            anchor: Anchor::End,
            ..Text::default()
        };
        figure.text(x, middle, name, style);
        let weaker = Text {
            size: 10.0,
            color: palette::MUTED,
            ..style
        };
        figure.text(x, middle + 15.0, detail, weaker);
    }

    /// Vertical grid lines at round times, with the times as `m:ss` below the panel.
    pub fn time_axis(&self, figure: &mut Figure) {
        self.time_grid(figure);
        for (secs, text) in self.times() {
            let style = Text {
                size: 10.5,
                color: palette::MUTED,
                anchor: Anchor::Middle,
                bold: false,
            };
            figure.text(self.x_px(secs), self.bottom() + 16.0, &text, style);
        }
    }

    /// Vertical grid lines at round times, without text.
    pub fn time_grid(&self, figure: &mut Figure) {
        for (secs, _) in self.times() {
            let x = self.x_px(secs);
            figure.line((x, self.top), (x, self.bottom()), palette::GRID, 1.0);
        }
    }

    /// Horizontal grid lines at round values, with the values in front of the panel.
    pub fn value_axis(&self, figure: &mut Figure, n_ticks: usize) {
        for (value, text) in value_ticks(self.y_range.0, self.y_range.1, n_ticks) {
            self.value_line(figure, value, &text);
        }
    }

    /// A horizontal grid line at a value, with a text in front of the panel.
    pub fn value_line(&self, figure: &mut Figure, value: f64, text: &str) {
        let y = self.y_px(value);
        figure.line(
            (self.left, y),
            (self.left + self.width, y),
            palette::GRID,
            1.0,
        );
        let style = Text {
            size: 10.0,
            color: palette::MUTED,
            anchor: Anchor::End,
            bold: false,
        };
        figure.text(self.left - 6.0, y + 3.5, text, style);
    }

    /// A line through `points` (ascending in `x`), clipped to the panel. However many points there are, at most two are
    /// drawn for each pixel column: the lowest and the highest.
    pub fn curve(
        &self,
        figure: &mut Figure,
        points: impl IntoIterator<Item = (f64, f64)>,
        color: &str,
        width: f64,
    ) {
        let columns = self.columns(points);
        let mut line = Vec::with_capacity(columns.len() * 2);
        for (x, low, high) in columns {
            line.push((x, self.y_px(low)));
            if high > low {
                line.push((x, self.y_px(high)));
            }
        }
        figure.polyline(&line, color, width);
    }

    /// The area between `points` (ascending in `x`) and the panel's lower edge; each pixel column shows its highest point.
    pub fn area(
        &self,
        figure: &mut Figure,
        points: impl IntoIterator<Item = (f64, f64)>,
        fill: &str,
        opacity: f64,
    ) {
        let columns = self.columns(points);
        let (Some(first), Some(last)) = (columns.first(), columns.last()) else {
            return;
        };
        let mut outline = vec![(first.0, self.bottom())];
        outline.extend(columns.iter().map(|(x, _, high)| (*x, self.y_px(*high))));
        outline.push((last.0, self.bottom()));
        figure.polygon(&outline, fill, opacity);
    }

    /// The area between the lower and the upper of `points` in each pixel column: a waveform.
    pub fn band(
        &self,
        figure: &mut Figure,
        points: impl IntoIterator<Item = (f64, f64)>,
        fill: &str,
        opacity: f64,
    ) {
        let columns = self.columns(points);
        let mut outline: Vec<_> = columns
            .iter()
            .map(|(x, _, high)| (*x, self.y_px(*high)))
            .collect();
        outline.extend(
            columns
                .iter()
                .rev()
                .map(|(x, low, _)| (*x, self.y_px(*low))),
        );
        figure.polygon(&outline, fill, opacity);
    }

    /// A vertical line over the panel's height at `x`.
    pub fn mark(&self, figure: &mut Figure, x: f64, color: &str, width: f64) {
        let x = self.x_px(x);
        figure.line((x, self.top), (x, self.bottom()), color, width);
    }

    /// Lowest and highest value in each pixel column, clamped to the panel: `(x in pixels, low, high)`.
    fn columns(&self, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<(f64, f64, f64)> {
        let (bottom, top) = self.y_range;
        let mut columns: Vec<(f64, f64, f64)> = Vec::new();
        for (x, y) in points {
            if !(x >= self.x_range.0 && x <= self.x_range.1 && y.is_finite()) {
                continue;
            }
            let y = y.clamp(bottom.min(top), bottom.max(top));
            let x = self.x_px(x);
            match columns.last_mut() {
                Some((column, low, high)) if x - *column < 0.5 => {
                    *low = low.min(y);
                    *high = high.max(y);
                }
                _ => columns.push((x, y, y)),
            }
        }
        columns
    }

    fn times(&self) -> Vec<(f64, String)> {
        time_ticks(
            self.x_range.0,
            self.x_range.1,
            (self.width / 80.0).max(1.0) as usize,
        )
    }
}

/// A range that isn't empty.
fn widened(min: f64, max: f64) -> (f64, f64) {
    if (max - min).abs() > 1e-12 && min.is_finite() && max.is_finite() {
        (min, max)
    } else {
        (min, min + 1.0)
    }
}

/// At most about `n_ticks` round times between `min` and `max` in seconds, each with its text `m:ss`.
pub fn time_ticks(min: f64, max: f64, n_ticks: usize) -> Vec<(f64, String)> {
    const STEPS: [f64; 17] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0,
        3600.0, 7200.0,
    ];
    let least = (max - min) / n_ticks.max(1) as f64;
    let step = STEPS
        .into_iter()
        .find(|s| *s >= least)
        .unwrap_or((least / 7200.0).ceil() * 7200.0);
    let decimals = usize::from(step < 1.0);
    ticks(min, max, step)
        .map(|t| (t, format_secs(t, decimals)))
        .collect()
}

/// At most about `n_ticks` round values between `min` and `max`, each with its text.
pub fn value_ticks(min: f64, max: f64, n_ticks: usize) -> Vec<(f64, String)> {
    let least = (max - min).abs() / n_ticks.max(1) as f64;
    let decade = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * decade)
        .into_iter()
        .find(|s| *s >= least * 0.999);
    let step = step.unwrap_or(1.0).max(f64::MIN_POSITIVE);
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    ticks(min.min(max), max.max(min), step)
        .map(|v| (v, format!("{v:.decimals$}")))
        .collect()
}

/// Multiples of `step` in `min..=max`, at most 1000.
fn ticks(min: f64, max: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (min / step - 1e-9).ceil();
    (0..1000)
        .map(move |i| (first + f64::from(i)) * step)
        .take_while(move |t| *t <= max + step * 1e-9)
        .map(|t| t + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        let times: Vec<_> = time_ticks(0.0, 200.0, 8)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(
            times,
            ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30", "3:00"]
        );
        let values: Vec<_> = value_ticks(-1.0, 1.0, 4)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(values, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
    }

    #[test]
    fn a_long_curve_is_drawn_in_few_points() {
        let panel = Panel::new(0.0, 0.0, 100.0, 50.0).x(0.0, 1.0).y(-1.0, 1.0);
        let points = (0..100_000).map(|i| (f64::from(i) / 1e5, f64::from(i % 2) * 2.0 - 1.0));
        let columns = panel.columns(points);
        assert!((150..=250).contains(&columns.len()), "{}", columns.len());
        assert!(columns.iter().all(|(_, low, high)| low < high));
    }

    proptest! {
        #[test]
        fn any_range_can_be_drawn(a in proptest::num::f64::ANY, b in proptest::num::f64::ANY, n in 0usize..50) {
            prop_assert!(time_ticks(a, b, n).len() <= 1000);
            prop_assert!(value_ticks(a, b, n).len() <= 1000);
        }
    }
}
