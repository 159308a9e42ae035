// What lies under the pointer.

import { valueAt, lowerBound, nearest } from "../search.js";
import { secsAt, xOf } from "../view.js";
import { promptAt } from "./draw-prompts.js";
import { laneAt } from "./lanes.js";

/** @typedef {import("./scene.js").Scene} Scene */

/**
 * @typedef {object} Hit
 * @property {"ruler" | "section" | "border" | "wave" | "beat" | "beats" | "strip" | "prompt" | "prompts" | "curves" | "overview" | "loop"} kind
 * `beats` and `prompts` are the lanes where no single one is meant; `loop` is an end of the loop
 * @property {number} index of the thing; 0 or 1 for the loop's ends
 */

/** How near the pointer must be, in pixels: with a mouse, with a finger. */
const REACH_PX = { mouse: 6, touch: 16 };

/**
 * @param {Scene} scene
 * @param {number} x
 * @param {number} y
 * @param {boolean} isTouch
 * @returns {Hit}
 */
export function hitAt(scene, x, y, isTouch) {
  const reach = (isTouch ? REACH_PX.touch : REACH_PX.mouse) * scene.scale;
  const lane = laneAt(scene.layout, y);
  switch (lane.name) {
    case "ruler":
      return loopEnd(scene, x, reach) ?? { kind: "ruler", index: 0 };
    case "sections":
      return sectionHit(scene, x, reach);
    case "beats": {
      const index = nearest(scene.grid.beats, secsAt(scene.view, x));
      const isNear = index >= 0 && Math.abs(xOf(scene.view, valueAt(scene.grid.beats, index)) - x) <= reach;
      return isNear ? { kind: "beat", index } : { kind: "beats", index: 0 };
    }
    case "prompts": {
      const index = promptAt(scene, x);
      return index >= 0 ? { kind: "prompt", index } : { kind: "prompts", index: 0 };
    }
    default:
      return { kind: lane.name, index: 0 };
  }
}

/** @param {Scene} scene @param {number} x @param {number} reach @returns {Hit | null} */
function loopEnd(scene, x, reach) {
  for (const index of [0, 1]) {
    const end = scene.loop?.[index];
    if (end !== undefined && Math.abs(xOf(scene.view, end) - x) <= reach) return { kind: "loop", index };
  }
  return null;
}

/** @param {Scene} scene @param {number} x @param {number} reach @returns {Hit} */
function sectionHit(scene, x, reach) {
  const starts = scene.sections.map((section) => section.start);
  const border = nearest(starts, secsAt(scene.view, x));
  if (border > 0 && Math.abs(xOf(scene.view, valueAt(starts, border)) - x) <= reach)
    return { kind: "border", index: border };
  const index = Math.max(lowerBound(starts, secsAt(scene.view, x) + 1e-9) - 1, 0);
  return scene.sections.length ? { kind: "section", index } : { kind: "wave", index: 0 };
}
