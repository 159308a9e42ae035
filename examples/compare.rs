//! Does it move with the music? Films of songs in our mapping and in the classic walk, with the same prompts and as many
//! frames (24 a second, one step each), measured by `verify` and put into one table.
//!
//!     cargo run --release --example compare -- samples/song.flac more/songs.mp3
//!
//! Options in front of the songs: `--size 256x256` for films smaller than the bundled model's own 512x512, `--prompts FILE`, `--keep FOLDER` for films and plots.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use visualize::mapping::Mapping;
use visualize::pipeline::{self, Event, Machine, Watch};
use visualize::prompts::Script;
use visualize::request::{Request, Settings};
use visualize::timeline::Size;
use visualize::verify::{Verification, plot, verify};
use visualize::video::FilmFile;
use visualize::{Error, Result};

const HEAD: &str = "song                 mapping  correlation  lag median, 95 % (frames)  ISTD  largest  steady  frozen %  sections";

fn main() -> Result<()> {
    let options = Options::read()?;
    let scratch = tempfile::tempdir().map_err(Error::io("create", "a temporary folder"))?;
    let folder = options.keep.as_deref().unwrap_or(scratch.path());
    println!("{HEAD}");
    for song in &options.songs {
        for (name, mapping) in [("ours", Mapping::Music), ("classic", Mapping::Classic)] {
            let stem = song.file_stem().unwrap_or_default().to_string_lossy();
            let film = folder.join(format!("{stem}.{name}.mp4"));
            render(&options, song, mapping, &film)?;
            let found = verify(&film, &mut |_| Ok(()))?;
            println!("{}", row(&stem, name, &found));
            if options.keep.is_some() {
                plot(&found).save(film.with_extension("png"))?;
            }
        }
    }
    Ok(())
}

fn row(song: &str, mapping: &str, found: &Verification) -> String {
    let m = &found.measures;
    let number = |value: Option<f64>, scale: f64| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", scale * value))
    };
    let lags = format!(
        "{}, {}",
        number(m.onset_lag_median_frames, 1.0),
        number(m.onset_lag_p95_frames, 1.0)
    );
    format!(
        "{song:<20} {mapping:<7} {:>12} {lags:>27} {:>5} {:>8} {:>7} {:>9} {:>9}",
        number(m.correlation, 1.0),
        number(m.istd, 1.0),
        number(m.largest_over_median, 1.0),
        number(m.largest_over_median_steady, 1.0),
        number(m.frozen_share_heard, 100.0),
        number(m.section_rank_correlation, 1.0),
    )
}

fn render(options: &Options, song: &Path, mapping: Mapping, film: &Path) -> Result<()> {
    let settings = Settings {
        size: options.size,
        draw_size: Some(options.size),
        mapping,
        ..Settings::default()
    };
    let script = match &options.prompts {
        Some(path) => Script::read(path)?,
        None => Script::built_in()?,
    };
    let mut watch = Watch {
        observe: &mut |event| {
            if let Event::Estimate { secs, .. } = event {
                eprintln!("{}: about {secs:.0} s", film.display());
            }
        },
        stop: &AtomicBool::new(false),
    };
    let machine = Machine::default();
    let request = Request::new(song, script, &settings, &machine.store, &mut watch)?;
    let out = FilmFile::replacing(film);
    pipeline::film(&request, &machine, &out, &mut watch).map(drop)
}

struct Options {
    size: Size,
    prompts: Option<PathBuf>,
    keep: Option<PathBuf>,
    songs: Vec<PathBuf>,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self {
            size: "512x512".parse()?,
            prompts: None,
            keep: None,
            songs: Vec::new(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--size" => options.size = args.next().unwrap_or_default().parse()?,
                "--prompts" => options.prompts = args.next().map(PathBuf::from),
                "--keep" => options.keep = args.next().map(PathBuf::from),
                _ => options.songs.push(PathBuf::from(arg)),
            }
        }
        if options.songs.is_empty() {
            options.songs.push(PathBuf::from("samples/song.flac"));
        }
        Ok(options)
    }
}
