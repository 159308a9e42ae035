//! What is written for each engine, compared with files that were read and found good.
//!
//! `VISUALIZE_GOLDEN=accept cargo test -p visualize --lib farm` writes them anew after a change that is meant.

use std::path::{Path, PathBuf};

use super::*;

/// A job with names that need quotes.
fn job() -> Job {
    Job {
        name: "Anna's song".to_owned(),
        folder: PathBuf::from("/films/job 1"),
        timeline: "Anna's song.json".to_owned(),
        film: Some(JobFilm {
            name: "Anna's song.mp4".to_owned(),
            song: PathBuf::from("/music/Anna's \"song\".flac"),
        }),
        n_chunks: 121,
        chunks_per_task: 2,
        n_cores: 8,
        n_gpus: 0,
        memory_mb: 3000,
        minutes: None,
        version: "0.1.0-2".to_owned(),
    }
}

/// The same on GPUs, with a time limit.
fn gpu_job() -> Job {
    Job {
        n_gpus: 1,
        minutes: Some(90),
        ..job()
    }
}

/// A set of clips, which has neither a song nor a film's name.
fn set_job() -> Job {
    Job {
        timeline: "set.json".to_owned(),
        film: None,
        ..job()
    }
}

fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/farm/golden")
        .join(name);
    if std::env::var_os("VISUALIZE_GOLDEN").is_some_and(|value| value == "accept") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, text, "{}", path.display());
}

#[test]
fn files_are_those_that_were_found_good() {
    for (folder, engine) in [
        ("slurm", Engine::Slurm),
        ("openjd", Engine::OpenJd),
        ("kubernetes", Engine::Kubernetes),
        ("flamenco", Engine::Flamenco),
    ] {
        for (kind, job) in [("cpu", job()), ("gpu", gpu_job()), ("set", set_job())] {
            for file in job.files(engine).files {
                assert_golden(&format!("{folder}/{kind}/{}", file.name), &file.text);
            }
        }
    }
}

#[test]
fn no_place_is_left_unfilled() {
    for engine in [
        Engine::Slurm,
        Engine::OpenJd,
        Engine::Kubernetes,
        Engine::Flamenco,
    ] {
        for file in gpu_job().files(engine).files {
            let left = file.text.split('@').skip(1).step_by(2).find(|place| {
                !place.is_empty() && place.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
            });
            assert_eq!(left, None, "{}", file.name);
        }
    }
}

#[test]
fn engines_take_the_name() {
    for (name, plain) in [
        ("Anna's song", "visualize-anna-s-song"),
        ("", "visualize"),
        ("--Ünï--", "visualize-n"),
        (
            "x".repeat(80).as_str(),
            &format!("visualize-{}", "x".repeat(30)),
        ),
    ] {
        let job = Job {
            name: name.to_owned(),
            ..job()
        };
        assert_eq!(job.plain_name(), plain, "{name}");
    }
}

#[test]
fn the_last_task_may_be_smaller() {
    assert_eq!(job().n_tasks(), 61);
}
