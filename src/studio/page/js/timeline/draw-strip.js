// The filmstrip: pictures of the film at their times; until one has come, the nearest earlier one that is there, dimmed.

import { stripRange, stripStep, stripTime } from "../strip-times.js";
import { xOf } from "../view.js";
import { font } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../pictures.js").Filmstrip} Filmstrip */

/**
 * @param {Scene} scene
 * @returns {{ stepSecs: number, first: number, last: number, start: number, end: number } | null} none while there is no plan
 */
export function shownSteps(scene) {
  const { plan, view, width, layout } = scene;
  if (!plan) return null;
  const [w, h] = plan.size;
  const start = plan.start_secs;
  const end = start + plan.duration_secs;
  const stepSecs = stripStep(view.pxPerSec, (layout.byName.strip.height * w) / h);
  const [first, last] = stripRange(view.startSecs, view.startSecs + width / view.pxPerSec, stepSecs, start, end);
  return { stepSecs, first, last, start, end };
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {Filmstrip} strip
 * @param {string} hint is shown where pictures wait for somebody to ask for them; empty = nothing
 */
export function drawStrip(ctx, scene, strip, hint) {
  const lane = scene.layout.byName.strip;
  const steps = shownSteps(scene);
  if (!steps) return;
  const { stepSecs, first, last, start, end } = steps;
  for (let step = first; step <= last; step++) {
    const left = Math.round(xOf(scene.view, Math.max(step * stepSecs, start)));
    const right = Math.round(xOf(scene.view, Math.min((step + 1) * stepSecs, end)));
    const own = strip.at(stripTime(step, stepSecs, start, end));
    const picture = own ?? earlier(strip, step, stepSecs, start, end);
    if (!picture) continue;
    ctx.globalAlpha = own ? 1 : 0.35;
    cover(ctx, picture, left, lane.top, right - left - 1, lane.height);
  }
  ctx.globalAlpha = 1;
  if (hint) {
    ctx.font = font(scene, 12, 500);
    ctx.fillStyle = scene.colours.muted;
    ctx.textBaseline = "middle";
    ctx.fillText(hint, 32 * scene.scale, lane.top + lane.height / 2);
  }
}

/**
 * A picture of a coarser strip.
 * @param {Filmstrip} strip
 * @param {number} step
 * @param {number} stepSecs
 * @param {number} start
 * @param {number} end
 */
function earlier(strip, step, stepSecs, start, end) {
  for (let times = 2; times <= 64; times *= 2) {
    const picture = strip.at(stripTime(Math.floor(step / times), stepSecs * times, start, end));
    if (picture) return picture;
  }
  return undefined;
}

/**
 * Fills a box with a picture's middle.
 * @param {CanvasRenderingContext2D} ctx
 * @param {ImageBitmap} picture
 * @param {number} x
 * @param {number} y
 * @param {number} w
 * @param {number} h
 */
function cover(ctx, picture, x, y, w, h) {
  if (w <= 0) return;
  const scale = Math.max(w / picture.width, h / picture.height);
  const sw = w / scale;
  const sh = h / scale;
  ctx.drawImage(picture, (picture.width - sw) / 2, (picture.height - sh) / 2, sw, sh, x, y, w, h);
}
