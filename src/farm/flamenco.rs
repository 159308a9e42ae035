//! Flamenco 3: a job type, which the manager turns into tasks.
//!
//! Formats: Flamenco's page on job types.

use super::fill::json_string;
use super::job::{Job, JobFile, JobFiles};

/// What a job asks for of a film.
const FILM_SETTINGS: &str = r#"        { key: "film", type: "string", required: true, default: @FILM@,
          description: "Name of the film in the folder" },
        { key: "song", type: "string", subtype: "file_path", required: true, default: @SONG@,
          description: "The song, as every worker sees it" },"#;

/// The words behind `mux TIMELINE` for a film.
const MUX_ARGS: &str =
    r#", "--song", settings.song, "--out", settings.folder + "/" + settings.film, "--force""#;

pub(super) fn files(job: &Job) -> JobFiles {
    let name = job.plain_name();
    let script = format!("{name}.js");
    let (settings, mux_args) = match &job.film {
        Some(film) => {
            let settings = FILM_SETTINGS
                .replace("@FILM@", &json_string(&film.name))
                .replace("@SONG@", &json_string(&film.song.to_string_lossy()));
            (settings, MUX_ARGS)
        }
        None => (String::new(), ""),
    };
    let values = job
        .values()
        .json("TITLE", &name)
        .json("FOLDER", &job.folder.to_string_lossy())
        .json("TIMELINE", &job.timeline)
        .plain("FILM_SETTINGS", settings)
        .plain("MUX_ARGS", mux_args);
    let text = values.fill(include_str!("templates/flamenco.js"));
    JobFiles {
        submit: format!(
            "cp {script} FLAMENCO_MANAGER/scripts/, then send a job of the type {name} from Blender or the manager's API"
        ),
        files: vec![JobFile::new(&script, text)],
    }
}
