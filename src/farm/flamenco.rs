//! Flamenco 3: a job type, which the manager turns into tasks.
//!
//! Formats: Flamenco's page on job types.

use super::job::{Job, JobFile, JobFiles};

pub(super) fn files(job: &Job) -> JobFiles {
    let name = job.plain_name();
    let script = format!("{name}.js");
    let values = job
        .values()
        .json("TITLE", &name)
        .json("FOLDER", &job.folder.to_string_lossy())
        .json("TIMELINE", &job.timeline)
        .json("FILM", &job.film)
        .json("SONG", &job.song.to_string_lossy());
    let text = values.fill(include_str!("templates/flamenco.js"));
    JobFiles {
        submit: format!(
            "cp {script} FLAMENCO_MANAGER/scripts/, then send a job of the type {name} from Blender or the manager's API"
        ),
        files: vec![JobFile::new(&script, text)],
    }
}
