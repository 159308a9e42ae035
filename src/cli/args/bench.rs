//! Arguments of `visualize bench`.

use clap::Args;
use visualize::timeline::Size;

/// `visualize bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What is measured beside the CPU: gpu, gpu:N, cuda, cuda:N, metal, or cpu for nothing else [default: the first GPU, if the
    /// program is built for GPUs and finds one].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// The model whose networks are timed: a folder, a file, or owner/name on the hub.
    #[arg(long, value_name = "MODEL", default_value = "bundled")]
    pub model: String,
    /// Size of the drawing, which the operations' sizes follow too.
    #[arg(long, value_name = "WxH", default_value = "512x512")]
    pub draw_size: Size,
    /// Pictures that the networks draw at once, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub batch: u32,
}
