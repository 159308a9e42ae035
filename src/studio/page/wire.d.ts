// Generated from src/studio/wire by `VISUALIZE_ACCEPT=1 cargo test --lib studio::wire`.

/**
 * Everything that a page shows, sent when it connects.
 */
export type State = { 
/**
 * Version of the program.
 */
version: string, 
/**
 * Name of the project folder.
 */
folder: string, 
/**
 * Songs in the folder, by name.
 */
songs: Array<SongEntry>, 
/**
 * The model that draws.
 */
model: Model, 
/**
 * What is drawn and what waits, oldest first.
 */
jobs: Array<Job>, 
/**
 * Songs that a page has opened.
 */
open: Array<Song>, 
/**
 * Whether the sample can be put into the folder (`POST /api/sample`).
 */
sample_available: boolean, };

/**
 * A song in the folder.
 */
export type SongEntry = { 
/**
 * File name.
 */
name: string, 
/**
 * Length of the file.
 */
bytes: number, 
/**
 * The finished film's file name.
 */
film?: string, };

/**
 * The model that draws.
 */
export type Model = { 
/**
 * Its name, as in the settings.
 */
name: string, 
/**
 * Whether it is the one in the program.
 */
is_bundled: boolean, 
/**
 * How long one picture took last, in milliseconds; absent before the first one.
 */
frame_ms?: number, };

/**
 * How far a song is.
 */
export type SongPhase = "analyzing" | "ready" | "failed";

/**
 * A song that a page has opened.
 */
export type Song = { 
/**
 * File name.
 */
name: string, 
/**
 * How far it is.
 */
phase: SongPhase, 
/**
 * Share of the listening that is done, 0..=1; only while it is analyzed.
 */
progress?: number, 
/**
 * Why it failed.
 */
error?: Fault, 
/**
 * Length in seconds; 0 until it is known.
 */
duration_secs: number, 
/**
 * What a person should know of the file.
 */
notes: Array<string>, 
/**
 * Corrections of what was heard.
 */
beats: Document, 
/**
 * The prompts.
 */
prompts: Document, 
/**
 * Settings that differ from the defaults.
 */
settings: Document, 
/**
 * What was heard, with the corrections in it.
 */
analysis?: Analysis, 
/**
 * Revision of the plan that pictures are drawn from; 0 while there is none.
 */
plan_revision: number, 
/**
 * Why there is no plan of the newest texts.
 */
plan_error?: Fault, 
/**
 * The finished film's file name.
 */
film?: string, 
/**
 * The finished preview's file name.
 */
preview?: string, };

/**
 * Which of a song's texts.
 */
export type DocumentKind = "beats" | "prompts" | "settings";

/**
 * A text beside the song, as it is on disk.
 */
export type Document = { 
/**
 * Which one.
 */
kind: DocumentKind, 
/**
 * Its file name, also where the file isn't there yet.
 */
file: string, 
/**
 * The text; empty where there is no file.
 */
text: string, 
/**
 * SHA-256 of the text in lowercase hex, which every change must name as its `base`.
 */
hash: string, 
/**
 * Whether a change can be taken back.
 */
can_undo: boolean, 
/**
 * Whether one that was taken back can be made again.
 */
can_redo: boolean, 
/**
 * What can't be understood in the text; the last good text is what plays then.
 */
error?: Fault, 
/**
 * What a person should know of how the text was understood.
 */
notes: Array<string>, 
/**
 * Words that the model has never seen; of prompts only.
 */
unknown_words?: Array<UnknownWord>, 
/**
 * The program that a prompts file is of, where it isn't ours: its prompts can't be edited one by one before the edit `convert`.
 */
foreign?: string, 
/**
 * All settings with their values, defaults included; of settings only.
 */
value: Record<string, any>, };

/**
 * A word that the model has never seen.
 */
export type UnknownWord = { 
/**
 * The word in lower case.
 */
word: string, 
/**
 * Known words that are spelt alike.
 */
near: Array<string>, 
/**
 * Where it stands in the text: line and column from 1 and the length, in characters.
 */
spans: Array<[number, number, number]>, };

/**
 * Something that went wrong, with its place where that is known.
 */
export type Fault = { 
/**
 * What is wrong.
 */
message: string, 
/**
 * What to do next.
 */
hint?: string, 
/**
 * Where in the text.
 */
place?: Place, };

/**
 * A place in a text.
 */
export type Place = { 
/**
 * Line number, from 1.
 */
line: number, 
/**
 * First character of the span, from 1.
 */
column: number, 
/**
 * Length of the span in characters.
 */
n_chars: number, 
/**
 * The line with a caret below the span, as the command line shows it.
 */
excerpt: string, };

/**
 * Body of every answer that isn't a success.
 */
export type Refusal = { 
/**
 * What went wrong.
 */
error: Fault, 
/**
 * The document as it is by now, where a change began from another one (status 409).
 */
document?: Document, };

/**
 * What is heard in a song.
 */
export type Analysis = { 
/**
 * Counts up with each change.
 */
revision: number, 
/**
 * Median tempo in beats per minute; absent where no beat was found.
 */
tempo_bpm?: number, 
/**
 * Probability that the tempo is right, 0..=1.
 */
tempo_confidence: number, 
/**
 * Probability that the beats are right, 0..=1.
 */
beat_confidence: number, 
/**
 * Beats in a bar.
 */
meter: number, 
/**
 * Number of the first whole bar; the one before it may be cut.
 */
first_bar: number, 
/**
 * Of each beat its time and its position in the bar, from 1.
 */
beats: Array<[number, number]>, 
/**
 * Sections without gaps.
 */
sections: Array<Section>, 
/**
 * The key, such as `A minor`.
 */
key?: string, 
/**
 * Integrated loudness in LUFS; absent in silence.
 */
loudness_lufs?: number, 
/**
 * What was taken from files, and whether it fits what is heard.
 */
notes: Array<string>, };

/**
 * A part of the song, end not included.
 */
export type Section = { 
/**
 * Start.
 */
start: number, 
/**
 * End.
 */
end: number, 
/**
 * Name; repeated sections share it.
 */
label: string, 
/**
 * Mean loudness, 0..=1 over the song.
 */
energy: number, };

/**
 * The film on paper, as a page shows it.
 */
export type Plan = { 
/**
 * Counts up with each change.
 */
revision: number, 
/**
 * Whether pictures were measured for it, so that its pictures are the film's.
 */
is_calibrated: boolean, 
/**
 * Frames per second.
 */
frame_rate: number, 
/**
 * Where in the song the film starts.
 */
start_secs: number, 
/**
 * Length of the film.
 */
duration_secs: number, 
/**
 * Number of frames.
 */
n_frames: number, 
/**
 * Width and height of the film in pixels.
 */
size: [number, number], 
/**
 * Hash of the prompts' text that the plan is of, in which its prompts have their lines.
 */
prompts_hash: string, 
/**
 * The prompts in the order of their arrival.
 */
prompts: Array<PlannedPrompt>, 
/**
 * Seconds between two values of the curves, the first of which is at `start_secs`.
 */
curve_step_secs: number, 
/**
 * How fast the picture shall change; a perceptual distance per second in a calibrated plan.
 */
speed: Array<number>, 
/**
 * Position on the noise path, in seeds.
 */
position: Array<number>, 
/**
 * How far hits turn the noise, in radians: the most within each step.
 */
hits: Array<number>, 
/**
 * How much closer the camera is; 0 = as drawn, 0.1 = a tenth closer.
 */
zoom: Array<number>, 
/**
 * How far the camera is turned, in degrees.
 */
rotate: Array<number>, 
/**
 * How far the camera is moved sideways, as a share of the width.
 */
pan: Array<number>, 
/**
 * What a person should know before rendering.
 */
notes: Array<string>, };

/**
 * A prompt and when it has fully arrived.
 */
export type PlannedPrompt = { 
/**
 * Its line in the prompts file, from 1; absent where the file is of another program, or where there is none.
 */
line?: number, 
/**
 * Its words, without the style.
 */
text: string, 
/**
 * When it is shown alone.
 */
arrival_secs: number, 
/**
 * What stands in front of it.
 */
mark: Mark, 
/**
 * Its seed.
 */
seed?: number, 
/**
 * What it should not show.
 */
negative?: string, 
/**
 * Its guidance scale.
 */
guidance?: number, };

/**
 * What stands in front of a prompt.
 */
export type Mark = "none" | "time" | "bar" | "section";

/**
 * What a job makes.
 */
export type JobKind = "film" | "preview" | "verify";

/**
 * How far a job is.
 */
export type JobPhase = "queued" | "preparing" | "calibrating" | "drawing" | "muxing" | "measuring" | "paused" | "done" | "failed" | "cancelled";

/**
 * Something that is made.
 */
export type Job = { 
/**
 * Its number, unique in the folder.
 */
id: number, 
/**
 * The song's file name.
 */
song: string, 
/**
 * What it makes.
 */
kind: JobKind, 
/**
 * How far it is.
 */
phase: JobPhase, 
/**
 * Frames in all (probe pictures while it calibrates); 0 until it is known.
 */
n_frames: number, 
/**
 * Frames that are finished or in flight.
 */
n_done: number, 
/**
 * Speed of drawing.
 */
frames_per_second?: number, 
/**
 * Seconds of work left, of drawing alone.
 */
secs_left?: number, 
/**
 * The result's file name.
 */
file?: string, 
/**
 * Why it failed.
 */
error?: Fault, 
/**
 * Time of the newest frame.
 */
newest_secs?: number, 
/**
 * What a person should know.
 */
notes: Array<string>, };

/**
 * What a film costs now.
 */
export type Work = { 
/**
 * Revision of the plan that this is about.
 */
plan_revision: number, 
/**
 * Whether the plan is calibrated; otherwise finished chunks can't be told yet.
 */
is_calibrated: boolean, 
/**
 * Chunks of the film.
 */
n_chunks: number, 
/**
 * Chunks that aren't finished.
 */
n_chunks_to_draw: number, 
/**
 * Frames of the film.
 */
n_frames: number, 
/**
 * Frames that aren't finished.
 */
n_frames_to_draw: number, 
/**
 * Seconds that drawing them takes; absent before the first picture was drawn.
 */
secs?: number, 
/**
 * Bytes that the disk must hold, about.
 */
bytes: number, };

/**
 * A change of what is heard. Beats and sections count from 0.
 */
export type BeatsEdit = { "edit": "move_beat", index: number, secs: number, } | { "edit": "move_from", index: number, by_secs: number, } | { "edit": "double" } | { "edit": "halve" } | { "edit": "shift_half" } | { "edit": "set_tempo", bpm: number, from_secs?: number, anchor_secs: number, } | { "edit": "hear_anew", bpm?: number, meter?: string, } | { "edit": "set_downbeat", index: number, } | { "edit": "set_meter", beats_per_bar: number, from_index?: number, } | { "edit": "delete_beat", index: number, } | { "edit": "add_beat", secs: number, } | { "edit": "lock", start: number, end: number, is_locked: boolean, } | { "edit": "move_border", index: number, secs: number, } | { "edit": "rename_section", index: number, label: string, } | { "edit": "split_section", secs: number, } | { "edit": "join_section", index: number, } | { "edit": "forget", part: Part, } | { "edit": "text", text: string, };

/**
 * A part of the corrections.
 */
export type Part = "beats" | "sections";

/**
 * A change of the prompts. A line is that of a prompt in the text, from 1.
 */
export type PromptsEdit = { "edit": "add", secs?: number, mark: Mark, text: string, } | { "edit": "set_text", line: number, text: string, } | { "edit": "move", line: number, secs: number, mark: Mark, } | { "edit": "duplicate", line: number, secs: number, mark?: Mark, } | { "edit": "remove", line: number, } | { "edit": "set", line: number, seed?: number | null, negative?: string | null, guidance?: number | null, } | { "edit": "style", text: string, } | { "edit": "negative", text: string, } | { "edit": "map", line?: number, text: string, } | { "edit": "convert" } | { "edit": "text", text: string, };

/**
 * Body of `POST /api/songs/{name}/beats`.
 */
export type ChangeBeats = { 
/**
 * Hash of the text that the change starts from.
 */
base: string, 
/**
 * The change.
 */
edit: BeatsEdit, };

/**
 * Body of `POST /api/songs/{name}/prompts`.
 */
export type ChangePrompts = { 
/**
 * Hash of the text that the change starts from.
 */
base: string, 
/**
 * The change.
 */
edit: PromptsEdit, };

/**
 * Body of `PUT /api/songs/{name}/settings`.
 */
export type ChangeSettings = { 
/**
 * Hash of the text that the change starts from.
 */
base: string, 
/**
 * Settings to change, as in [`Document::value`], objects inside it merged; `null` brings the default back.
 */
settings: Record<string, any>, };

/**
 * Body of `POST /api/songs/{name}/undo` and `redo`.
 */
export type Undo = { 
/**
 * Which text; the one that was changed last where it is absent.
 */
document?: DocumentKind, };

/**
 * Body of `POST /api/jobs`.
 */
export type NewJob = { 
/**
 * The song's file name.
 */
song: string, 
/**
 * What to make.
 */
kind: JobKind, };

/**
 * Answer of `GET /api/songs/{name}/command`.
 */
export type CommandLine = { 
/**
 * What makes the same film in a shell, in the project folder.
 */
command: string, };

/**
 * What is told to every page.
 */
export type Event = { "kind": "state", state: State, } | { "kind": "song", song: Song, } | { "kind": "document", song: string, document: Document, } | { "kind": "analysis", song: string, analysis: Analysis, } | { "kind": "plan", song: string, revision: number, is_calibrated: boolean, } | { "kind": "job", job: Job, } | { "kind": "songs", songs: Array<SongEntry>, } | { "kind": "model", model: Model, };
