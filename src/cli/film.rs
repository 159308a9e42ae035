//! `visualize SONG …`: whole films, one after the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use visualize::pipeline::{self, Watch};
use visualize::prompts::Script;
use visualize::timeline::RunFolder;
use visualize::video::FilmFile;
use visualize::{Error, Result, Timeline, Video, contact_sheet, provenance, video};

use super::args::{FilmArgs, OutputArgs};
use super::inputs::Inputs;
use super::outputs::Outputs;
use super::progress::Progress;
use super::{request, songs, stop_on_signal};

/// A film to make.
struct Film {
    song: PathBuf,
    out: FilmFile,
    /// Whether the film is there, but not its sheet: an earlier run ended between them.
    lacks_sheet: bool,
}

pub fn run(args: &FilmArgs, output: OutputArgs) -> Result<()> {
    if args.raw.is_some() || args.png.is_some() {
        return super::pictures::run(args, output);
    }
    let progress = Progress::new(output);
    let songs = songs::find(&args.songs)?;
    let films = films(&songs, args, &progress)?;
    let script = request::read_prompts(&args.plan, &progress)?;
    let stop = stop_on_signal()?;
    match films.as_slice() {
        [film] => make(film, script, args, output, &stop),
        films => make_all(films, &script, args, output, &stop),
    }
}

/// The films to make, with everything checked that can be known before work begins. Of several songs, those that have a film
/// are left out.
fn films(songs: &[PathBuf], args: &FilmArgs, progress: &Progress) -> Result<Vec<Film>> {
    let is_one = songs.len() == 1;
    if let Some(out) = args.out.as_deref().filter(|_| !is_one) {
        return Err(Error::Config {
            name: "out",
            value: out.display().to_string(),
            allowed: format!(
                "there are {} songs, and each film gets the name of its song in the current folder; leave it out, or give one song",
                songs.len()
            ),
        });
    }
    let stdin = Path::new("-");
    if songs.iter().any(|song| song == stdin) && args.plan.draw.prompts.as_deref() == Some(stdin) {
        let reason = "the standard input can't be the song and the prompts at once";
        return Err(Error::input(stdin, reason).with_hint("give one of them as a file"));
    }
    let paths: Vec<&Path> = songs.iter().map(PathBuf::as_path).collect();
    request::check_names(&paths, &args.plan)?;
    let mut inputs = Inputs::default();
    for song in songs {
        inputs.add_song(song);
    }
    inputs.add_planning(&args.plan);
    let mut outputs = Outputs::new(&inputs);
    let codec = args.plan.encoding.codec;
    let mut films = Vec::new();
    for song in songs {
        let path = out_path(song, args);
        let lacks_sheet = args.preview
            && !args.force
            && path.is_file()
            && sheet_of(&path).symlink_metadata().is_err();
        let mut out = outputs.film(&path, codec, args.force || lacks_sheet || !is_one)?;
        // A film that is there may be left as it is, but not replaced.
        out.replaces = args.force;
        if !is_one && !args.force && !lacks_sheet && out.path.exists() {
            progress.line(&format!(
                "{} exists already and is left as it is; --force makes it again",
                path.display()
            ));
            continue;
        }
        if args.preview {
            outputs.sheet(&sheet_of(&out.path), args.force)?;
        }
        films.push(Film {
            song: song.clone(),
            out,
            lacks_sheet,
        });
    }
    Ok(films)
}

/// Makes films one after the other. One that fails for its song's sake doesn't keep the others from being made.
fn make_all(
    films: &[Film],
    script: &Script,
    args: &FilmArgs,
    output: OutputArgs,
    stop: &AtomicBool,
) -> Result<()> {
    let progress = Progress::new(output);
    let mut failed: Vec<String> = Vec::new();
    let mut last_reason = String::new();
    for (number, film) in (1..).zip(films) {
        let song = film.song.display();
        progress.line(&format!("film {number} of {}: {song}", films.len()));
        match make(film, script.clone(), args, output, stop) {
            Ok(()) => {}
            Err(error) if is_about_the_song(&error) && error.to_string() != last_reason => {
                super::say(&super::message(&error));
                last_reason = error.to_string();
                failed.push(song.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::Limit {
        reason: format!(
            "{} of {} films were not made: {}",
            failed.len(),
            films.len(),
            failed.join(", ")
        ),
        hint: None,
    })
}

/// Whether another song may succeed where this one failed.
fn is_about_the_song(error: &Error) -> bool {
    matches!(
        error,
        Error::Input { .. } | Error::Text(_) | Error::Config { .. }
    )
}

fn make(
    film: &Film,
    script: Script,
    args: &FilmArgs,
    output: OutputArgs,
    stop: &AtomicBool,
) -> Result<()> {
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop,
    };
    let out = &film.out;
    let audio = args.sound.audio;
    let request = request::build(
        &film.song,
        script,
        &args.plan,
        audio,
        args.preview,
        &mut watch,
    )?;
    let machine = args.machine.to_machine();
    let (timeline, video) = if film.lacks_sheet {
        let folder = RunFolder::beside(&out.path);
        let (_, timeline) = pipeline::plan(&request, &folder, &machine, &mut watch)?;
        let video = film_of(&timeline, &out.path)?;
        (timeline, video)
    } else {
        pipeline::film(&request, &machine, out, &mut watch)?
    };
    if args.preview {
        let sheet = sheet_of(&out.path);
        contact_sheet::save(&timeline, &out.path, &sheet)?;
        progress.line(&format!("contact sheet: {}", sheet.display()));
    }
    super::print_result(output, &video.path.display().to_string(), &video)
}

/// The film that is there, if it is the timeline's.
///
/// # Errors
/// [`Error::Input`] if it is another one.
fn film_of(timeline: &Timeline, out: &Path) -> Result<Video> {
    let probe = video::probe(out)?;
    let stated = probe.tags.facts.get(provenance::TIMELINE_SHA256);
    if stated != Some(&provenance::sha256(timeline)) {
        return Err(
            Error::input(out, "exists already, and shows something else")
                .with_hint("give --force to replace it, or another name with -o"),
        );
    }
    let (picture, sound) = (probe.video.as_ref(), probe.audio.as_ref());
    Ok(Video {
        schema_version: 1,
        path: out.to_owned(),
        n_frames: picture.map_or(0, |picture| picture.n_frames),
        duration_secs: probe.duration_secs,
        video_codec: picture.map_or_else(String::new, |picture| picture.codec.clone()),
        audio_codec: sound.map(|sound| sound.codec.clone()),
    })
}

/// The film's path: as asked for, or the song's name with the codec's ending in the current folder.
fn out_path(song: &Path, args: &FilmArgs) -> PathBuf {
    let ending = args.plan.encoding.codec.extension();
    let ending = match args.preview {
        true => format!("preview.{ending}"),
        false => ending.to_owned(),
    };
    args.out
        .clone()
        .unwrap_or_else(|| super::beside_here(song, &ending))
}

/// The sheet of a preview's pictures.
fn sheet_of(film: &Path) -> PathBuf {
    film.with_extension("png")
}
