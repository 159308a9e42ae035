// Which song is open, and what is fetched for it. The address names the song and the tab remembers view and place,
// so that a reload shows the same again.

import { api, isReplaced } from "./api.js";
import { changesMade } from "./edits.js";
import { tellError } from "./notices.js";
import { parseHops } from "./hops.js";
import { parsePeaks } from "./peaks.js";
import {
  durationSecs,
  hops,
  laneWidth,
  loop,
  opening,
  peaks,
  plan,
  playheadSecs,
  selection,
  song,
  stageSource,
  state,
  tab,
  view,
} from "./store.js";
import { whenever } from "./signal.js";
import { clamped, wholeSong } from "./view.js";

/** @typedef {import("../wire").Song} Song */

let soundOf = "";
let shownRevision = 0;
/** @type {AbortController | null} */
let planRequest = null;
/** What the server had open when the page connected last. @type {readonly Song[] | null} */
let openThen = null;

/** Opens the song that the address names, or else the only one that the server has open. */
export function start() {
  addEventListener("hashchange", () => open(named()));
  addEventListener("pagehide", () => {
    endTyping();
    remember();
  });
  addEventListener("visibilitychange", remember);
  song.watch(fetchWhatIsNew);
  whenever([state], () => {
    const now = state.value?.open ?? null;
    if (now === openThen) return;
    openThen = now;
    if (now) connected(now);
  });
}

/** The page has connected, for the first time or anew, perhaps to a program that was started anew. @param {readonly Song[]} all */
function connected(all) {
  const current = song.value?.name;
  if (current !== undefined) {
    shownRevision = 0; // plans that came meanwhile were missed
    if (all.some((one) => one.name === current)) fetchWhatIsNew();
    else void reopen(current);
    return;
  }
  const only = all.length === 1 ? all[0]?.name : undefined;
  const wanted = named() || only;
  if (wanted) void open(wanted);
}

/** Closes the song; the list of songs is shown. */
export function close() {
  location.hash = "";
}

/** Opens a song of the folder. @param {string} name empty = none */
export async function open(name) {
  if (name === (opening.value ?? song.value?.name ?? "")) return;
  opening.value = name;
  remember();
  endTyping();
  await changesMade();
  if (opening.value !== name) return;
  forget();
  if (named() !== name) location.hash = name ? encodeURIComponent(name) : "";
  try {
    const opened = name ? await api.song(name) : null;
    // What the server has told of it meanwhile is newer.
    if (opening.value === name) song.value ??= opened;
  } catch (error) {
    if (opening.value === name) location.hash = "";
    tellError(error);
  } finally {
    if (opening.value === name) opening.value = null;
  }
}

/** A field sends what is typed in it when it is left. */
function endTyping() {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

/** Opens the song again in a program that was started anew; the page stays where it is. @param {string} name */
async function reopen(name) {
  try {
    const fresh = await api.song(name);
    if (song.value?.name === name) song.value = fresh;
  } catch (error) {
    tellError(error);
  }
}

function named() {
  return decodeURIComponent(location.hash.slice(1));
}

function forget() {
  planRequest?.abort();
  soundOf = "";
  shownRevision = 0;
  song.value = null;
  plan.value = null;
  peaks.value = null;
  hops.value = null;
  selection.value = null;
  loop.value = null;
  playheadSecs.value = 0;
  stageSource.value = "picture";
}

function fetchWhatIsNew() {
  const current = song.value;
  if (current?.phase !== "ready") {
    soundOf = ""; // its file may be another one when it has been heard
    return;
  }
  if (soundOf !== current.name) {
    soundOf = current.name;
    recall(current.name);
    fetchSound(current.name).catch(tellError);
  }
  if (current.plan_revision && current.plan_revision !== shownRevision) {
    shownRevision = current.plan_revision;
    fetchPlan(current.name).catch((error) => isReplaced(error) || tellError(error));
  }
}

/** @param {string} name */
async function fetchSound(name) {
  const [peakBytes, hopBytes] = await Promise.all([api.peaks(name), api.hops(name)]);
  if (song.value?.name !== name) return;
  peaks.value = parsePeaks(peakBytes);
  hops.value = parseHops(hopBytes);
}

/** @param {string} name */
async function fetchPlan(name) {
  planRequest?.abort();
  planRequest = new AbortController();
  const fetched = await api.plan(name, planRequest.signal);
  if (song.value?.name === name) plan.value = fetched;
}

const key = (/** @type {string} */ name) => `studio:${name}`;

/** Keeps where somebody was in the song, for this tab. */
function remember() {
  const name = song.value?.name;
  if (!name || song.value?.phase !== "ready") return;
  const whole = wholeSong(durationSecs(), laneWidth.value);
  const kept = {
    view: view.value.pxPerSec > whole.pxPerSec * 1.001 ? view.value : null,
    playhead: playheadSecs.value,
    loop: loop.value,
    tab: tab.value,
  };
  sessionStorage.setItem(key(name), JSON.stringify(kept));
}

/** @param {string} name */
function recall(name) {
  const text = sessionStorage.getItem(key(name));
  const kept = text ? JSON.parse(text) : null;
  view.value = clamped(kept?.view ?? wholeSong(durationSecs(), laneWidth.value), durationSecs(), laneWidth.value);
  if (!kept) return;
  playheadSecs.value = Math.min(kept.playhead, durationSecs());
  loop.value = kept.loop && kept.loop[1] <= durationSecs() ? kept.loop : null;
  tab.value = kept.tab;
}
