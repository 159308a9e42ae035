//! Values of flags that no type of the library reads.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::str::FromStr;

use visualize::analysis::TrackerKind;
use visualize::timeline::{EmbeddingConfig, Kernels, LoraConfig};

/// A seed, as given or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The number.
    pub value: u64,
    /// Whether `random` was given, and the number drawn for it.
    pub is_drawn: bool,
}

impl FromStr for Seed {
    type Err = String;

    /// A whole number, or `random`: then every call draws another one, below 2^32 so that it is easily typed.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("random") {
            // The keys of hash maps come from the system's source of randomness.
            let value = RandomState::new().build_hasher().finish() >> 32;
            return Ok(Self {
                value,
                is_drawn: true,
            });
        }
        let form = format!("give a whole number from 0 to {}, or random", u64::MAX);
        Ok(Self {
            value: text.parse().map_err(|_| form)?,
            is_drawn: false,
        })
    }
}

/// A beat tracker: `neural`, which was called `pulse`, or `aubio`.
pub fn parse_tracker(name: &str) -> Result<TrackerKind, String> {
    match name {
        "neural" | "pulse" => Ok(TrackerKind::default()),
        "aubio" => Ok(TrackerKind::Aubio),
        _ => Err("give neural or aubio".to_owned()),
    }
}

/// A short time in milliseconds or seconds, `26ms` or `-0.026s`, as seconds.
pub fn parse_offset(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, unit_secs) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err("give it with its unit, such as 26ms or -0.026s".to_owned()),
    };
    match number.trim_end().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number * unit_secs),
        _ => Err("give a time such as 26ms or -0.026s".to_owned()),
    }
}

/// `on` or `off`.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("give on or off".to_owned()),
    }
}

/// `fast` or `exact`.
pub fn parse_kernels(name: &str) -> Result<Kernels, String> {
    match name {
        "fast" => Ok(Kernels::Fast),
        "exact" => Ok(Kernels::Exact),
        _ => Err("give fast or exact".to_owned()),
    }
}

/// Radians from 0 to 1.
pub fn parse_still(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(radians) if (0.0..=1.0).contains(&radians) => Ok(radians),
        _ => Err("give radians from 0 to 1".to_owned()),
    }
}

/// `FILE` or `FILE:WEIGHT`.
pub fn parse_lora(text: &str) -> Result<LoraConfig, String> {
    let number = |(path, scale): (&str, &str)| Some((path.to_owned(), scale.parse::<f64>().ok()?));
    let (path, scale) = text
        .rsplit_once(':')
        .and_then(number)
        .unwrap_or((text.to_owned(), 1.0));
    if !scale.is_finite() {
        return Err("give a finite weight, such as FILE:0.8".to_owned());
    }
    Ok(LoraConfig {
        path: PathBuf::from(path),
        scale,
    })
}

/// `NAME=FILE`.
pub fn parse_embedding(text: &str) -> Result<EmbeddingConfig, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(EmbeddingConfig {
            name: name.to_owned(),
            path: PathBuf::from(path),
        }),
        _ => Err("give the word and its file, such as my-cat=cat.safetensors".to_owned()),
    }
}

/// `A..B`, from A up to but not including B.
pub fn parse_frames(text: &str) -> Result<std::ops::Range<u64>, String> {
    let form = "give first frame and end, such as 0..48 (the end is not included)";
    let (start, end) = text.split_once("..").ok_or(form)?;
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| form.to_owned());
    let range = number(start)?..number(end)?;
    if range.is_empty() {
        Err(format!("{text} holds no frame; {form}"))
    } else {
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_or_drawn() {
        let seed: Seed = "42".parse().unwrap();
        assert_eq!((seed.value, seed.is_drawn), (42, false));
        assert!(u64::MAX.to_string().parse::<Seed>().is_ok());
        let drawn: Vec<Seed> = (0..8).map(|_| "random".parse().unwrap()).collect();
        assert!(
            drawn
                .iter()
                .all(|seed| seed.is_drawn && seed.value < 1 << 32)
        );
        assert!(drawn.iter().any(|seed| seed.value != drawn[0].value));
        for text in ["-1", "1.5", "", "18446744073709551616", "randon"] {
            assert!(text.parse::<Seed>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_embedding_begins_with_its_word() {
        let embedding = parse_embedding("<cat>=a=b.safetensors").unwrap();
        assert_eq!(embedding.name, "<cat>");
        assert_eq!(embedding.path, PathBuf::from("a=b.safetensors"));
        for text in ["cat.safetensors", "=x", "cat="] {
            assert!(parse_embedding(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lora_ends_in_its_weight() {
        let lora = parse_lora("a:b.safetensors:-0.5").unwrap();
        assert_eq!(lora.path, PathBuf::from("a:b.safetensors"));
        assert!((lora.scale + 0.5).abs() < 1e-12);
        assert!((parse_lora("b.safetensors").unwrap().scale - 1.0).abs() < 1e-12);
        assert!(parse_lora("b.safetensors:inf").is_err());
    }

    #[test]
    fn offsets_have_a_unit() {
        for (text, secs) in [
            ("26ms", 0.026),
            ("-26 ms", -0.026),
            ("0.5s", 0.5),
            ("+1ms", 0.001),
        ] {
            assert!((parse_offset(text).unwrap() - secs).abs() < 1e-9, "{text}");
        }
        for text in ["26", "", "ms", "inf s", "nans", "1 m"] {
            assert!(parse_offset(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_tracker_has_both_of_its_names() {
        assert_eq!(parse_tracker("neural"), parse_tracker("pulse"));
        assert_eq!(parse_tracker("aubio"), Ok(TrackerKind::Aubio));
        assert!(parse_tracker("librosa").is_err());
    }
}
