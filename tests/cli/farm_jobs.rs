//! Jobs of engines: Slurm's is run with an `sbatch` of ours; what is written for all is compared with golden files in
//! `src/farm/tests.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::farm::{chunk_files, missing, planned, whole};
use super::harness::{Bench, Run};

/// An `sbatch` that runs what it is given at once, one task of an array after the other, and writes down its arguments.
const SBATCH: &str = r#"#!/bin/bash
echo "$*" >> sbatch.log
for word in "$@"; do
    case $word in
    --array=*) array=${word#--array=} ;;
    --export=ALL,*) export "${word#--export=ALL,}" ;;
    esac
    script=$word
done
job=$(($(wc -l < sbatch.log) + 40))
export SLURM_JOB_ID=$job
if [ -n "${array:-}" ]; then
    for ((task = ${array%-*}; task <= ${array#*-}; task++)); do
        SLURM_ARRAY_TASK_ID=$task bash "$script" >> run.log 2>&1 || exit 1
    done
else
    bash "$script" >> run.log 2>&1 || exit 1
fi
echo "$job;cluster"
"#;

/// Writes a job of `film.json` for Slurm into the folder `job`.
fn slurm_job(bench: &Bench, flags: &[&str]) -> Run {
    let job = ["farm", "film.json", "--engine", "slurm", "-o", "job"];
    bench.run(&[&job[..], flags].concat())
}

/// Runs a job's `submit.sh` with the false `sbatch`.
#[cfg(unix)]
fn submit(bench: &Bench, folder: &str, program: &Path) -> Run {
    use std::os::unix::fs::PermissionsExt;
    let sbatch = bench.write("sbatch", SBATCH.as_bytes());
    std::fs::set_permissions(&sbatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        sbatch.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("bash")
        .arg(bench.path(folder).join("submit.sh"))
        .arg("--partition=long")
        .env("PATH", path)
        .env("VISUALIZE", program)
        .env("RETRY_SECONDS", "0")
        .output()
        .unwrap();
    Run::from(output)
}

#[cfg(unix)]
#[test]
fn slurm_draws_the_film() {
    let bench = planned();
    let run = slurm_job(&bench, &["--chunks-per-task", "4"]);
    assert_eq!(run.assert_done().stdout.trim(), "cd job && ./submit.sh");
    let program = Path::new(env!("CARGO_BIN_EXE_visualize"));
    let run = submit(&bench, "job", program);
    let log = std::fs::read_to_string(bench.path("job/run.log")).unwrap_or_default();
    run.assert_done();
    assert!(
        run.stdout.contains("41 to draw and 42 to make"),
        "{}{log}",
        run.stdout
    );
    assert!(
        whole(&bench) == bench.read("job/film.mp4"),
        "another film:\n{log}"
    );
    let said = String::from_utf8(bench.read("job/sbatch.log")).unwrap();
    assert!(
        said.contains("--array=0-1") && said.contains("--partition=long render.sbatch"),
        "{said}"
    );
    assert!(
        said.contains("--dependency=afterok:41 --kill-on-invalid-dep=yes"),
        "{said}"
    );

    // Submitted again, nothing is drawn again.
    let before = chunk_files(&bench.path("job/film.visualize"));
    let time = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    let times: Vec<_> = before.iter().map(time).collect();
    submit(&bench, "job", program).assert_done();
    assert_eq!(times, before.iter().map(time).collect::<Vec<_>>());
}

/// A program that is killed by SIGKILL the first time it is to draw.
#[cfg(unix)]
#[test]
fn a_killed_task_of_slurm_is_tried_again() {
    use std::os::unix::fs::PermissionsExt;
    let bench = planned();
    slurm_job(&bench, &[]).assert_done();
    let text = format!(
        "#!/bin/bash\nif [ ! -e '{0}' ]; then touch '{0}'; kill -9 $$; fi\nexec '{1}' \"$@\"\n",
        bench.path("killed").display(),
        env!("CARGO_BIN_EXE_visualize")
    );
    let program = bench.write("visualize", text.as_bytes());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    submit(&bench, "job", &program).assert_done();
    assert!(bench.path("killed").exists());
    let log = std::fs::read_to_string(bench.path("job/run.log")).unwrap();
    assert!(log.contains("attempt 1 ended with exit code 137"), "{log}");
    assert!(whole(&bench) == bench.read("job/film.mp4"), "another film");
}

#[test]
fn a_job_replaces_nothing_unasked() {
    let bench = planned();
    let args = ["farm", "film.json", "--engine", "kubernetes", "-o", "job"];
    bench.run(&args).assert_done();
    let again = bench.run(&args);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    bench.run(&[&args[..], &["--force"]].concat()).assert_done();
    let over = bench.run(&[
        "farm",
        "film.json",
        "--engine",
        "slurm",
        "-o",
        ".",
        "--force",
    ]);
    assert_eq!(over.code, 2, "{}", over.stderr);
    assert!(over.stderr.contains("its own timeline"), "{}", over.stderr);
}

/// Nothing is drawn yet, and six chunks of four small frames are no work for six tasks.
#[test]
fn tasks_of_a_film_that_nobody_has_begun_are_not_short() {
    let bench = planned();
    let run = slurm_job(&bench, &["--json"]);
    assert_eq!(run.assert_done().json()["n_tasks"], 1);
    assert!(!run.stderr.contains("no time limit"), "{}", run.stderr);
    assert_eq!(missing(&bench, "film.json"), "0-5", "a trial is no chunk");
}

#[test]
fn a_job_is_described_as_json_and_draws_with_exact_kernels() {
    let bench = Bench::new();
    bench.plan("film.json", &["--chunk", "4"]);
    let args = [
        "farm",
        "film.json",
        "--engine",
        "openjd",
        "-o",
        "job",
        "--json",
        "--chunks-per-task",
        "1",
    ];
    let job = bench.run(&args).assert_done().json();
    assert_eq!((&job["n_chunks"], &job["n_tasks"]), (&6.into(), &6.into()));
    let timeline: serde_json::Value = serde_json::from_slice(&bench.read("job/film.json")).unwrap();
    assert_eq!(timeline["render"]["diffusion"]["kernels"], "exact");
    let args = [
        "farm",
        "film.json",
        "--engine",
        "openjd",
        "-o",
        "fast",
        "--kernels",
        "fast",
    ];
    bench.run(&args).assert_done();
    assert_eq!(bench.read("film.json"), bench.read("fast/film.json"));
    let unknown = bench.run(&["farm", "film.json", "--engine", "lsf", "-o", "x"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown
            .stderr
            .contains("slurm, openjd, kubernetes or flamenco"),
        "{}",
        unknown.stderr
    );
}
