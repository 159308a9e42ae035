//! A limit for the instruction sets, from the environment: every path can then be tested and measured on one machine.

use std::sync::OnceLock;

/// The variable that names the highest instruction set to use; all that the processor has where it isn't set.
pub const LIMIT: &str = "VISUALIZE_VECTORS";

/// What [`LIMIT`] can be on this architecture, lowest first.
const NAMES: &[&str] = if cfg!(target_arch = "x86_64") {
    &["portable", "avx2", "avx512", "amx"]
} else if cfg!(target_arch = "aarch64") {
    &["portable", "neon"]
} else {
    &["portable"]
};

/// The highest rank that the environment allows, read once: an index in [`NAMES`].
///
/// # Errors
/// What is wrong with the variable, and what it can be.
pub(super) fn highest() -> Result<usize, String> {
    static READ: OnceLock<Result<usize, String>> = OnceLock::new();
    READ.get_or_init(|| match std::env::var_os(LIMIT) {
        Some(value) => rank_of(&value.to_string_lossy()),
        None => Ok(NAMES.len()),
    })
    .clone()
}

/// Place of a name among those of this architecture.
fn rank_of(name: &str) -> Result<usize, String> {
    let rank = NAMES.iter().position(|known| *known == name);
    rank.ok_or_else(|| format!("{LIMIT} can't be \"{name}\": give {}", NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    #[test]
    fn sets_above_the_limit_are_left_out() {
        let all = Isa::available_up_to(NAMES.len());
        for (rank, name) in NAMES.iter().enumerate() {
            assert_eq!(rank_of(name), Ok(rank));
            let allowed = Isa::available_up_to(rank);
            assert!(allowed.iter().all(|isa| isa.rank() <= rank), "{name}");
            let wanted = all.iter().filter(|isa| isa.rank() <= rank).count();
            assert_eq!(allowed.len(), wanted, "{name}");
        }
        let names = |sets: Vec<Isa>| -> Vec<&str> { sets.into_iter().map(Isa::name).collect() };
        assert_eq!(names(Isa::available_up_to(0)), ["portable"]);
    }

    #[test]
    fn other_names_are_refused_with_the_choices() {
        for name in ["", "AVX2", "sse", "avx2 "] {
            let error = rank_of(name).unwrap_err();
            assert!(
                error.contains(LIMIT) && error.contains("portable"),
                "{error}"
            );
        }
    }
}
