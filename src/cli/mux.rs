//! `visualize mux`: the film from finished chunks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use visualize::audio::is_stream;
use visualize::partial_file::folder_of;
use visualize::pipeline::{self, PathMap, Watch};
use visualize::set::{self, SetRecord};
use visualize::{Error, Result, Timeline, Track};

use super::args::{MuxArgs, OutputArgs};
use super::inputs::Inputs;
use super::outputs::Outputs;
use super::progress::Progress;
use super::render::refuse_with_sets;
use super::{songs, stop_on_signal};

pub fn run(args: &MuxArgs, output: OutputArgs) -> Result<()> {
    if SetRecord::is_at(&args.timeline) {
        return run_set(args, output);
    }
    let timeline = Timeline::load(&args.timeline)?;
    let songs = match &args.song {
        Some(song) => vec![songs::check(song)?],
        None => songs_of(&timeline, &args.timeline, &args.places.path_map()?),
    };
    let codec = timeline.encoding.codec;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.timeline.with_extension(codec.extension()));
    let mut inputs = Inputs::default();
    inputs.add_timeline(&timeline, &args.timeline);
    for song in &songs {
        inputs.add_song(song);
    }
    let out = Outputs::new(&inputs).film(&out, codec, args.force)?;
    let stop = stop_on_signal()?;
    let track = open(&timeline, &songs, &stop)?;
    let audio = args.sound.audio;
    track.check_soundtrack(audio)?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let folder = args.places.folder(&args.timeline);
    let video = pipeline::mux(&timeline, &track, audio, &folder, &out, &mut watch)?;
    super::print_result(output, &video.path.display().to_string(), &video)
}

/// Makes all clips of a set whose chunks are drawn.
fn run_set(args: &MuxArgs, output: OutputArgs) -> Result<()> {
    let given = [
        ("out", args.out.is_some()),
        ("song", args.song.is_some()),
        ("folder", args.places.folder.is_some()),
    ];
    let allowed = "clips have names and no sound, and go into the set's own folder";
    refuse_with_sets(&given, allowed)?;
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let folder = set::folder_of_set(&args.timeline);
    let record = set::finish(&folder, &mut watch)?;
    let path = SetRecord::path(&folder);
    super::print_result(output, &path.display().to_string(), &record)
}

/// Files that may be the timeline's song: under its name from here or from the timeline, or beside a timeline that travelled.
pub fn songs_of(timeline: &Timeline, path: &Path, path_map: &PathMap) -> Vec<PathBuf> {
    let song = &path_map.of(&timeline.song.path);
    let folder = folder_of(path);
    let beside = song.file_name().map(|name| folder.join(name));
    let mut songs = vec![song.clone(), folder.join(song)];
    songs.extend(beside);
    songs.retain(|song| song.is_file() || is_stream(song));
    songs
}

/// The song that the timeline was made from, or else the first that is there.
fn open(timeline: &Timeline, songs: &[PathBuf], stop: &AtomicBool) -> Result<Track> {
    let mut first = None;
    for song in songs {
        let found = Track::open_or_spool(song, &|| stop.load(Ordering::SeqCst));
        match found {
            Ok(track) if track.source_sha256 == timeline.song.source_sha256 => return Ok(track),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            other => _ = first.get_or_insert(other),
        }
    }
    first.unwrap_or_else(|| {
        let reason = "the timeline's song is neither there nor beside the timeline";
        Err(Error::input(&timeline.song.path, reason).with_hint("name the file with `song FILE`"))
    })
}
