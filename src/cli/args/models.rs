//! Arguments of `visualize models`.

use clap::{Args, Subcommand};
use visualize::diffusion::hub::HubId;
use visualize::timeline::Size;

/// `visualize models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Show the models that are on this machine: the bundled one, and those in the hub's cache.
    #[command(alias = "ls")]
    List,
    /// Download a model from the hub into its cache, unless it is there already.
    #[command(alias = "download")]
    Pull {
        /// The model: owner/name or owner/name@revision, such as stabilityai/sd-turbo, or its web address.
        #[arg(value_name = "ID")]
        id: HubId,
    },
    /// Show what a model, LoRA, embedding or autoencoder is; only configurations and headers are read.
    #[command(alias = "show")]
    Info {
        /// `bundled`, a folder, a file, or a model or file on the hub.
        #[arg(value_name = "WHAT")]
        what: String,
        /// Size of the drawing to tell the memory for [default: the model's native size].
        #[arg(long, value_name = "WxH")]
        size: Option<Size>,
    },
    /// Show what can draw on this machine: the CPU, and the GPUs of --device gpu:N with their memory.
    #[command(alias = "gpus")]
    Devices,
    /// Remove a model from the hub's cache, which Python programs share.
    #[command(alias = "remove")]
    Rm {
        /// The model: owner/name removes all of it, owner/name@revision that revision.
        #[arg(value_name = "ID")]
        id: HubId,
        /// Remove it without a question.
        #[arg(long)]
        yes: bool,
    },
}
