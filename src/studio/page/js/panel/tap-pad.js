// Tapping a tempo along with the song: a pad to press, or the key T.

import { h, show } from "../dom.js";
import { editBeats } from "../edits.js";
import { signal, whenever } from "../signal.js";
import { isPlaying, playheadSecs, song } from "../store.js";
import { Taps } from "../tap.js";

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
  const take = h("button", { type: "button", class: "quiet-button", onclick: keep }, "Take it");
  const clear = h("button", { type: "button", class: "quiet-button", onclick: reset }, "Again");
  const row = h("div", { class: "tap" }, pad, take, clear);
  whenever([tapped], () => {
    const tempo = taps.tempo();
    const n = tapped.value.length;
    pad.textContent = tempo ? `${tempo.bpm.toFixed(1)} bpm` : n ? `Tap on: ${n} of 4` : "Tap the tempo";
    show(take, tempo !== null);
    show(clear, n > 0);
  });
  song.watch((current) => current || reset());
  return row;
}

function reset() {
  taps = new Taps();
  tapped.value = [];
}

function keep() {
  const tempo = taps.tempo();
  if (!tempo) return;
  // Taps without sound tell the tempo, and the song's first beat where it is.
  const first = song.value?.analysis?.beats[0]?.[0] ?? 0;
  const anchor = isInSong ? Math.max(tempo.anchorSecs, 0) : first;
  void editBeats({ edit: "set_tempo", bpm: Number(tempo.bpm.toFixed(3)), anchor_secs: anchor });
  reset();
}
