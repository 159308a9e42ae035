//! What every engine must know of a job.

use std::path::PathBuf;

use super::fill::Values;
use super::{Engine, flamenco, kubernetes, openjd, slurm};

/// A film or a set of clips to draw. The job's folder holds the timeline (of a set: `set.json`), and chunks and film come to lie in
/// it.
#[derive(Clone, Debug)]
pub struct Job {
    /// What people call it.
    pub name: String,
    /// The job's folder, by its whole path.
    pub folder: PathBuf,
    /// Name of the timeline in the job's folder.
    pub timeline: String,
    /// The film; none for a set, whose clips have names and no sound.
    pub film: Option<JobFilm>,
    /// Chunks of the film or of all clips, 1 or more.
    pub n_chunks: u64,
    /// Chunks that a task draws, 1 or more.
    pub chunks_per_task: u64,
    /// Cores of a task.
    pub n_cores: u32,
    /// GPUs of a task; 0 = it draws on the CPU.
    pub n_gpus: u32,
    /// Memory of a task, in MB (10^6 bytes).
    pub memory_mb: u64,
    /// Longest time of a task, in minutes, where it is limited.
    pub minutes: Option<u32>,
    /// The [`version`](super::version) that must draw.
    pub version: String,
}

/// The film of a job.
#[derive(Clone, Debug)]
pub struct JobFilm {
    /// Its name in the job's folder.
    pub name: String,
    /// The song, by its whole path.
    pub song: PathBuf,
}

/// A file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Its name in the job's folder.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Whether it is run.
    pub is_program: bool,
}

/// What an engine needs.
#[derive(Clone, Debug)]
pub struct JobFiles {
    /// The files.
    pub files: Vec<JobFile>,
    /// How they are submitted, from the job's folder; for people.
    pub submit: String,
}

impl Job {
    /// The files for an engine.
    pub fn files(&self, engine: Engine) -> JobFiles {
        match engine {
            Engine::Slurm => slurm::files(self),
            Engine::OpenJd => openjd::files(self),
            Engine::Kubernetes => kubernetes::files(self),
            Engine::Flamenco => flamenco::files(self),
        }
    }

    /// Tasks that draw.
    pub fn n_tasks(&self) -> u64 {
        self.n_chunks.div_ceil(self.chunks_per_task.max(1))
    }

    /// Number of the last chunk.
    pub(super) fn last_chunk(&self) -> u64 {
        self.n_chunks.saturating_sub(1)
    }

    /// The device that a task draws on: any GPU, unless this program knows GPUs through CUDA alone.
    pub(super) fn device(&self) -> &'static str {
        match self.n_gpus {
            0 => "cpu",
            _ if cfg!(all(feature = "cuda", not(feature = "gpu"))) => "cuda",
            _ => "gpu",
        }
    }

    /// The name in lowercase letters, digits and hyphens, which every engine takes: 40 at most, the first a letter.
    pub(super) fn plain_name(&self) -> String {
        let letters = self.name.chars().map(|c| match c {
            'a'..='z' | '0'..='9' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '-',
        });
        let name: String = letters.collect();
        let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
        let name = format!("visualize-{}", parts.join("-"));
        let name: String = name.chars().take(40).collect();
        name.trim_end_matches('-').to_owned()
    }

    /// Values that most templates take.
    pub(super) fn values(&self) -> Values {
        Values::default()
            .plain("NAME", self.plain_name())
            .plain("N_CHUNKS", self.n_chunks)
            .plain("LAST_CHUNK", self.last_chunk())
            .plain("PER_TASK", self.chunks_per_task)
            .plain("N_TASKS", self.n_tasks())
            .plain("CORES", self.n_cores)
            .plain("GPUS", self.n_gpus)
            .plain("MEMORY_MB", self.memory_mb)
            .plain("DEVICE", self.device())
            .plain("VERSION", &self.version)
    }
}

impl JobFile {
    /// A file that is read.
    pub(super) fn new(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            text,
            is_program: false,
        }
    }

    /// A file that is run.
    pub(super) fn program(name: &str, text: String) -> Self {
        Self {
            is_program: true,
            ..Self::new(name, text)
        }
    }
}
