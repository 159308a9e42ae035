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

    /// A rough and smaller picture of each frame, at a part of the cost where there is a cheap way: enough to measure how
    /// far pictures lie apart.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    fn sketch(&mut self, frames: &[FrameInputs]) -> Result<Vec<RgbImage>> {
        self.render(frames)
    }
}
