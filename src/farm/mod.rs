//! A film on many machines: how far its chunks are, and jobs for engines that people already run.
//!
//! A job is files to read, change and submit; nothing is submitted here. Its tasks are calls of `visualize render --chunks`, and
//! one of `visualize mux` after them. The files are filled in from `templates`, one set an engine.
//!
//! | file | task |
//! |---|---|
//! | `status.rs` | which chunks of a film are done, missing, damaged, and who drew them |
//! | `set_status.rs` | the same of a set, by clip |
//! | `job.rs` | what every engine must know of a job |
//! | `fill.rs` | values in templates, quoted for the language of each |
//! | `slurm.rs`, `openjd.rs`, `kubernetes.rs`, `flamenco.rs` | the files of one engine |

mod fill;
mod flamenco;
mod job;
mod kubernetes;
mod openjd;
mod set_status;
mod slurm;
mod status;

use std::str::FromStr;

use common::Error;

pub use job::{Job, JobFile, JobFiles, JobFilm};
pub use set_status::{ClipState, ClipStatus, SetStatus};
pub use status::{ChunkState, ChunkStatus, Status};

/// What runs a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Slurm: an array job, and the film after it.
    Slurm,
    /// Open Job Description, which AWS Deadline Cloud and the `openjd` command run.
    OpenJd,
    /// Kubernetes: an indexed job, and one that waits for it.
    Kubernetes,
    /// Flamenco 3, Blender's farm: a job type.
    Flamenco,
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "slurm" => Ok(Self::Slurm),
            "openjd" | "deadline-cloud" => Ok(Self::OpenJd),
            "kubernetes" | "k8s" => Ok(Self::Kubernetes),
            "flamenco" => Ok(Self::Flamenco),
            _ => Err(Error::Config {
                name: "engine",
                value: format!("\"{text}\""),
                allowed: "give slurm, openjd, kubernetes or flamenco".to_owned(),
            }),
        }
    }
}

/// The program's version and that of its drawing code: machines with equal ones name chunks alike.
pub fn version() -> String {
    let (program, drawing) = (env!("CARGO_PKG_VERSION"), crate::pipeline::DRAWING_VERSION);
    format!("{program}-{drawing}")
}

#[cfg(test)]
mod tests;
