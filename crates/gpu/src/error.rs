use std::fmt;

/// Result of what runs on a GPU.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something couldn't be done on a GPU.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The program was built without support for GPUs.
    #[error(
        "this program was built without support for GPUs: the feature `wgpu` of `visualize-gpu`"
    )]
    NotBuilt,
    /// There is no adapter with this number, or none at all.
    #[error("{0}")]
    NoAdapter(String),
    /// The adapter lacks something that the operations need.
    #[error("{name} can't be used: {reason}")]
    Unsuitable {
        /// The adapter.
        name: String,
        /// What it lacks.
        reason: String,
    },
    /// The GPU's memory doesn't suffice.
    #[error("the GPU's memory doesn't suffice for {wanted} more")]
    OutOfMemory {
        /// What was asked for.
        wanted: Bytes,
    },
    /// A buffer is larger than what the driver lets an operation see at once.
    #[error("a layer takes {wanted} on the GPU, whose driver allows {limit} at once")]
    TooLarge {
        /// What was asked for.
        wanted: Bytes,
        /// The most that is allowed.
        limit: Bytes,
    },
    /// The driver gave the device up: it was reset, unplugged, or took too long.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The driver refused something: a bug of ours or of the driver.
    #[error("the GPU's driver refused to {doing}: {reason}")]
    Driver {
        /// What was tried.
        doing: &'static str,
        /// The driver's words.
        reason: String,
    },
    /// Sizes don't fit together.
    #[error("{0}")]
    Shape(String),
}

/// A number of bytes, shown in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..0x10_0000 => write!(f, "{} KiB", self.0.div_ceil(1024)),
            bytes => write!(f, "{} MiB", bytes.div_ceil(1024 * 1024)),
        }
    }
}
