use std::collections::BTreeMap;

use common::Result;

use super::model::ConfigFile;
use super::part::Part;
use super::text::{ClipConfig, ClipTextModel};
use super::unet::{UNet, UNetConfig};
use super::vae::{Decoder, Encoder, VaeConfig};
use super::weights::Weights;

/// Names and shapes of all tensors that a part with this configuration needs, by diffusers' names; an autoencoder with
/// both halves.
///
/// # Errors
/// [`Error::Weights`](common::Error::Weights) naming the key that is wrong or not supported.
pub fn required_tensors(part: Part, config: &ConfigFile) -> Result<BTreeMap<String, Vec<usize>>> {
    let weights = Weights::recording();
    match part {
        Part::TextEncoder | Part::TextEncoder2 => {
            ClipTextModel::load(&weights, ClipConfig::read(config)?)?;
        }
        Part::UNet => {
            UNet::load(&weights, UNetConfig::read(config)?)?;
        }
        Part::Vae => {
            let config = VaeConfig::read(config)?;
            Encoder::load(&weights, &config)?;
            Decoder::load(&weights, config)?;
        }
    }
    Ok(weights.recorded_shapes())
}
