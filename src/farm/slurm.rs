//! Slurm: an array job draws, and another makes the film when all of it is done.
//!
//! Formats: `sbatch(1)` of Slurm 24.05, and its page on job arrays.

use super::fill::shell_word;
use super::job::{Job, JobFile, JobFiles};

/// Tasks of an array: `MaxArraySize` is 1001 unless a site sets it, and indices lie below it.
const MAX_TASKS: u64 = 1000;

pub(super) fn files(job: &Job) -> JobFiles {
    let option = |name: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!("#SBATCH --{name}={value}"))
    };
    let mux_args = job.film.as_ref().map_or_else(String::new, |film| {
        let (song, name) = (film.song.to_string_lossy(), &film.name);
        format!(
            " --song {} -o {} --force",
            shell_word(&song),
            shell_word(name)
        )
    });
    let gpus = (job.n_gpus > 0).then(|| job.n_gpus.to_string());
    let values = job
        .values()
        .shell("TIMELINE", &job.timeline)
        .plain("MUX_ARGS", mux_args)
        .plain("GPU_LINE", option("gpus", gpus))
        .plain(
            "TIME_LINE",
            option("time", job.minutes.map(|n| n.to_string())),
        )
        .plain("MAX_TASKS", MAX_TASKS);
    JobFiles {
        files: vec![
            JobFile::new(
                "render.sbatch",
                values.fill(include_str!("templates/render.sbatch")),
            ),
            JobFile::new(
                "mux.sbatch",
                values.fill(include_str!("templates/mux.sbatch")),
            ),
            JobFile::program(
                "submit.sh",
                values.fill(include_str!("templates/submit.sh")),
            ),
        ],
        submit: "./submit.sh".to_owned(),
    }
}
