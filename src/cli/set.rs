//! `visualize set`: clips for live sets.

use visualize::diffusion::ModelStore;
use visualize::pipeline::Watch;
use visualize::set::{self, SetPrompts, SetRecord};
use visualize::{Error, Result};

use super::args::{OutputArgs, SetArgs};
use super::progress::Progress;
use super::{prompts, stop_on_signal};

pub fn run(args: &SetArgs, output: OutputArgs) -> Result<()> {
    let words = Progress::new(output);
    let songs = set::find_songs(&args.songs)?;
    check_out(args)?;
    let prompts = read_prompts(args, &words)?;
    if args.seed.is_drawn {
        words.line(&format!("--seed {} was drawn", args.seed.value));
    }
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(output);
    let mut watch = Watch {
        observe: &mut |event| progress.event(event),
        stop: &stop,
    };
    let machine = args.machine.to_machine();
    let settings = args.to_settings();
    let store = ModelStore::from_env();
    let plan = set::plan(&songs, &prompts, &settings, &store, &mut watch)?;
    let record = match args.plan {
        true => set::save_plan(&plan, &args.out, &machine, &mut watch)?,
        false => {
            let foretold = plan.foretell(&args.out, &machine, &mut watch)?;
            watch.note(&foretold.text());
            set::make(&plan, &args.out, &machine, args.force, &mut watch)?
        }
    };
    let path = SetRecord::path(&args.out);
    super::print_result(output, &path.display().to_string(), &record)
}

/// Refuses a folder for clips that is a file, or the folder of the songs: clips lie apart.
fn check_out(args: &SetArgs) -> Result<()> {
    if args.out.exists() && !args.out.is_dir() {
        return Err(
            Error::input(&args.out, "is a file, and clips go into a folder")
                .with_hint("give a folder with `out`"),
        );
    }
    let same = |a: &std::path::Path| a.canonicalize().ok();
    if args.songs.is_dir() && same(&args.songs) == same(&args.out) {
        return Err(Error::input(&args.out, "is the folder of the songs")
            .with_hint("give another folder for the clips with `out`, such as clips"));
    }
    Ok(())
}

/// The prompts: of a folder by song, or the same for all.
fn read_prompts(args: &SetArgs, words: &Progress) -> Result<SetPrompts> {
    if let Some(folder) = args.prompts.as_deref().filter(|path| path.is_dir()) {
        return SetPrompts::read_folder(folder);
    }
    let prompts::Prompts { script, note } = prompts::read(args.prompts.as_deref())?;
    for note in note.iter().chain(&script.notes) {
        words.line(&super::wording::with_flags(note));
    }
    Ok(SetPrompts::for_all(script))
}
