//! Stands in for AMX on architectures that don't have it: it is never detected.

use super::{Columns, Steps};

/// Proof of AMX: there is none.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Amx {}

impl Amx {
    /// See the proof for processors that may have it.
    pub(in super::super) fn detect() -> Option<Self> {
        None
    }

    /// Can't be called.
    pub(in super::super) fn tiles(self) -> Tiles {
        match self {}
    }
}

/// A thread's tiles: there are none.
pub(in super::super) struct Tiles(Amx);

impl Tiles {
    /// Can't be called.
    pub(in super::super) fn multiply(
        &self,
        _: &[f32],
        _: Columns,
        _: &Steps,
        _: bool,
        _: (&mut [f32], usize),
    ) {
        match self.0 {}
    }
}
