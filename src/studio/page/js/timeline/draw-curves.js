// Curves of the plan (speed, position, hits, camera) and of the song (loudness, onsets, bands), each over its own range.

import { fillCurve, sample } from "../hops.js";
import { valueAt } from "../search.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {"speed" | "position" | "hits" | "zoom" | "rotate" | "pan"} PlanCurve */
/** @typedef {import("../hops.js").HopCurve} HopCurve */

/**
 * @typedef {object} CurveKind
 * @property {string} name as people read it
 * @property {keyof import("./colours.js").Colours} colour
 * @property {"area" | "line" | "needles"} look
 * @property {"plan" | "song"} of
 */

/** All curves that can be shown, by key. @type {Record<PlanCurve | HopCurve, CurveKind>} */
export const CURVES = {
  speed: { name: "target speed", colour: "high", look: "area", of: "plan" },
  hits: { name: "hits", colour: "low", look: "needles", of: "plan" },
  position: { name: "position", colour: "position", look: "line", of: "plan" },
  zoom: { name: "zoom", colour: "camera", look: "line", of: "plan" },
  rotate: { name: "turn", colour: "mid", look: "line", of: "plan" },
  pan: { name: "pan", colour: "loudness", look: "line", of: "plan" },
  loudness: { name: "loudness", colour: "loudness", look: "line", of: "song" },
  onset: { name: "onsets", colour: "camera", look: "needles", of: "song" },
  low: { name: "low", colour: "low", look: "line", of: "song" },
  mid: { name: "mid", colour: "mid", look: "line", of: "song" },
  high: { name: "high", colour: "high", look: "line", of: "song" },
};

export const DEFAULT_CURVES = ["speed", "hits", "position"];

let values = new Float32Array();
/** Range of each curve of a plan. @type {WeakMap<object, [number, number]>} */
const ranges = new WeakMap();

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawCurves(ctx, scene) {
  const width = Math.ceil(scene.width);
  if (values.length !== width) values = new Float32Array(width);
  for (const key of scene.curves) {
    const kind = CURVES[/** @type {keyof typeof CURVES} */ (key)];
    if (!kind || !fillValues(scene, key, kind)) continue;
    ctx.fillStyle = ctx.strokeStyle = /** @type {string} */ (scene.colours[kind.colour]);
    draw(ctx, scene, kind);
  }
  ctx.globalAlpha = 1;
}

/**
 * Writes the curve at each pixel to `values`, 0 to 1.
 * @param {Scene} scene
 * @param {string} key
 * @param {CurveKind} kind
 */
function fillValues(scene, key, kind) {
  const { view, plan, hops } = scene;
  if (kind.of === "song") {
    if (!hops) return false;
    fillCurve(hops, /** @type {HopCurve} */ (key), view.startSecs, 1 / view.pxPerSec, values.length, values);
    return true;
  }
  const curve = plan?.[/** @type {PlanCurve} */ (key)];
  if (!plan || !curve?.length) return false;
  const [low, high] = rangeOf(curve);
  if (high <= low) return false;
  const step = plan.curve_step_secs;
  sample(curve, (view.startSecs - plan.start_secs) / step, 1 / view.pxPerSec / step, values.length, values);
  for (let x = 0; x < values.length; x++) values[x] = (valueAt(values, x) - low) / (high - low);
  return true;
}

/**
 * Least and greatest value; curves that sway to both sides are centred.
 * @param {number[]} curve
 * @returns {[number, number]}
 */
function rangeOf(curve) {
  let range = ranges.get(curve);
  if (!range) {
    let low = 0;
    let high = 0;
    for (const value of curve) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const most = Math.max(high, -low);
    range = low < 0 ? [-most, most] : [0, high];
    ranges.set(curve, range);
  }
  return range;
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {CurveKind} kind */
function draw(ctx, scene, { look, of }) {
  const { top, height } = scene.layout.byName.curves;
  const foot = top + height - 1;
  const reach = height - 6;
  const [first, last] = shownPixels(scene, of);
  if (last <= first) return;
  if (look === "needles") {
    ctx.globalAlpha = 0.8;
    for (let x = first; x < last; x++) {
      const tall = Math.abs(valueAt(values, x)) * reach;
      if (tall >= 1) ctx.fillRect(x, foot - tall, 1, tall);
    }
    ctx.globalAlpha = 1;
    return;
  }
  ctx.beginPath();
  for (let x = first; x < last; x++) ctx.lineTo(x, foot - valueAt(values, x) * reach);
  ctx.lineWidth = 1.5;
  ctx.lineJoin = "round";
  ctx.stroke();
  if (look !== "area") return;
  ctx.lineTo(last - 1, foot);
  ctx.lineTo(first, foot);
  ctx.globalAlpha = 0.2;
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** Pixels within the film or the song. @param {Scene} scene @param {CurveKind["of"]} of @returns {[number, number]} */
function shownPixels(scene, of) {
  const { view, plan } = scene;
  const start = of === "plan" ? (plan?.start_secs ?? 0) : 0;
  const end = of === "plan" && plan ? plan.start_secs + plan.duration_secs : scene.durationSecs;
  const first = Math.max(Math.ceil((start - view.startSecs) * view.pxPerSec), 0);
  const last = Math.min(Math.floor((end - view.startSecs) * view.pxPerSec), values.length);
  return [first, last];
}
