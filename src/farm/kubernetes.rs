//! Kubernetes: an indexed Job draws, and a second one makes the film as soon as all chunks are there.
//!
//! Formats: the API `batch/v1` of Kubernetes 1.33, in which `backoffLimitPerIndex` is stable.

use super::fill::json_string;
use super::job::{Job, JobFile, JobFiles};

pub(super) fn files(job: &Job) -> JobFiles {
    let gpus = match job.n_gpus {
        0 => String::new(),
        n => format!("              nvidia.com/gpu: {n}"),
    };
    let deadline = job.minutes.map_or_else(String::new, |minutes| {
        format!("      activeDeadlineSeconds: {}", u64::from(minutes) * 60)
    });
    let (film_env, mux_args) = match &job.film {
        Some(film) => {
            let song = film.song.file_name().unwrap_or_default();
            let env = format!(
                "            - {{name: FILM, value: {}}}\n            - {{name: SONG, value: {}}}",
                json_string(&film.name),
                json_string(&song.to_string_lossy())
            );
            (env, r#" --song "$SONG" -o "$FILM" --force"#)
        }
        None => (String::new(), ""),
    };
    let values = job
        .values()
        .json("TIMELINE", &job.timeline)
        .plain("FILM_ENV", film_env)
        .plain("MUX_ARGS", mux_args)
        .plain("GPU_LINE", gpus)
        .plain("DEADLINE", deadline);
    JobFiles {
        files: vec![JobFile::new(
            "job.yaml",
            values.fill(include_str!("templates/kubernetes.yaml")),
        )],
        submit: "kubectl apply -f job.yaml".to_owned(),
    }
}
