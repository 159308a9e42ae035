//! Open Job Description 2023-09, which AWS Deadline Cloud runs.
//!
//! Formats: the specification's `2023-09-Template-Schemas`, and its extension `TASK_CHUNKING`.

use super::fill::json_string;
use super::job::{Job, JobFile, JobFiles};

/// Most numbers in one task: Deadline Cloud takes no more.
const MAX_PER_TASK: u64 = 150;

/// Names of the files; Deadline Cloud looks for them in a folder that is submitted. A default of a path must be relative, so that
/// the song, which may lie anywhere, is given as a value.
const NAMES: [&str; 2] = ["template.yaml", "parameter_values.yaml"];

/// The parameters of a film's name and of its song.
const FILM_PARAMETERS: &str = "  - name: Film
    description: Name of the film in the folder.
    type: STRING
    default: @FILM@
  - name: Song
    type: PATH
    objectType: FILE
    dataFlow: IN";

/// The words behind `mux TIMELINE` for a film.
const MUX_ARGS: &str = "            - --song
            - \"{{Param.Song}}\"
            - --out
            - \"{{Param.Folder}}/{{Param.Film}}\"
            - --force";

pub(super) fn files(job: &Job) -> JobFiles {
    let mut limits = format!(
        "            - {{name: amount.worker.vcpu, min: {}}}\n",
        job.n_cores
    );
    limits += &format!(
        "            - {{name: amount.worker.memory, min: {}}}", // in MiB
        job.memory_mb.saturating_mul(1_000_000).div_ceil(1 << 20)
    );
    if job.n_gpus > 0 {
        limits += &format!(
            "\n            - {{name: amount.worker.gpu, min: {}}}",
            job.n_gpus
        );
    }
    let timeout = job.minutes.map_or_else(String::new, |minutes| {
        format!("          timeout: {}", u64::from(minutes) * 60)
    });
    let (parameters, mux_args, given) = match &job.film {
        Some(film) => (
            FILM_PARAMETERS.replace("@FILM@", &json_string(&film.name)),
            MUX_ARGS.to_owned(),
            format!(
                "parameterValues:\n  - name: Song\n    value: {}",
                json_string(&film.song.to_string_lossy())
            ),
        ),
        None => (
            String::new(),
            String::new(),
            "parameterValues: []".to_owned(),
        ),
    };
    let values = job
        .values()
        .json("TITLE", &job.plain_name())
        .json("TIMELINE", &job.timeline)
        .plain("FILM_PARAMETERS", parameters)
        .plain("MUX_ARGS", mux_args)
        .plain("VALUES", given)
        .plain("CHUNKS_PER_TASK", job.chunks_per_task.min(MAX_PER_TASK))
        .plain("MAX_PER_TASK", MAX_PER_TASK)
        .plain("LIMITS", limits)
        .plain("TIMEOUT", timeout);
    let texts = [
        include_str!("templates/openjd.yaml"),
        include_str!("templates/openjd_values.yaml"),
    ];
    let files = NAMES.iter().zip(texts);
    JobFiles {
        files: files
            .map(|(name, text)| JobFile::new(name, values.fill(text)))
            .collect(),
        submit: "deadline bundle submit .".to_owned(),
    }
}
