// Tapping a tempo along with the song: a pad to press, or the key T.

import { h, show } from "../dom.js";
import { editBeats } from "../edits.js";
import { signal, whenever } from "../signal.js";
import { grid, isPlaying, playheadSecs, song } from "../store.js";
import { Taps } from "../tap.js";
import { meantBeat } from "./meter.js";

let taps = new Taps();
/** Whether the taps so far are times of the song. */
let isInSong = false;
/** The taps so far. */
const tapped = signal(/** @type {readonly number[]} */ ([]));

/** Taps at the playhead while the song plays; by the clock while it is silent. */
export function tap() {
  if (isPlaying.value !== isInSong) taps = new Taps();
  isInSong = isPlaying.value;
  taps.add(isInSong ? playheadSecs.value : performance.now() / 1000);
  tapped.value = [...taps.times];
}

export function tapPart() {
  const pad = h("button", { type: "button", class: "tap-pad", onclick: tap, title: "Tap along with the song (T)" });
  const take = h("button", { type: "button", class: "quiet-button", onclick: () => keep(false) }, "Take it");
  const takeOnward = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      onclick: () => keep(true),
      title: "Beats before the first tap stay; before the chosen beat or the playhead, if nothing played",
    },
    "From here on",
  );
  const clear = h("button", { type: "button", class: "quiet-button", onclick: reset }, "Again");
  const row = h("div", { class: "tap" }, pad, take, takeOnward, clear);
  whenever([tapped], () => {
    const tempo = taps.tempo();
    const n = tapped.value.length;
    pad.textContent = tempo ? `${tempo.bpm.toFixed(1)} bpm` : n ? `Tap on: ${n} of 4` : "Tap the tempo";
    show(take, tempo !== null);
    show(takeOnward, tempo !== null);
    show(clear, n > 0);
  });
  song.watch((current) => current || reset());
  return row;
}

function reset() {
  taps = new Taps();
  tapped.value = [];
}

/** Lays even beats over the song, or over the part from where the taps began. @param {boolean} isOnward */
function keep(isOnward) {
  const tempo = taps.tempo();
  if (!tempo) return;
  const bpm = Number(tempo.bpm.toFixed(3));
  // Taps without sound tell the tempo, and a beat of the song where it is.
  const silent = grid.value.beats[isOnward ? Math.max(meantBeat(), 0) : 0] ?? (isOnward ? playheadSecs.value : 0);
  const anchor_secs = isInSong ? Math.max(tempo.anchorSecs, 0) : silent;
  // The first beat of the new tempo may lie a little before its tap.
  const from_secs = Math.max(anchor_secs - 30 / bpm, 0);
  void editBeats({ edit: "set_tempo", bpm, anchor_secs, ...(isOnward && { from_secs }) });
  reset();
}
