use common::Result;
use image::RgbImage;
use timeline::FrameInputs;

/// Draws frames. Equal inputs give equal pixels, whatever was drawn before and however frames are batched.
pub trait Renderer {
    /// Draws one batch: as many pictures as `frames`, in the same order, at the film's size.
    ///
    /// # Errors
    /// When the device or the memory fails; a [`NotFinite`](crate::NotFinite), which
    /// [`explain`](crate::NotFinite::explain) turns into words, for a picture whose values aren't finite numbers.
    fn render(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>>;

    /// The same pictures as large as the model draws them, to measure how far they lie apart: that doesn't depend on the film's
    /// size.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    fn probe(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.render(frames)
    }
}
