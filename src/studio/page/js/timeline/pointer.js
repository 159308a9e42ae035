// Mouse, pen and finger on the timeline: what is clicked is selected, what is dragged moves and comes to rest on bars and sections.

import { editBeats, editPrompt } from "../edits.js";
import { byId } from "../dom.js";
import { seek } from "../player.js";
import { nextChange } from "../signal.js";
import { snapped } from "../snap.js";
import { durationSecs, grid, hoverSecs, loop, plan, selection, tab, view } from "../store.js";
import { clamped, panned, secsAt, wholeSong, zoomed } from "../view.js";
import { hitAt } from "./hit.js";
import { invalidate, scene } from "./timeline.js";
import { valueAt } from "../search.js";

/** @typedef {import("./hit.js").Hit} Hit */
/** @typedef {import("./scene.js").Pending} Pending */

/** Pixels from which on a press is a drag. */
const DRAG_PX = 4;
/** How long something dragged is drawn at its new place while the server thinks. */
const FOLLOW_MS = 5000;
/** How near a beat may come to the next one, and a border to another. */
const LEAST_GAP_SECS = 0.02;
/** Shortest loop in seconds. */
const MIN_LOOP_SECS = 0.05;

/**
 * @typedef {object} Press
 * @property {number} id of the pointer
 * @property {Hit} hit
 * @property {number} x where it began
 * @property {number} secs where it began
 * @property {boolean} isTouch
 * @property {boolean} isDrag
 * @property {import("../view.js").View} view at the beginning
 * @property {boolean} isOnward whether all beats behind the one are meant
 */

/** @type {Press | null} */
let press = null;
/** Fingers on the lanes. @type {Map<number, { x: number }>} */
const fingers = new Map();
let pinchPx = 0;
/** @type {{ words: (secs: number) => void, prompt: () => void, section: () => void }} */
let onDouble = { words: () => {}, prompt: () => {}, section: () => {} };

/** @param {typeof onDouble} doubles what double clicks do: on an empty place for prompts, on a prompt, on a section */
export function start(doubles) {
  onDouble = doubles;
  const area = byId("playhead", HTMLElement);
  area.addEventListener("pointerdown", down);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", up);
  area.addEventListener("pointercancel", cancel);
  area.addEventListener("pointerleave", () => (hoverSecs.value = null));
  area.addEventListener("dblclick", double);
  area.addEventListener("wheel", wheel, { passive: false });
  addEventListener("keydown", (event) => event.key === "Escape" && cancel());
}

/** @param {MouseEvent} event @returns {[number, number]} */
function placeOf(event) {
  const box = byId("playhead", HTMLElement).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** @param {PointerEvent} event */
function down(event) {
  if (event.button > 1) return;
  const [x, y] = placeOf(event);
  const isTouch = event.pointerType === "touch";
  byId("playhead", HTMLElement).setPointerCapture(event.pointerId);
  if (isTouch && fingers.set(event.pointerId, { x }).size === 2) {
    press = null;
    scene.pending = null;
    pinchPx = fingerGap();
    return;
  }
  const hit = event.button === 1 ? { kind: /** @type {const} */ ("wave"), index: -1 } : hitAt(scene, x, y, isTouch);
  press = {
    id: event.pointerId,
    hit,
    x,
    secs: secsAt(view.value, x),
    isTouch,
    isDrag: false,
    view: view.value,
    isOnward: event.shiftKey,
  };
  if (event.button === 1) event.preventDefault();
  if (hit.kind === "overview") showAt(x);
}

/** @param {PointerEvent} event */
function move(event) {
  const [x, y] = placeOf(event);
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, { x });
  if (fingers.size === 2) {
    pinch();
    return;
  }
  hoverSecs.value = event.pointerType === "touch" ? null : Math.min(Math.max(secsAt(view.value, x), 0), durationSecs());
  if (press?.id !== event.pointerId) {
    setCursor(hitAt(scene, x, y, false));
    return;
  }
  if (!press.isDrag && Math.abs(x - press.x) < DRAG_PX) return;
  press.isDrag = true;
  drag(press, x, event.altKey);
}

/** @param {Press} current @param {number} x @param {boolean} isFree whether nothing snaps */
function drag(current, x, isFree) {
  const { hit, isTouch } = current;
  if (hit.kind === "overview") showAt(x);
  else if (hit.kind === "ruler") seek(secsAt(view.value, x));
  else if (hit.kind === "loop") dragLoop(hit.index, x, isFree);
  else if (isTouch && !isSelected(hit))
    view.value = clamped(panned(current.view, current.x - x), durationSecs(), scene.width);
  else if (hit.index < 0) view.value = clamped(panned(current.view, current.x - x), durationSecs(), scene.width);
  else if (hit.kind === "border" || hit.kind === "beat" || hit.kind === "prompt") dragThing(current, x, isFree);
  else dragRegion(current, x, isFree);
}

/** With a finger, only what is selected moves: everything else moves the window. @param {Hit} hit */
function isSelected(hit) {
  const chosen = selection.value;
  if (hit.kind === "border") return chosen?.kind === "section" && chosen.index === hit.index;
  return chosen?.kind === hit.kind && chosen.index === hit.index;
}

/** @param {Press} current @param {number} x @param {boolean} isFree */
function dragThing(current, x, isFree) {
  const { hit } = current;
  const from = startOf(hit);
  const wanted = Math.min(Math.max(from + secsAt(view.value, x) - secsAt(view.value, current.x), 0), durationSecs());
  const rest = isFree
    ? { secs: wanted, kind: /** @type {const} */ ("time") }
    : snapped(wanted, view.value.pxPerSec, targetsFor(hit));
  const kind = hit.kind === "beat" && current.isOnward ? "beats" : /** @type {Pending["kind"]} */ (hit.kind);
  const secs = betweenNeighbours(kind, hit.index, rest.secs);
  scene.pending = { kind, index: hit.index, secs, snap: secs === rest.secs ? rest.kind : "time" };
  invalidate("marks", "top");
}

/** Beats and borders keep their order. @param {Pending["kind"]} kind @param {number} index @param {number} secs */
function betweenNeighbours(kind, index, secs) {
  if (kind === "prompt") return secs;
  const times = kind === "border" ? scene.sections.map((section) => section.start) : scene.grid.beats;
  const before = index > 0 ? valueAt(times, index - 1) + LEAST_GAP_SECS : 0;
  const after = kind === "beats" ? Infinity : (times[index + 1] ?? durationSecs()) - LEAST_GAP_SECS;
  return Math.min(Math.max(secs, before), Math.max(after, before));
}

/** Where a thing stood before it was dragged. @param {Hit} hit */
function startOf(hit) {
  if (hit.kind === "beat") return valueAt(scene.grid.beats, hit.index);
  if (hit.kind === "border") return scene.sections[hit.index]?.start ?? scene.durationSecs;
  return valueAt(scene.arrivals, hit.index);
}

/** What a thing snaps to: beats to nothing, since they are what others snap to. @param {Hit} hit */
function targetsFor(hit) {
  const { bars, beats } = scene.grid;
  if (hit.kind === "beat") return {};
  if (hit.kind === "border") return { bars, beats };
  return { sections: scene.sections.map((section) => section.start), bars, beats };
}

/** @param {number} secs @param {boolean} isFree */
function onGrid(secs, isFree) {
  const inside = Math.min(Math.max(secs, 0), durationSecs());
  return isFree
    ? inside
    : snapped(inside, view.value.pxPerSec, { bars: scene.grid.bars, beats: scene.grid.beats }).secs;
}

/** @param {Press} current @param {number} x @param {boolean} isFree */
function dragRegion(current, x, isFree) {
  const ends = [onGrid(current.secs, isFree), onGrid(secsAt(view.value, x), isFree)].sort((a, b) => a - b);
  scene.region = [valueAt(ends, 0), valueAt(ends, 1)];
  invalidate("top");
}

/** @param {number} end @param {number} x @param {boolean} isFree */
function dragLoop(end, x, isFree) {
  const region = loop.value;
  if (!region) return;
  const secs = onGrid(secsAt(view.value, x), isFree);
  if (end === 0) loop.value = [Math.min(secs, region[1] - MIN_LOOP_SECS), region[1]];
  else loop.value = [region[0], Math.max(secs, region[0] + MIN_LOOP_SECS)];
}

/** @param {PointerEvent} event */
function up(event) {
  fingers.delete(event.pointerId);
  if (press?.id !== event.pointerId) return;
  const { isDrag, hit, secs } = press;
  press = null;
  if (isDrag) drop();
  else if (hit.kind !== "overview") click(hit, secs);
}

/** @param {Hit} hit @param {number} secs */
function click(hit, secs) {
  if (hit.kind === "beat" || hit.kind === "prompt" || hit.kind === "section") {
    selection.value = { kind: hit.kind, index: hit.index };
    tab.value = hit.kind === "prompt" ? "prompts" : "song";
  } else if (hit.kind === "border") {
    selection.value = { kind: "section", index: hit.index };
    tab.value = "song";
  } else if (hit.kind === "wave" || hit.kind === "ruler") {
    selection.value = null;
    if (loop.value && (secs < loop.value[0] || secs > loop.value[1])) loop.value = null;
  }
  seek(hit.kind === "beat" || hit.kind === "prompt" ? startOf(hit) : secs);
}

/** Carries out what was dragged; it stays drawn there until the answer has come. */
async function drop() {
  const { pending, region } = scene;
  if (region) {
    scene.region = null;
    if (region[1] - region[0] >= MIN_LOOP_SECS) loop.value = region;
    invalidate("top");
  }
  if (!pending) return;
  invalidate("marks", "top");
  // What follows from the change may come before its answer or behind it.
  const followed = nextChange(pending.kind === "prompt" ? plan : grid, FOLLOW_MS);
  if (await send(pending)) await followed;
  if (scene.pending === pending) scene.pending = null;
  invalidate("marks", "top");
}

/** @param {Pending} pending */
function send({ kind, index, secs, snap }) {
  switch (kind) {
    case "beat":
      return editBeats({ edit: "move_beat", index, secs });
    case "beats":
      return editBeats({ edit: "move_from", index, by_secs: secs - valueAt(scene.grid.beats, index) });
    case "border":
      return editBeats({ edit: "move_border", index, secs });
    case "prompt":
      return editPrompt(scene.plan?.prompts[index], (line) => ({ edit: "move", line, secs, mark: snap }));
  }
}

function cancel() {
  fingers.clear();
  press = null;
  scene.region = null;
  scene.pending = null;
  invalidate("marks", "top");
}

/** @param {MouseEvent} event */
function double(event) {
  const [x, y] = placeOf(event);
  const hit = hitAt(scene, x, y, false);
  if (hit.kind === "prompts" || hit.kind === "strip") onDouble.words(secsAt(view.value, x));
  else if (hit.kind === "prompt") onDouble.prompt();
  else if (hit.kind === "section" || hit.kind === "border") onDouble.section();
  else if (hit.kind === "beats") void editBeats({ edit: "add_beat", secs: secsAt(view.value, x) });
}

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  const [x] = placeOf(event);
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  const next = isPan
    ? panned(view.value, (event.deltaX || event.deltaY) * unit)
    : zoomed(view.value, Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.002)), x);
  view.value = clamped(next, durationSecs(), scene.width);
}

function fingerGap() {
  const [a, b] = [...fingers.values()];
  return a && b ? Math.max(Math.abs(a.x - b.x), 10) : 10;
}

function pinch() {
  const gap = fingerGap();
  const xs = [...fingers.values()].map((finger) => finger.x);
  const middle = xs.reduce((sum, x) => sum + x, 0) / xs.length;
  view.value = clamped(zoomed(view.value, gap / pinchPx, middle), durationSecs(), scene.width);
  pinchPx = gap;
}

/** Moves the window so that what the overview shows at `x` is in its middle. @param {number} x */
function showAt(x) {
  const secs = (x / scene.width) * durationSecs();
  const startSecs = secs - scene.width / view.value.pxPerSec / 2;
  const isWhole = view.value.pxPerSec <= wholeSong(durationSecs(), scene.width).pxPerSec * 1.001;
  if (isWhole) seek(secs);
  else view.value = clamped({ ...view.value, startSecs }, durationSecs(), scene.width);
}

/** @param {Hit} hit */
function setCursor(hit) {
  const cursor =
    hit.kind === "border" || hit.kind === "beat" || hit.kind === "loop"
      ? "ew-resize"
      : hit.kind === "prompt"
        ? "grab"
        : "";
  byId("playhead", HTMLElement).dataset["cursor"] = cursor;
}
