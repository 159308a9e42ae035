//! `visualize farm`: a job for a render farm.

use std::path::{Path, PathBuf, absolute};

use serde_json::json;
use visualize::diffusion::{BUNDLED_NAME, ModelStore, describe_model};
use visualize::farm::{Engine, Job, JobFile, JobFilm, SetStatus, Status, version};
use visualize::partial_file::write_whole;
use visualize::pipeline::{ChunkSet, Machine, PathMap, Watch, frame_secs};
use visualize::set::{self, SetRecord};
use visualize::timeline::RunFolder;
use visualize::{Error, Result, Timeline};

use super::args::{FarmArgs, FarmCommand, FarmJobArgs, OutputArgs};
use super::farm_status;
use super::mux::songs_of;
use super::progress::Progress;
use super::stop_on_signal;
use super::typed::quote_path;

/// Tasks of a job whose size nobody chose: enough for most farms, few enough for models that take a while to load.
const MAX_TASKS: u64 = 100;

/// Shortest time of such a task in seconds, where it is known how long chunks take. What a task takes before it draws is then no more
/// than a hundredth of it with the bundled model.
const LEAST_TASK_SECS: f64 = 5.0;

pub fn run(args: &FarmArgs, output: OutputArgs) -> Result<()> {
    match (&args.command, &args.job) {
        (Some(FarmCommand::Status(args)), _) => farm_status::run(args, output),
        (None, Some(job)) => write_job(job, output),
        (None, None) => Err(Error::internal("neither a job nor a command was given")),
    }
}

fn write_job(args: &FarmJobArgs, output: OutputArgs) -> Result<()> {
    let progress = Progress::new(output);
    let source = Source::of(args)?;
    let (given, n_chunks) = (source.timeline, source.n_chunks);
    let timeline = for_farm(&given, args);
    let folder = absolute(&args.out).map_err(Error::io("find", &args.out))?;
    let chunk_secs = match drawn_secs(args, &given, source.film.is_some())? {
        Some(secs) => Some(secs),
        // Nothing is drawn to find out what was said already.
        None if args.chunks_per_task.is_some() && args.minutes.is_some() => None,
        None => tried_secs(&timeline)?,
    };
    let chunks_per_task = match args.chunks_per_task {
        Some(n) => u64::from(n),
        None => chunks_per_task(n_chunks, chunk_secs),
    };
    let job = Job {
        folder: folder.clone(),
        timeline: source.file,
        film: source.film,
        n_chunks,
        chunks_per_task,
        n_cores: args.cores,
        n_gpus: args.gpus,
        memory_mb: match args.memory {
            Some(gb) => u64::from(gb) * 1000,
            None => memory_mb(&timeline, &progress)?,
        },
        minutes: args
            .minutes
            .or(chunk_secs.map(|secs| minutes(secs, chunks_per_task))),
        version: version(),
        name: source.name,
    };
    let engine_files = job.files(args.engine);
    let path = folder.join(&job.timeline);
    let mut paths: Vec<PathBuf> = vec![path.clone()];
    paths.extend(
        engine_files
            .files
            .iter()
            .map(|file| folder.join(&file.name)),
    );
    check_new(&paths, &args.timeline, args.force)?;
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    match &job.film {
        Some(_) => timeline.save(&path)?,
        None => _ = set::copy_plan(&args.timeline, &folder, &|clip| for_farm(clip, args))?,
    }
    for file in &engine_files.files {
        write_file(&folder, file)?;
    }
    note(args, &given, &timeline, &job, &progress);
    let submit = match args.engine {
        Engine::Flamenco => engine_files.submit,
        _ => format!("cd {} && {}", quote_path(&args.out), engine_files.submit),
    };
    let names: Vec<&str> = engine_files
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    let value = json!({
        "folder": folder,
        "timeline": path,
        "files": names,
        "n_chunks": job.n_chunks,
        "n_tasks": job.n_tasks(),
        "submit": submit,
    });
    super::print_result(output, &submit, &value)
}

/// What a job draws.
struct Source {
    /// What people call it.
    name: String,
    /// Name of its file in the job's folder.
    file: String,
    /// The film's, or that of a set's first clip.
    timeline: Timeline,
    n_chunks: u64,
    film: Option<JobFilm>,
}

impl Source {
    fn of(args: &FarmJobArgs) -> Result<Self> {
        let source = match SetRecord::is_at(&args.timeline) {
            true => Self::set(&args.timeline)?,
            false => Self::film(args)?,
        };
        match source.n_chunks {
            0 => Err(Error::input(&args.timeline, "there are no frames to draw")),
            _ => Ok(source),
        }
    }

    fn film(args: &FarmJobArgs) -> Result<Self> {
        let timeline = Timeline::load(&args.timeline)?;
        let name = args.timeline.file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let ending = timeline.encoding.codec.extension();
        Ok(Self {
            file: format!("{name}.json"),
            film: Some(JobFilm {
                name: format!("{name}.{ending}"),
                song: song(args, &timeline)?,
            }),
            n_chunks: ChunkSet::all().pieces(&timeline).count() as u64,
            name,
            timeline,
        })
    }

    fn set(set: &Path) -> Result<Self> {
        let record = SetRecord::load(set)?;
        let folder = set::folder_of_set(set);
        let clip = record.clips().next();
        let clip = clip.ok_or_else(|| Error::input(set, "the set has no clips"))?;
        let name = absolute(&folder).map_err(Error::io("find", &folder))?;
        let name = name.file_name().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            file: "set.json".to_owned(),
            timeline: Timeline::load(folder.join(&clip.timeline))?,
            n_chunks: record.n_chunks(),
            film: None,
        })
    }
}

/// The timeline as the job's machines draw it: on CPUs with the asked-for kernels, and with files by their whole paths, since it
/// lies in another folder.
fn for_farm(given: &Timeline, args: &FarmJobArgs) -> Timeline {
    let mut timeline = given.clone();
    let whole = |path: &Path| match absolute(path) {
        Ok(whole) if path.exists() => whole,
        _ => path.to_owned(), // the bundled model, and names of the hub
    };
    let render = &mut timeline.render;
    render.model = whole(Path::new(&render.model))
        .to_string_lossy()
        .into_owned();
    if args.gpus == 0 {
        render.diffusion.kernels = args.kernels;
    }
    for lora in &mut render.diffusion.loras {
        lora.path = whole(&lora.path);
    }
    for embedding in &mut render.diffusion.embeddings {
        embedding.path = whole(&embedding.path);
    }
    render.diffusion.vae = render.diffusion.vae.as_deref().map(whole);
    timeline
}

/// The song by its whole path.
fn song(args: &FarmJobArgs, timeline: &Timeline) -> Result<PathBuf> {
    let found = match &args.song {
        Some(song) => Some(super::songs::check(song)?),
        None => songs_of(timeline, &args.timeline, &PathMap::default())
            .into_iter()
            .next(),
    };
    let song = found.ok_or_else(|| {
        let reason = "the timeline's song is neither there nor beside the timeline";
        Error::input(&timeline.song.path, reason).with_hint("name the file with `song FILE`")
    })?;
    absolute(&song).map_err(Error::io("find", &song))
}

/// What the model needs, and half as much again, which is never less than a gigabyte. A model that isn't here is asked for on the
/// machines that draw.
fn memory_mb(timeline: &Timeline, progress: &Progress) -> Result<u64> {
    const LEAST_MB: u64 = 1000;
    let mut is_here = |_: visualize::diffusion::hub::DownloadEvent<'_>| Err(Error::Interrupted);
    match ModelStore::from_env().open_for(&timeline.render, &mut is_here) {
        Ok(model) => {
            let need = describe_model(&model, Some(timeline.render.draw_size))?.memory;
            Ok((need.peak_bytes / 1_000_000 * 3 / 2).max(LEAST_MB))
        }
        Err(_) => {
            progress.line(&format!(
                "the model {} isn't on this machine, so that its memory is a guess: change it in the files, or give --memory",
                timeline.render.model
            ));
            Ok(16 * LEAST_MB)
        }
    }
}

/// How long a chunk takes, in seconds: the longest of those that are drawn; `None` where none is.
fn drawn_secs(args: &FarmJobArgs, timeline: &Timeline, is_film: bool) -> Result<Option<f64>> {
    let status = match is_film {
        true => Status::of(timeline, &RunFolder::beside(&args.timeline))?,
        false => SetStatus::of(&args.timeline)?.chunks,
    };
    Ok(status.slowest_secs())
}

/// How long a chunk takes here, in seconds, by some frames that are drawn to find out; `None` with models that are too large for that.
fn tried_secs(timeline: &Timeline) -> Result<Option<f64>> {
    if timeline.render.model != BUNDLED_NAME {
        return Ok(None);
    }
    let stop = stop_on_signal()?;
    let mut watch = Watch {
        observe: &mut |_| {},
        stop: &stop,
    };
    let machine = Machine {
        device: "cpu".to_owned(),
        ..Machine::default()
    };
    let frame_secs = frame_secs(timeline, &machine, &mut watch)?;
    let n_frames = (timeline.frames.len() as f64).min(timeline.encoding.chunk_len.into());
    Ok(Some(n_frames * frame_secs))
}

/// So many that there are few tasks, and none is short.
fn chunks_per_task(n_chunks: u64, chunk_secs: Option<f64>) -> u64 {
    let by_time = chunk_secs.map_or(1, |secs| (LEAST_TASK_SECS / secs.max(1e-3)).ceil() as u64);
    n_chunks.div_ceil(MAX_TASKS).max(by_time).min(n_chunks)
}

/// The longest time of a task: four times what its chunks took here, as farms have slower machines.
fn minutes(chunk_secs: f64, chunks_per_task: u64) -> u32 {
    let minutes = 4.0 * chunk_secs * chunks_per_task as f64 / 60.0;
    (minutes.ceil() as u32).saturating_add(10) // for loading the model
}

/// Refuses to write over files that are there, and over the timeline that was given.
fn check_new(paths: &[PathBuf], given: &Path, is_forced: bool) -> Result<()> {
    let same = |path: &PathBuf| path.canonicalize().ok().zip(given.canonicalize().ok());
    for path in paths.iter().filter(|path| path.exists()) {
        if same(path).is_some_and(|(path, given)| path == given) {
            return Err(
                Error::input(path, "the job would be written over its own timeline")
                    .with_hint("give another folder with `out`"),
            );
        }
        if !is_forced {
            return Err(Error::input(path, "exists already")
                .with_hint("give `force` to replace the job, or another folder with `out`"));
        }
    }
    Ok(())
}

fn write_file(folder: &Path, file: &JobFile) -> Result<()> {
    let path = folder.join(&file.name);
    write_whole(&path, file.text.as_bytes())?;
    #[cfg(unix)]
    if file.is_program {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, permissions).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Says what was written, and what was decided.
fn note(args: &FarmJobArgs, given: &Timeline, timeline: &Timeline, job: &Job, progress: &Progress) {
    progress.line(&format!(
        "{} chunks in {} tasks, {} MB of memory each",
        job.n_chunks,
        job.n_tasks(),
        job.memory_mb
    ));
    if given.render.diffusion.kernels != timeline.render.diffusion.kernels {
        progress.line(
            "drawn with --kernels exact, so that all processors draw the same bytes; --kernels fast takes what each has",
        );
    }
    if job.n_gpus > 0 && timeline.render.diffusion.dtype.is_none() {
        progress.line("GPUs draw in f16; plan with --dtype if CPUs shall draw some of it, too");
    }
    if job.minutes.is_none() {
        progress.line(&format!(
            "no time limit: draw one chunk (visualize render {} --chunks 0) and write the job again, or give --minutes",
            quote_path(&args.timeline)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_few_and_not_short() {
        assert_eq!(chunks_per_task(6, None), 1);
        assert_eq!(chunks_per_task(250, None), 3);
        assert_eq!(chunks_per_task(250, Some(60.0)), 3);
        assert_eq!(chunks_per_task(250, Some(0.9)), 6);
        assert_eq!(chunks_per_task(6, Some(0.5)), 6);
        assert_eq!(minutes(30.0, 4), 18);
    }
}
