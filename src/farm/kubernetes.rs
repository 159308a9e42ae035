//! Kubernetes: an indexed Job draws, and a second one makes the film as soon as all chunks are there.
//!
//! Formats: the API `batch/v1` of Kubernetes 1.33, in which `backoffLimitPerIndex` is stable.

use super::job::{Job, JobFile, JobFiles};

pub(super) fn files(job: &Job) -> JobFiles {
    let gpus = match job.n_gpus {
        0 => String::new(),
        n => format!("              nvidia.com/gpu: {n}"),
    };
    let deadline = job.minutes.map_or_else(String::new, |minutes| {
        format!("      activeDeadlineSeconds: {}", u64::from(minutes) * 60)
    });
    let song = job.song.file_name().unwrap_or_default().to_string_lossy();
    let values = job
        .values()
        .json("TIMELINE", &job.timeline)
        .json("FILM", &job.film)
        .json("SONG", &song)
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
