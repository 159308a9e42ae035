//! Songs to clips.

use analysis::Analysis;
use common::{Error, Result};
use diffusion::ModelStore;
use mapping::{Conform, Looping};

use super::names::{Names, of_song};
use super::songs::names_in;
use super::{MAX_BEATS, Part, SetPrompts, SetSettings, SetSong, SetSongs, parts, prompts};
use crate::pipeline::{self, Amount, Watch};
use crate::request::{Request, Settings};

/// Tempo of clips whose length is asked for in beats of the song, where the song has none.
const EVEN_BPM: f64 = 120.0;
/// A set on paper.
#[derive(Clone, Debug)]
pub struct SetPlan {
    /// Its songs; at least one has clips.
    pub songs: Vec<PlannedSong>,
    /// Songs that aren't there or can't be used, in words.
    pub missing: Vec<String>,
    /// What the clips are made of.
    pub settings: SetSettings,
}

/// A song and its clips.
#[derive(Clone, Debug)]
pub struct PlannedSong {
    /// Its place in the set, from 1.
    pub number: usize,
    /// What its clips' names begin with: `03_Artist-Title`.
    pub name: String,
    /// Who made it, where that is known.
    pub artist: Option<String>,
    /// What it is called.
    pub title: String,
    /// What is heard in it.
    pub analysis: Analysis,
    /// Its clips.
    pub clips: Vec<PlannedClip>,
    /// What to know of it.
    pub notes: Vec<String>,
}

/// A clip to be made.
#[derive(Clone, Debug)]
pub struct PlannedClip {
    /// Name of its file.
    pub file: String,
    /// What it shows.
    pub part: Part,
    /// How it is made.
    pub request: Request,
    /// How much of it is drawn.
    pub amount: Amount,
}

impl SetPlan {
    /// All clips, in order.
    pub fn clips(&self) -> impl Iterator<Item = (&PlannedSong, &PlannedClip)> {
        let clips = |song| PlannedSong::clips_of(song);
        self.songs.iter().flat_map(clips)
    }
}

impl PlannedSong {
    fn clips_of(song: &Self) -> impl Iterator<Item = (&Self, &PlannedClip)> {
        song.clips.iter().map(move |clip| (song, clip))
    }
}

/// Hears all songs and chooses their clips. A song that can't be used is left out with a note.
///
/// # Errors
/// [`Error::Config`] for lengths out of range, those of opening the model; the first song's where no song has a clip.
pub fn plan(
    songs: &SetSongs,
    prompts: &SetPrompts,
    settings: &SetSettings,
    store: &ModelStore,
    watch: &mut Watch<'_>,
) -> Result<SetPlan> {
    let settings = checked(settings)?;
    let mut plan = SetPlan {
        songs: Vec::new(),
        missing: songs.missing.clone(),
        settings,
    };
    for missing in &songs.missing {
        watch.note(&format!("not found, and left out: {missing}"));
    }
    let mut names = Names::default();
    let mut first_error = None;
    let n_songs = songs.songs.len();
    for (number, song) in (1..).zip(&songs.songs) {
        watch.go_on()?;
        watch.note(&format!(
            "song {number} of {n_songs}: {}",
            song.path.display()
        ));
        let hearing = Hearing {
            song,
            number,
            n_songs,
            settings: &plan.settings,
            store,
        };
        match hearing.plan(prompts, &mut names, watch) {
            Ok(song) => plan.songs.push(song),
            Err(error @ Error::Input { .. }) => {
                watch.note(&format!("left out: {error}"));
                plan.missing.push(error.to_string());
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    if plan.clips().next().is_none() {
        let notes = plan.songs.iter().find_map(|song| song.notes.last());
        let why = notes.map_or_else(String::new, |note| format!(": {note}"));
        return Err(first_error.unwrap_or_else(|| Error::Config {
            name: "beats",
            value: format!("{:?}", plan.settings.beats),
            allowed: format!("no song has a clip of them{why}"),
        }));
    }
    Ok(plan)
}

fn checked(settings: &SetSettings) -> Result<SetSettings> {
    let mut settings = settings.clone();
    settings.beats.sort_unstable();
    settings.beats.dedup();
    let wrong = settings
        .beats
        .iter()
        .find(|n| !(1..=MAX_BEATS).contains(*n));
    if let (Some(n), _) | (None, Some(n)) = (wrong, settings.beats.is_empty().then_some(&0)) {
        return Err(Error::Config {
            name: "beats",
            value: n.to_string(),
            allowed: format!("give numbers of beats from 1 to {MAX_BEATS}, such as 4,8,16,32"),
        });
    }
    Ok(settings)
}

/// A song that is being heard.
struct Hearing<'a> {
    song: &'a SetSong,
    number: usize,
    n_songs: usize,
    settings: &'a SetSettings,
    store: &'a ModelStore,
}

impl Hearing<'_> {
    fn plan(
        &self,
        all_prompts: &SetPrompts,
        names: &mut Names,
        watch: &mut Watch<'_>,
    ) -> Result<PlannedSong> {
        let song = self.song;
        let mut film = self.settings.film.clone();
        if let Some(collection) = &song.collection {
            film.analysis.beats_path = Some(collection.clone());
        }
        let track = audio::Track::open(&song.path)?;
        let (artist, title) = called(song, &track);
        let script = all_prompts.of(&song.path, artist.as_deref(), &title)?;
        let mut request = Request::new(&song.path, script.clone(), &film, self.store, watch)?;
        let analysis = self.hear(&mut request, watch)?;
        let even_bpm = match film.conform {
            Some(Conform::Tempo(milli_bpm)) => f64::from(milli_bpm) / 1000.0,
            Some(Conform::Native) | None => EVEN_BPM,
        };
        let (beats, per) = (&self.settings.beats, self.settings.per);
        let (parts, mut notes) = parts(&analysis, beats, per, even_bpm);
        let name = of_song(self.number, self.n_songs, artist.as_deref(), &title);
        let name = names.unique(&name);
        let mut clips = Vec::new();
        for part in parts {
            let request = clip_request(&request, &film, &part);
            match pipeline::amount(&request, &analysis) {
                Ok(amount) => {
                    let bpm = tempo(&request, amount, &part);
                    let stem = format!(
                        "{name}_{}_{}beats_{bpm:.0}bpm",
                        super::ascii(&part.section, "part"),
                        part.n_beats
                    );
                    let ending = film.encoding.codec.extension();
                    clips.push(PlannedClip {
                        file: format!("{}.{ending}", names.unique(&stem)),
                        part,
                        request,
                        amount,
                    });
                }
                Err(
                    error @ Error::Config {
                        name: "conform", ..
                    },
                ) => {
                    let reason = format!("section {}: no clip: {error}", part.section);
                    notes.push(reason);
                }
                Err(error) => return Err(error),
            }
        }
        for note in &notes {
            watch.note(note);
        }
        Ok(PlannedSong {
            number: self.number,
            name,
            artist,
            title,
            analysis,
            clips,
            notes,
        })
    }

    /// What is heard, by the collection's grid where it has one.
    fn hear(&self, request: &mut Request, watch: &mut Watch<'_>) -> Result<Analysis> {
        match pipeline::hear(request, watch) {
            Err(error @ Error::Input { .. }) if self.song.collection.is_some() => {
                watch.note(&format!("{error}; its beats are heard instead"));
                request.analysis.beats_path = None;
                pipeline::hear(request, watch)
            }
            heard => heard,
        }
    }
}

/// Artist and title: by the list or collection, by the file's tags, or by its name.
fn called(song: &SetSong, track: &audio::Track) -> (Option<String>, String) {
    if let Some(title) = &song.title {
        return (song.artist.clone(), title.clone());
    }
    let tags = track.names();
    if let Some(title) = tags.title {
        return (tags.artist, title);
    }
    let stem = song.path.file_stem().unwrap_or_default().to_string_lossy();
    let (artist, title) = names_in(&stem);
    (artist, title.unwrap_or_default())
}

/// The request for a clip: a loop of beats at the clips' tempo, or of a length of time.
fn clip_request(song: &Request, film: &Settings, part: &Part) -> Request {
    let mut request = song.clone();
    request.script = prompts::of_clip(&song.script, part);
    request.audio = audio::SoundtrackFormat::None;
    let mapping = &mut request.mapping;
    mapping.start_secs = part.start_secs;
    match part.has_beats {
        true => {
            mapping.looping = Looping::Beats(part.n_beats);
            request.conform = film.conform;
        }
        false => {
            mapping.looping = Looping::Whole;
            mapping.duration_secs = Some(part.end_secs - part.start_secs);
            request.conform = None;
        }
    }
    request
}

/// Beats a minute of a clip as it plays.
fn tempo(request: &Request, amount: Amount, part: &Part) -> f64 {
    let secs = match (request.conform, request.fps) {
        (Some(Conform::Tempo(milli_bpm)), _) => return f64::from(milli_bpm) / 1000.0,
        (None, mapping::Fps::Rate(rate)) => rate.frame_time_secs(amount.n_frames),
        _ => part.end_secs - part.start_secs,
    };
    60.0 * f64::from(part.n_beats) / secs.max(1e-9)
}
