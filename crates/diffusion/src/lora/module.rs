//! The tensors of one module of a LoRA file become a change of its weight.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Error, Result};

use super::names::Role;
use crate::weights::{Delta, Factor, Located, Magnitude, Product, SafetensorsFile};

/// The tensors of one module, by their names in the file.
pub type Module = BTreeMap<Role, String>;

/// What a module is changed by.
#[derive(Debug, Default)]
pub struct Changes {
    /// Of its weight.
    pub weight: Vec<Delta>,
    /// Of its bias.
    pub bias: Vec<Delta>,
}

/// A file's module while it is read.
pub struct Reader<'a> {
    pub file: &'a Arc<SafetensorsFile>,
    /// How the file spells the module.
    pub spelled: &'a str,
    pub module: &'a Module,
    /// How strongly the file acts.
    pub scale: f64,
}

/// The name of the algorithm that a module's tensors belong to.
pub fn kind(module: &Module) -> &'static str {
    let has = |role| module.contains_key(&role);
    if has(Role::Scale) || has(Role::Magnitude) {
        "DoRA"
    } else if has(Role::HadaA(1)) {
        "LoHa"
    } else if module
        .keys()
        .any(|role| matches!(role, Role::Kron(_) | Role::KronA(_)))
    {
        "LoKr"
    } else if has(Role::Diff) || has(Role::DiffBias) {
        "full change"
    } else {
        "LoRA"
    }
}

/// The tensor whose first axis is the rank.
pub fn rank_tensor(module: &Module) -> Option<&String> {
    [Role::Down, Role::HadaB(1), Role::KronB(2), Role::KronB(1)]
        .into_iter()
        .find_map(|role| module.get(&role))
}

impl Reader<'_> {
    /// The module's changes; `alpha_elsewhere` is the alpha that the file gives outside of the module's tensors.
    ///
    /// # Errors
    /// [`Error::Weights`] for a module that lacks one of its tensors.
    pub fn changes(&self, alpha_elsewhere: Option<f64>) -> Result<Changes> {
        let mut changes = Changes::default();
        if let Some(product) = self.product()? {
            let alpha = match self.module.get(&Role::Alpha) {
                Some(name) => Some(self.file.read_number(name)?),
                None => alpha_elsewhere,
            };
            let rank = rank_tensor(self.module).and_then(|name| self.file.entries().get(name));
            let rank = rank.and_then(|entry| entry.shape.first().copied());
            let factor = match (alpha, rank) {
                (Some(alpha), Some(rank)) => alpha / rank.max(1) as f64,
                _ => 1.0,
            };
            changes.weight.push(Delta {
                scale: self.scale,
                factor,
                product,
                magnitude: self.magnitude(),
            });
        }
        for (role, target) in [
            (Role::Diff, &mut changes.weight),
            (Role::DiffBias, &mut changes.bias),
        ] {
            if let Some(diff) = self.find(role) {
                target.push(Delta {
                    scale: self.scale,
                    factor: 1.0,
                    product: Product::Full(diff),
                    magnitude: None,
                });
            }
        }
        Ok(changes)
    }

    /// Whether the module is complete.
    ///
    /// # Errors
    /// [`Error::Weights`] for a module that lacks one of its tensors.
    pub fn check(&self) -> Result<()> {
        let has = |role| self.module.contains_key(&role);
        match self.product()? {
            None if !has(Role::Diff) && !has(Role::DiffBias) => Err(self.lacks("down")),
            _ => Ok(()),
        }
    }

    fn find(&self, role: Role) -> Option<Located> {
        let name = self.module.get(&role)?;
        Some(Located::as_stored(self.file, name))
    }

    fn need(&self, role: Role, which: &str) -> Result<Located> {
        self.find(role).ok_or_else(|| self.lacks(which))
    }

    fn lacks(&self, which: &str) -> Error {
        let reason = format!("the LoRA for `{}` has no {which} matrix", self.spelled);
        Error::weights(&self.file.path, reason)
    }

    fn product(&self) -> Result<Option<Product>> {
        let has = |role| self.module.contains_key(&role);
        if has(Role::Down) || has(Role::Up) || has(Role::Mid) {
            return Ok(Some(Product::LowRank {
                down: self.need(Role::Down, "down")?,
                up: self.need(Role::Up, "up")?,
                mid: self.find(Role::Mid),
            }));
        }
        if [1, 2]
            .into_iter()
            .any(|n| has(Role::HadaA(n)) || has(Role::HadaB(n)))
        {
            return Ok(Some(Product::Hadamard([self.hada(1)?, self.hada(2)?])));
        }
        let is_kron = |role: &Role| {
            matches!(
                role,
                Role::Kron(_) | Role::KronA(_) | Role::KronB(_) | Role::KronT
            )
        };
        if self.module.keys().any(is_kron) {
            return Ok(Some(Product::Kronecker([self.kron(1)?, self.kron(2)?])));
        }
        Ok(None)
    }

    fn hada(&self, n: u8) -> Result<Factor> {
        let a = self.need(Role::HadaA(n), &format!("hada_w{n}_a"))?;
        let b = self.need(Role::HadaB(n), &format!("hada_w{n}_b"))?;
        Ok(match self.find(Role::HadaT(n)) {
            Some(t) => Factor::Tucker { a, b, t },
            None => Factor::Product(a, b),
        })
    }

    fn kron(&self, n: u8) -> Result<Factor> {
        if let Some(whole) = self.find(Role::Kron(n)) {
            return Ok(Factor::Whole(whole));
        }
        let a = self.need(Role::KronA(n), &format!("lokr_w{n}"))?;
        let b = self.need(Role::KronB(n), &format!("lokr_w{n}_b"))?;
        Ok(match self.find(Role::KronT).filter(|_| n == 2) {
            Some(t) => Factor::Tucker { a, b, t },
            None => Factor::Product(a, b),
        })
    }

    /// LyCORIS stores lengths of the outputs as `[out, 1, ...]` and of the inputs as `[1, in, ...]`; PEFT always those of the
    /// outputs, as `[out]` or `[1, out, 1, 1]`.
    fn magnitude(&self) -> Option<Magnitude> {
        let scale = self.find(Role::Scale);
        let is_of_inputs = scale.as_ref().is_some_and(|scale| {
            let shape = scale.shape();
            matches!(shape.as_slice(), [1, n, ..] if *n > 1)
        });
        Some(Magnitude {
            lengths: scale.or_else(|| self.find(Role::Magnitude))?,
            is_of_inputs,
        })
    }
}
