//! Names of the original Latent Diffusion and SDXL code, as single-file checkpoints and many LoRA files use them.

use super::unet::UNetConfig;
use super::weights::Layout;

/// Modules of a network by both of their names.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    /// Dotted name of a module in diffusers.
    diffusers: String,
    /// The same module in the original code.
    ldm: String,
    /// Names of the module's parts: diffusers', then the original.
    parts: &'static [(&'static str, &'static str)],
}

/// A residual layer of the UNet.
const RESNET: &[(&str, &str)] = &[
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
];
/// A residual layer of the autoencoder.
const VAE_RESNET: &[(&str, &str)] = &[("conv_shortcut", "nin_shortcut")];
/// Attention of the autoencoder.
const VAE_ATTENTION: &[(&str, &str)] = &[
    ("group_norm", "norm"),
    ("to_q", "q"),
    ("to_k", "k"),
    ("to_v", "v"),
    ("to_out.0", "proj_out"),
];

impl NameTable {
    /// The UNet's modules.
    ///
    /// Every level has one entry more than residual layers on both sides: the input blocks end in the downsampler, and
    /// the output blocks have the layer more.
    pub fn unet(config: &UNetConfig) -> Self {
        let mut table = Self::default();
        table.add("conv_in", "input_blocks.0.0", &[]);
        table.add("time_embedding.linear_1", "time_embed.0", &[]);
        table.add("time_embedding.linear_2", "time_embed.2", &[]);
        table.add("add_embedding.linear_1", "label_emb.0.0", &[]);
        table.add("add_embedding.linear_2", "label_emb.0.2", &[]);
        table.add("conv_norm_out", "out.0", &[]);
        table.add("conv_out", "out.2", &[]);
        table.add("mid_block.resnets.0", "middle_block.0", RESNET);
        table.add("mid_block.attentions.0", "middle_block.1", &[]);
        table.add("mid_block.resnets.1", "middle_block.2", RESNET);

        let n_levels = config.n_levels();
        let n_layers = |level: usize| config.layers_per_block.level(level).unwrap_or(0).min(64);
        let mut entry = 1;
        for level in 0..n_levels {
            for layer in 0..n_layers(level) {
                let block = format!("down_blocks.{level}");
                table.add(
                    &format!("{block}.resnets.{layer}"),
                    &format!("input_blocks.{entry}.0"),
                    RESNET,
                );
                table.add(
                    &format!("{block}.attentions.{layer}"),
                    &format!("input_blocks.{entry}.1"),
                    &[],
                );
                entry += 1;
            }
            let downsampler = format!("down_blocks.{level}.downsamplers.0.conv");
            table.add(&downsampler, &format!("input_blocks.{entry}.0.op"), &[]);
            entry += 1;
        }
        let mut entry = 0;
        for (block, level) in (0..n_levels).rev().enumerate() {
            let has_attention = config
                .up_block_types
                .get(block)
                .is_some_and(|kind| kind.starts_with("CrossAttn"));
            for layer in 0..=n_layers(level) {
                let name = format!("up_blocks.{block}");
                table.add(
                    &format!("{name}.resnets.{layer}"),
                    &format!("output_blocks.{entry}.0"),
                    RESNET,
                );
                if has_attention {
                    table.add(
                        &format!("{name}.attentions.{layer}"),
                        &format!("output_blocks.{entry}.1"),
                        &[],
                    );
                }
                entry += 1;
            }
            let position = if has_attention { 2 } else { 1 };
            table.add(
                &format!("up_blocks.{block}.upsamplers.0.conv"),
                &format!("output_blocks.{}.{position}.conv", entry - 1),
                &[],
            );
        }
        table
    }

    /// The autoencoder's modules; the original numbers the decoder's levels from the finest.
    pub fn vae(n_levels: usize, layers_per_block: usize) -> Self {
        let mut table = Self::default();
        for name in ["quant_conv", "post_quant_conv"] {
            table.add(name, name, &[]);
        }
        for half in ["encoder", "decoder"] {
            for name in ["conv_in", "conv_out"] {
                table.add(&format!("{half}.{name}"), &format!("{half}.{name}"), &[]);
            }
            table.add(
                &format!("{half}.conv_norm_out"),
                &format!("{half}.norm_out"),
                &[],
            );
            let mid = format!("{half}.mid_block");
            table.add(
                &format!("{mid}.resnets.0"),
                &format!("{half}.mid.block_1"),
                VAE_RESNET,
            );
            table.add(
                &format!("{mid}.attentions.0"),
                &format!("{half}.mid.attn_1"),
                VAE_ATTENTION,
            );
            table.add(
                &format!("{mid}.resnets.1"),
                &format!("{half}.mid.block_2"),
                VAE_RESNET,
            );
        }
        for level in 0..n_levels {
            let (down, up) = (
                format!("encoder.down_blocks.{level}"),
                format!("decoder.up_blocks.{level}"),
            );
            let (ldm_down, ldm_up) = (
                format!("encoder.down.{level}"),
                format!("decoder.up.{}", n_levels - 1 - level),
            );
            for layer in 0..=layers_per_block.min(64) {
                table.add(
                    &format!("{down}.resnets.{layer}"),
                    &format!("{ldm_down}.block.{layer}"),
                    VAE_RESNET,
                );
                table.add(
                    &format!("{up}.resnets.{layer}"),
                    &format!("{ldm_up}.block.{layer}"),
                    VAE_RESNET,
                );
            }
            table.add(
                &format!("{down}.downsamplers.0.conv"),
                &format!("{ldm_down}.downsample.conv"),
                &[],
            );
            table.add(
                &format!("{up}.upsamplers.0.conv"),
                &format!("{ldm_up}.upsample.conv"),
                &[],
            );
        }
        table
    }

    fn add(&mut self, diffusers: &str, ldm: &str, parts: &'static [(&'static str, &'static str)]) {
        self.rows.push(Row {
            diffusers: diffusers.to_owned(),
            ldm: ldm.to_owned(),
            parts,
        });
    }

    /// The diffusers name of a tensor or module of the original code.
    pub fn to_diffusers(&self, ldm: &str) -> Option<String> {
        self.rows.iter().find_map(|row| {
            let rest = below(ldm, &row.ldm)?;
            let part = row
                .parts
                .iter()
                .find_map(|(new, old)| Some((new, below(rest, old)?)));
            Some(match part {
                Some((new, rest)) => join(&join(&row.diffusers, new), rest),
                None => join(&row.diffusers, rest),
            })
        })
    }

    /// The original name of a tensor or module of diffusers.
    pub fn to_ldm(&self, diffusers: &str) -> Option<String> {
        self.rows.iter().find_map(|row| {
            let rest = below(diffusers, &row.diffusers)?;
            let part = row
                .parts
                .iter()
                .find_map(|(new, old)| Some((old, below(rest, new)?)));
            Some(match part {
                Some((old, rest)) => join(&join(&row.ldm, old), rest),
                None => join(&row.ldm, rest),
            })
        })
    }
}

/// What follows `prefix` in a dotted name: empty for the name itself.
fn below<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('.')
    }
}

fn join(name: &str, rest: &str) -> String {
    if rest.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{rest}")
    }
}

/// Names and layouts that transformers has for a tensor of OpenCLIP's text model; none if it isn't used.
///
/// Queries, keys and values lie in one tensor there, and the projection is stored transposed.
pub fn open_clip_to_transformers(name: &str) -> Vec<(String, Layout)> {
    let one = |name: String| vec![(name, Layout::AsStored)];
    match name {
        "positional_embedding" => {
            return one("text_model.embeddings.position_embedding.weight".to_owned());
        }
        "token_embedding.weight" => {
            return one("text_model.embeddings.token_embedding.weight".to_owned());
        }
        "text_projection" => {
            return vec![("text_projection.weight".to_owned(), Layout::Transposed)];
        }
        _ => {}
    }
    if let Some(rest) = below(name, "ln_final") {
        return one(format!("text_model.final_layer_norm.{rest}"));
    }
    let Some((layer, rest)) =
        below(name, "transformer.resblocks").and_then(|rest| rest.split_once('.'))
    else {
        return Vec::new();
    };
    let layer = format!("text_model.encoder.layers.{layer}");
    if let Some(kind) = rest.strip_prefix("attn.in_proj_") {
        let parts = ["q_proj", "k_proj", "v_proj"].into_iter().enumerate();
        return parts
            .map(|(part, proj)| {
                (
                    format!("{layer}.self_attn.{proj}.{kind}"),
                    Layout::Rows { part, n_parts: 3 },
                )
            })
            .collect();
    }
    let parts = [
        ("attn.out_proj", "self_attn.out_proj"),
        ("ln_1", "layer_norm1"),
        ("ln_2", "layer_norm2"),
        ("mlp.c_fc", "mlp.fc1"),
        ("mlp.c_proj", "mlp.fc2"),
    ];
    let part = parts
        .iter()
        .find_map(|(old, new)| Some((new, below(rest, old)?)));
    part.map_or_else(Vec::new, |(new, rest)| one(format!("{layer}.{new}.{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_diffusion_1_has_its_known_names() {
        let table = NameTable::unet(&UNetConfig::default());
        for (diffusers, ldm) in [
            ("conv_in.weight", "input_blocks.0.0.weight"),
            (
                "down_blocks.0.downsamplers.0.conv.bias",
                "input_blocks.3.0.op.bias",
            ),
            (
                "down_blocks.1.attentions.0.proj_in.weight",
                "input_blocks.4.1.proj_in.weight",
            ),
            (
                "down_blocks.3.resnets.1.conv2.weight",
                "input_blocks.11.0.out_layers.3.weight",
            ),
            (
                "mid_block.resnets.1.time_emb_proj.bias",
                "middle_block.2.emb_layers.1.bias",
            ),
            (
                "up_blocks.0.upsamplers.0.conv.weight",
                "output_blocks.2.1.conv.weight",
            ),
            (
                "up_blocks.1.upsamplers.0.conv.weight",
                "output_blocks.5.2.conv.weight",
            ),
            (
                "up_blocks.3.attentions.2.norm.weight",
                "output_blocks.11.1.norm.weight",
            ),
            ("conv_norm_out.weight", "out.0.weight"),
        ] {
            assert_eq!(table.to_ldm(diffusers).as_deref(), Some(ldm));
            assert_eq!(table.to_diffusers(ldm).as_deref(), Some(diffusers));
        }
        assert_eq!(
            table.to_diffusers("input_blocks.99.0.in_layers.0.weight"),
            None
        );
    }

    #[test]
    fn the_decoder_is_numbered_backwards() {
        let table = NameTable::vae(4, 2);
        let name = table.to_diffusers("decoder.up.3.block.0.nin_shortcut.weight");
        assert_eq!(
            name.as_deref(),
            Some("decoder.up_blocks.0.resnets.0.conv_shortcut.weight")
        );
        let name = table.to_ldm("encoder.mid_block.attentions.0.to_out.0.bias");
        assert_eq!(name.as_deref(), Some("encoder.mid.attn_1.proj_out.bias"));
    }
}
