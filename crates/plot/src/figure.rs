use std::fmt::Write as _;
use std::path::Path;

use common::partial_file::write_whole;
use common::{Error, Result};
use image::RgbImage;

use super::{palette, raster};

/// Where a text lies relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text starts at the point.
    Start,
    /// The text is centred on the point.
    Middle,
    /// The text ends at the point.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Text<'a> {
    /// Height of the letters' em square in pixels.
    pub size: f64,
    /// Colour.
    pub color: &'a str,
    /// Alignment.
    pub anchor: Anchor,
    /// Semi-bold instead of regular.
    pub bold: bool,
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self {
            size: 12.0,
            color: palette::TEXT,
            anchor: Anchor::Start,
            bold: false,
        }
    }
}

/// A sheet to draw on. Lengths are pixels, `x` grows to the right and `y` downwards from the top left corner.
#[derive(Clone, Debug)]
pub struct Figure {
    width: f64,
    height: f64,
    body: String,
}

impl Figure {
    /// An empty dark sheet of `width` by `height` pixels, each at least 1.
    pub fn new(width: f64, height: f64) -> Self {
        let mut figure = Self {
            width: width.max(1.0),
            height: height.max(1.0),
            body: String::new(),
        };
        figure.rect(
            0.0,
            0.0,
            figure.width,
            figure.height,
            palette::SHEET,
            1.0,
            0.0,
        );
        figure
    }

    /// Width in pixels.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// A filled rectangle with corners rounded by `radius`; `opacity` is 0..=1.
    #[expect(
        clippy::too_many_arguments,
        reason = "a rectangle is four numbers and a look"
    )]
    pub fn rect(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: &str,
        opacity: f64,
        radius: f64,
    ) {
        let (x, y) = (px(x), px(y));
        let (width, height) = (px(width.max(0.0)), px(height.max(0.0)));
        self.element(format_args!(
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{}" fill="{fill}" fill-opacity="{}"/>"#,
            px(radius),
            px(opacity)
        ));
    }

    /// A straight line from `(x0, y0)` to `(x1, y1)`, `width` pixels wide.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), color: &str, width: f64) {
        self.element(format_args!(
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{color}" stroke-width="{}"/>"#,
            px(from.0),
            px(from.1),
            px(to.0),
            px(to.1),
            px(width)
        ));
    }

    /// A line through `points`, without fill.
    pub fn polyline(&mut self, points: &[(f64, f64)], color: &str, width: f64) {
        let points = list(points);
        self.element(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{}" stroke-linejoin="round"/>"#,
            px(width)
        ));
    }

    /// The area inside `points`, without outline; `opacity` is 0..=1.
    pub fn polygon(&mut self, points: &[(f64, f64)], fill: &str, opacity: f64) {
        let points = list(points);
        self.element(format_args!(
            r#"<polygon points="{points}" fill="{fill}" fill-opacity="{}"/>"#,
            px(opacity)
        ));
    }

    /// A filled circle.
    pub fn circle(&mut self, x: f64, y: f64, radius: f64, fill: &str) {
        self.element(format_args!(
            r#"<circle cx="{}" cy="{}" r="{}" fill="{fill}"/>"#,
            px(x),
            px(y),
            px(radius)
        ));
    }

    /// One line of text with its baseline at `y`. Anything may stand in `text`: it is escaped.
    pub fn text(&mut self, x: f64, y: f64, text: &str, style: Text<'_>) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.bold { 600 } else { 400 };
        self.element(format_args!(
            r#"<text x="{}" y="{}" font-size="{}" font-weight="{weight}" fill="{}" text-anchor="{anchor}">{}</text>"#,
            px(x),
            px(y),
            px(style.size),
            style.color,
            escape(text)
        ));
    }

    /// A picture, scaled to `width` by `height`.
    ///
    /// # Errors
    /// When the picture can't be encoded as PNG.
    pub fn picture(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        picture: &RgbImage,
    ) -> Result<()> {
        let png = raster::png_of(picture, Path::new("picture"))?;
        let data = raster::base64(&png);
        self.element(format_args!(
            r#"<image x="{}" y="{}" width="{}" height="{}" href="data:image/png;base64,{data}"/>"#,
            px(x),
            px(y),
            px(width),
            px(height)
        ));
        Ok(())
    }

    /// The whole sheet as an SVG document.
    pub fn svg(&self) -> String {
        let (width, height) = (px(self.width), px(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"Inter, system-ui, sans-serif\">\n{}</svg>\n",
            self.body
        )
    }

    /// Writes the sheet to `path`, as PNG (twice as many pixels) or SVG after the file's extension. The file appears whole
    /// or not at all.
    ///
    /// # Errors
    /// [`Error::Config`] for another extension, [`Error::Io`] where the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        let bytes = match extension.as_deref() {
            Some("svg") => self.svg().into_bytes(),
            Some("png") => raster::render_png(&self.svg(), path)?,
            _ => {
                return Err(Error::Config {
                    name: "plot",
                    value: path.display().to_string(),
                    allowed: "give a file name that ends in .png or .svg".to_owned(),
                });
            }
        };
        write_whole(path, &bytes)
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// A number with at most two decimals; what isn't finite becomes 0, which every viewer can draw.
fn px(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}

fn list(points: &[(f64, f64)]) -> String {
    let mut text = String::with_capacity(points.len() * 12);
    for (x, y) in points {
        let _ = write!(text, "{},{} ", px(*x), px(*y));
    }
    text
}

/// Text that is safe inside an XML element; characters that XML 1.0 can't hold are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_figure_becomes_png_and_svg() {
        let folder = tempfile::tempdir().unwrap();
        let mut figure = Figure::new(40.0, 20.0);
        figure.rect(10.0, 5.0, 20.0, 10.0, "#ff0000", 1.0, 0.0);
        figure.text(2.0, 10.0, "a < b & c", Text::default());
        figure.save(folder.path().join("a.svg")).unwrap();
        figure.save(folder.path().join("a.PNG")).unwrap();
        let picture = image::open(folder.path().join("a.PNG")).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (80, 40));
        assert_eq!(picture.get_pixel(50, 25).0, [255, 0, 0]);
        assert_eq!(picture.get_pixel(78, 38).0, [0x0e, 0x10, 0x16]);
    }

    #[test]
    fn letters_are_drawn() {
        let mut figure = Figure::new(60.0, 20.0);
        let blank = raster::render_png(&figure.svg(), Path::new("t.png")).unwrap();
        figure.text(2.0, 15.0, "Tempo", Text::default());
        let drawn = raster::render_png(&figure.svg(), Path::new("t.png")).unwrap();
        assert_ne!(blank, drawn);
    }

    #[test]
    fn a_picture_keeps_its_pixels() {
        let mut figure = Figure::new(8.0, 8.0);
        let green = RgbImage::from_pixel(4, 4, image::Rgb([0, 200, 0]));
        figure.picture(0.0, 0.0, 8.0, 8.0, &green).unwrap();
        let png = raster::render_png(&figure.svg(), Path::new("t.png")).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(picture.get_pixel(8, 8).0, [0, 200, 0]);
    }

    #[test]
    fn other_extensions_are_refused() {
        assert!(Figure::new(1.0, 1.0).save("plot.pdf").is_err());
        assert!(Figure::new(1.0, 1.0).save("plot").is_err());
    }

    proptest! {
        #[test]
        fn any_text_and_number_is_a_valid_document(text in ".*", x in proptest::num::f64::ANY) {
            let mut figure = Figure::new(50.0, 20.0);
            figure.text(x, 10.0, &text, Text::default());
            figure.line((x, 0.0), (1.0, x), palette::CYAN, 1.0);
            prop_assert!(raster::render_png(&figure.svg(), Path::new("t.png")).is_ok());
        }
    }
}
