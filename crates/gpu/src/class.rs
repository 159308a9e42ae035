/// What kind of processor an adapter is; the sizes of tiles follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A card with memory of its own.
    Discrete,
    /// Shares the computer's memory; of a virtual machine; or of an unknown kind.
    Integrated,
    /// The computer's own processor, which plays a GPU.
    Software,
}

impl Class {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Software => "software",
        }
    }
}
