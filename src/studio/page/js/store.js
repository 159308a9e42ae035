// What the page knows and shows now. Parts read and watch these; only `events.js`, `edits.js` and `session.js` fill them from outside.

import { gridOf, NO_GRID } from "./grid.js";
import { signal } from "./signal.js";
import { wholeSong } from "./view.js";

/** @typedef {import("../wire").State} State */
/** @typedef {import("../wire").Song} Song */
/** @typedef {import("../wire").Plan} Plan */
/** @typedef {import("../wire").Analysis} Analysis */
/** @typedef {import("../wire").Section} Section */
/** @typedef {import("../wire").Job} Job */

/**
 * What is selected: a beat or a section by its index, a prompt by its place among the planned ones.
 * @typedef {{ kind: "beat" | "section" | "prompt", index: number }} Selection
 */

/** What the server sent on connecting; none before that. */
export const state = signal(/** @type {State | null} */ (null));
/** Whether the server answers; `stranger` = it was started anew, and this page isn't let in. */
export const connection = signal(/** @type {"open" | "lost" | "stranger"} */ ("open"));
/** The song that is open here; none while one is picked. */
export const song = signal(/** @type {Song | null} */ (null));
/** Name of the song that is being opened; none otherwise. */
export const opening = signal(/** @type {string | null} */ (null));
export const grid = signal(NO_GRID);
export const sections = signal(/** @type {readonly Section[]} */ ([]));
export const plan = signal(/** @type {Plan | null} */ (null));
/** Hue of each planned prompt, in degrees: that of its picture, once it is there. */
export const hues = signal(/** @type {readonly number[]} */ ([]));
export const peaks = signal(/** @type {import("./peaks.js").Peaks | null} */ (null));
export const hops = signal(/** @type {import("./hops.js").Hops | null} */ (null));
export const jobs = signal(/** @type {readonly Job[]} */ ([]));

export const view = signal(wholeSong(1, 1000));
export const playheadSecs = signal(0);
/** Where the pointer is over the timeline; none elsewhere. */
export const hoverSecs = signal(/** @type {number | null} */ (null));
export const selection = signal(/** @type {Selection | null} */ (null));
export const loop = signal(/** @type {readonly [number, number] | null} */ (null));
export const isPlaying = signal(false);
export const isFollowing = signal(true);
/** Where a prompt that is being written will arrive; none otherwise. */
export const draft = signal(/** @type {{ secs: number, mark: import("../wire").Mark } | null} */ (null));
/** What the stage shows: single pictures, or a finished film. */
export const stageSource = signal(/** @type {"picture" | "film" | "preview"} */ ("picture"));
export const tab = signal(/** @type {"prompts" | "song" | "motion" | "film"} */ ("prompts"));
/** Width of the timeline's lanes in CSS pixels. */
export const laneWidth = signal(1000);

/** @type {Analysis | undefined} */
let shownAnalysis;

song.watch((current) => {
  const analysis = current?.analysis;
  if (analysis === shownAnalysis) return;
  shownAnalysis = analysis;
  grid.value = analysis ? gridOf(analysis.beats, analysis.first_bar) : NO_GRID;
  sections.value = analysis?.sections ?? [];
});

/** Length of the open song in seconds. */
export function durationSecs() {
  return song.value?.duration_secs ?? 0;
}

/** Whether a job is being worked on, or waits for it. @param {Job} job */
export function isUnderWay(job) {
  return !["done", "failed", "cancelled"].includes(job.phase);
}

/** Jobs of the open song, newest first. */
export function songJobs() {
  const name = song.value?.name;
  return jobs.value.filter((job) => job.song === name).toReversed();
}
