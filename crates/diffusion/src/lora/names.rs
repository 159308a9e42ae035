//! Names of a LoRA file's tensors, in every dialect: part of the model, module, and what the tensor is to its module.

use crate::part::Part;

/// What a tensor is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The first matrix of a LoRA.
    Down,
    /// The last matrix of a LoRA.
    Up,
    /// The convolution between them (Tucker decomposition).
    Mid,
    /// Numerator of the factor alpha / rank.
    Alpha,
    /// Lengths of the weight's rows or columns (DoRA), as LyCORIS stores them.
    Scale,
    /// The same as PEFT stores them.
    Magnitude,
    /// Left matrix of a LoHa's first or second factor.
    HadaA(u8),
    /// Right matrix of a LoHa's first or second factor.
    HadaB(u8),
    /// Core of a LoHa's first or second factor (Tucker decomposition).
    HadaT(u8),
    /// First or second factor of a LoKr.
    Kron(u8),
    /// Left matrix of a LoKr's first or second factor.
    KronA(u8),
    /// Right matrix of a LoKr's first or second factor.
    KronB(u8),
    /// Core of a LoKr's second factor (Tucker decomposition).
    KronT,
    /// A change of the whole weight.
    Diff,
    /// A change of the whole bias.
    DiffBias,
}

/// Ends of tensor names.
const ENDINGS: [(&str, Role); 28] = [
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_mid.weight", Role::Mid),
    (".alpha", Role::Alpha),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (PROCESSOR_ENDINGS[0], Role::Down),
    (PROCESSOR_ENDINGS[1], Role::Up),
    (".dora_scale", Role::Scale),
    (".hada_w1_a", Role::HadaA(1)),
    (".hada_w1_b", Role::HadaB(1)),
    (".hada_t1", Role::HadaT(1)),
    (".hada_w2_a", Role::HadaA(2)),
    (".hada_w2_b", Role::HadaB(2)),
    (".hada_t2", Role::HadaT(2)),
    (".lokr_w1", Role::Kron(1)),
    (".lokr_w1_a", Role::KronA(1)),
    (".lokr_w1_b", Role::KronB(1)),
    (".lokr_w2", Role::Kron(2)),
    (".lokr_w2_a", Role::KronA(2)),
    (".lokr_w2_b", Role::KronB(2)),
    (".lokr_t2", Role::KronT),
    (".diff", Role::Diff),
    (".diff_b", Role::DiffBias),
    (".w_norm", Role::Diff),
    (".b_norm", Role::DiffBias),
];

/// Ends of old diffusers names, behind the projection of an attention's processor.
const PROCESSOR_ENDINGS: [&str; 2] = ["_lora.down.weight", "_lora.up.weight"];

/// PEFT's ends, behind which the adapter's name may stand: `.lora_A.weight`, `.lora_A.default_0.weight`.
const PEFT: [(&str, Role); 3] = [
    (".lora_A", Role::Down),
    (".lora_B", Role::Up),
    (".lora_magnitude_vector", Role::Magnitude),
];

/// Beginnings of module names; longer ones before those that they begin with.
const BEGINNINGS: [(&str, Part); 15] = [
    ("lora_unet_", Part::UNet),
    ("lora_te1_", Part::TextEncoder),
    ("lora_te2_", Part::TextEncoder2),
    ("lora_te_", Part::TextEncoder),
    ("lycoris_", Part::UNet),
    ("unet.", Part::UNet),
    ("text_encoder_2.", Part::TextEncoder2),
    ("text_encoder.", Part::TextEncoder),
    ("diffusion_model.", Part::UNet),
    ("model.diffusion_model.", Part::UNet),
    ("text_encoders.clip_l.transformer.", Part::TextEncoder),
    ("text_encoders.clip_h.transformer.", Part::TextEncoder),
    ("text_encoders.clip_g.transformer.", Part::TextEncoder2),
    ("clip_l.transformer.", Part::TextEncoder),
    ("clip_g.transformer.", Part::TextEncoder2),
];

/// What PEFT puts before the names of the network that it wraps.
const WRAPPER: &str = "base_model.model.";

/// Beginnings of a network's own names, where nothing says which part it is.
const OWN: [(&str, Part); 8] = [
    ("down_blocks.", Part::UNet),
    ("mid_block.", Part::UNet),
    ("up_blocks.", Part::UNet),
    ("conv_in.", Part::UNet),
    ("conv_out.", Part::UNet),
    ("time_embedding.", Part::UNet),
    ("add_embedding.", Part::UNet),
    ("text_model.", Part::TextEncoder),
];

/// The part, the module as it is spelled, and what the tensor is to it.
pub fn parse(name: &str) -> Option<((Part, String), Role)> {
    let (module, role, is_processor) = ending(name)?;
    let (part, module) = beginning(module)?;
    let module = match is_processor {
        true => processor_module(part, module)?,
        false => module.to_owned(),
    };
    Some(((part, module), role))
}

/// Whether a tensor is called as only those of LoRAs are.
pub fn is_tensor(name: &str) -> bool {
    ending(name).is_some()
}

fn ending(name: &str) -> Option<(&str, Role, bool)> {
    let plain = ENDINGS.iter().find_map(|(ending, role)| {
        let is_processor = PROCESSOR_ENDINGS.contains(ending);
        Some((name.strip_suffix(ending)?, *role, is_processor))
    });
    plain.or_else(|| {
        PEFT.iter().find_map(|(ending, role)| {
            let (module, rest) = name.split_at_checked(name.rfind(ending)?)?;
            let rest = rest.strip_prefix(ending)?;
            let rest = rest.strip_suffix(".weight").unwrap_or(rest);
            let is_adapter = |name: &str| !name.is_empty() && !name.contains('.');
            let is_end = rest.is_empty() || rest.strip_prefix('.').is_some_and(is_adapter);
            is_end.then_some((module, *role, false))
        })
    })
}

fn beginning(module: &str) -> Option<(Part, &str)> {
    let unwrapped = |name| str::strip_prefix(name, WRAPPER).unwrap_or(name);
    let module = unwrapped(module);
    let found = BEGINNINGS
        .iter()
        .find_map(|(beginning, part)| Some((*part, unwrapped(module.strip_prefix(beginning)?))));
    found.or_else(|| {
        let own = OWN
            .iter()
            .find(|(own, _)| format!("{module}.").starts_with(own));
        own.map(|(_, part)| (*part, module))
    })
}

/// Old diffusers files name a projection after the attention's processor: `attn1.processor.to_q`, `self_attn.to_q`.
fn processor_module(part: Part, module: &str) -> Option<String> {
    let (attention, projection) = module.rsplit_once('.')?;
    let attention = attention.strip_suffix(".processor").unwrap_or(attention);
    let projection = match (part, projection) {
        (Part::UNet, "to_out") => "to_out.0",
        (Part::UNet, other) => other,
        (_, "to_q") => "q_proj",
        (_, "to_k") => "k_proj",
        (_, "to_v") => "v_proj",
        (_, "to_out") => "out_proj",
        _ => return None,
    };
    Some(format!("{attention}.{projection}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_understood() {
        let q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
        let flat = q.replace('.', "_");
        let te = "text_model.encoder.layers.0.self_attn.out_proj";
        let original = "input_blocks.1.1.transformer_blocks.0.attn1.to_q";
        let attention = q.trim_end_matches(".to_q");
        let (unet, first, second) = (Part::UNet, Part::TextEncoder, Part::TextEncoder2);
        for (name, part, module) in [
            (format!("unet.{q}.lora_A.weight"), unet, q),
            (format!("unet.{q}.lora_A.default.weight"), unet, q),
            (format!("unet.{q}.lora_A.default_0.weight"), unet, q),
            (format!("unet.{q}.lora_A.my_style.weight"), unet, q),
            (format!("unet.base_model.model.{q}.lora_A.weight"), unet, q),
            (format!("base_model.model.{q}.lora_A.weight"), unet, q),
            (format!("base_model.model.{te}.lora_A.weight"), first, te),
            (format!("{q}.lora_A.weight"), unet, q),
            (format!("unet.{q}.lora.down.weight"), unet, q),
            (
                format!("{attention}.processor.to_q_lora.down.weight"),
                unet,
                q,
            ),
            (format!("lora_unet_{flat}.lora_down.weight"), unet, &flat),
            (
                format!("diffusion_model.{original}.lora_down.weight"),
                unet,
                original,
            ),
            (
                format!("text_encoders.clip_g.transformer.{te}.lora_down.weight"),
                second,
                te,
            ),
            (
                format!("text_encoder.{te}.lora_linear_layer.down.weight"),
                first,
                te,
            ),
            (
                "text_encoder_2.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight"
                    .to_owned(),
                second,
                te,
            ),
        ] {
            let found = parse(&name).unwrap();
            assert_eq!(found, ((part, module.to_owned()), Role::Down), "{name}");
        }
        for (ending, role) in ENDINGS.iter().filter(|(end, _)| end.starts_with('.')) {
            let found = parse(&format!("lora_unet_{flat}{ending}")).unwrap();
            assert_eq!(found, ((unet, flat.clone()), *role), "{ending}");
        }
        for (ending, role) in PEFT {
            for end in ["", ".weight", ".default", ".default.weight"] {
                let found = parse(&format!("unet.{q}{ending}{end}")).unwrap();
                assert_eq!(found, ((unet, q.to_owned()), role), "{ending}{end}");
            }
        }
        for name in [
            "lora_unet_mid_block_attentions_0_proj_in.oft_diag",
            "something.lora_A.weight",
            "unet.conv_in.lora_A.two.names.weight",
            "conv_in.weight",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
