// What the lanes' drawing functions get: the window, the layout, the song and what is dragged. One object, filled anew for each drawing.

import { NO_GRID } from "../grid.js";
import { wholeSong } from "../view.js";
import { layOut } from "./lanes.js";
import { readColours } from "./colours.js";
import { valueAt } from "../search.js";

/**
 * What somebody drags, drawn at its new place until the server's answer is there.
 * @typedef {object} Pending
 * @property {"beat" | "beats" | "border" | "prompt"} kind `beats` = this beat and all behind it
 * @property {number} index
 * @property {number} secs
 * @property {import("../snap.js").SnapKind} snap
 */

/**
 * @typedef {object} Scene
 * @property {number} width of the lanes in CSS pixels
 * @property {number} scale of the font: 1 = 16 pixels
 * @property {number} dpr device pixels per CSS pixel
 * @property {import("../view.js").View} view
 * @property {number} durationSecs
 * @property {import("./lanes.js").Layout} layout
 * @property {import("./colours.js").Colours} colours
 * @property {import("../grid.js").Grid} grid
 * @property {readonly import("../../wire").Section[]} sections
 * @property {number[]} sectionSeries colour of each section by its name
 * @property {readonly (readonly [number, number])[]} locked parts whose beats stay
 * @property {import("../../wire").Plan | null} plan
 * @property {Float64Array} arrivals of the planned prompts
 * @property {number[]} hues of the planned prompts, in degrees
 * @property {import("../peaks.js").Peaks | null} peaks
 * @property {import("../hops.js").Hops | null} hops
 * @property {import("../store.js").Selection | null} selection
 * @property {readonly [number, number] | null} loop
 * @property {Pending | null} pending
 * @property {readonly [number, number] | null} region that is being dragged
 * @property {number} playheadSecs
 * @property {number | null} hoverSecs
 * @property {number | null} draftSecs where a prompt that is being written will arrive
 * @property {ReadonlySet<string>} curves that are shown
 */

/** @returns {Scene} */
export function emptyScene() {
  return {
    width: 1000,
    scale: 1,
    dpr: 1,
    view: wholeSong(1, 1000),
    durationSecs: 0,
    layout: layOut(1, false),
    colours: readColours(),
    grid: NO_GRID,
    sections: [],
    sectionSeries: [],
    locked: [],
    plan: null,
    arrivals: new Float64Array(),
    hues: [],
    peaks: null,
    hops: null,
    selection: null,
    loop: null,
    pending: null,
    region: null,
    playheadSecs: 0,
    hoverSecs: null,
    draftSecs: null,
    curves: new Set(),
  };
}

/**
 * Time of a beat, as it is dragged.
 * @param {Scene} scene
 * @param {number} index
 */
export function beatSecs(scene, index) {
  const secs = valueAt(scene.grid.beats, index);
  const { pending } = scene;
  if (pending === null || index < pending.index) return secs;
  if (pending.kind === "beat") return index === pending.index ? pending.secs : secs;
  if (pending.kind === "beats") return secs + pending.secs - valueAt(scene.grid.beats, pending.index);
  return secs;
}

/**
 * Start of a section, as it is dragged; the song's end behind the last one.
 * @param {Scene} scene
 * @param {number} index
 */
export function sectionStart(scene, index) {
  const { pending } = scene;
  if (pending?.kind === "border" && pending.index === index) return pending.secs;
  return scene.sections[index]?.start ?? scene.durationSecs;
}

/**
 * When a prompt arrives, as it is dragged; the song's end behind the last one.
 * @param {Scene} scene
 * @param {number} index
 */
export function arrivalSecs(scene, index) {
  const { pending } = scene;
  if (pending?.kind === "prompt" && pending.index === index) return pending.secs;
  return scene.arrivals[index] ?? scene.durationSecs;
}
