//! The parts of a pipeline.

/// A part of a pipeline, by its folder's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `text_encoder`.
    TextEncoder,
    /// `text_encoder_2`, SDXL only.
    TextEncoder2,
    /// `unet`.
    UNet,
    /// `vae`.
    Vae,
}

impl Part {
    /// The parts of a model with one text model.
    pub const OF_ONE_TEXT_MODEL: [Self; 3] = [Self::TextEncoder, Self::UNet, Self::Vae];
    /// All parts, in the order in which they are used.
    pub const ALL: [Self; 4] = [Self::TextEncoder, Self::TextEncoder2, Self::UNet, Self::Vae];

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
            Self::UNet => "unet",
            Self::Vae => "vae",
        }
    }

    /// How the names of its weight files begin.
    pub(super) fn stem(self) -> &'static str {
        match self {
            Self::TextEncoder | Self::TextEncoder2 => "model",
            Self::UNet | Self::Vae => "diffusion_pytorch_model",
        }
    }
}
