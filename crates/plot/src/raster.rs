//! SVG to PNG with resvg and the embedded font; nothing on the machine is looked up, so pictures are the same everywhere.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use common::{Error, Result};
use image::{ImageFormat, RgbImage};
use resvg::usvg::fontdb::{Database, Source};
use resvg::{tiny_skia, usvg};

/// Pixels of the PNG per pixel of the SVG, so that small letters stay sharp.
const SCALE: f32 = 2.0;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in [
        include_bytes!("fonts/Inter-Regular.ttf").as_slice(),
        include_bytes!("fonts/Inter-SemiBold.ttf").as_slice(),
    ] {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    Arc::new(fonts)
});

/// Draws an SVG document; `path` is the file that an error names.
pub(super) fn render_png(svg: &str, path: &Path) -> Result<Vec<u8>> {
    let options = usvg::Options {
        font_family: "Inter".to_owned(),
        fontdb: FONTS.clone(),
        ..usvg::Options::default()
    };
    let failed = |reason: String| Error::input(path, format!("can't draw the picture: {reason}"));
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| failed(e.to_string()))?;
    let size = tree.size();
    let (width, height) = (
        (size.width() * SCALE).ceil(),
        (size.height() * SCALE).ceil(),
    );
    let mut pixmap = tiny_skia::Pixmap::new(width as u32, height as u32)
        .ok_or_else(|| failed(format!("{width}x{height} pixels are too many")))?;
    let transform = tiny_skia::Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    // The sheet is opaque, so premultiplied colours are plain colours.
    let rgb = pixmap
        .data()
        .chunks_exact(4)
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    let picture = RgbImage::from_raw(width as u32, height as u32, rgb)
        .ok_or_else(|| failed("its size changed".into()))?;
    png_of(&picture, path)
}

/// Encodes a picture as PNG; `path` is the file that an error names.
pub(super) fn png_of(picture: &RgbImage, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| Error::input(path, format!("can't encode the picture: {e}")))?;
    Ok(bytes.into_inner())
}

/// Base64 with padding (RFC 4648 section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, b| group << 8 | u32::from(*b))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = group >> (18 - 6 * digit) & 63;
            text.push(if digit <= chunk.len() {
                char::from(ALPHABET[index as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10.
    #[test]
    fn base64_matches_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
