// The ruler: bar numbers above, times where there are no bars; and the lines of bars and beats through the lanes below.

import { valueAt, lowerBound } from "../search.js";
import { clock, roundStep } from "../time.js";
import { secsAt, xOf } from "../view.js";
import { font } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** Least distance of two numbers, and of two lines, in pixels at a scale of 1. */
const NUMBER_PX = 44;
const LINE_PX = 7;

/**
 * Every how many bars one is marked so that marks are `least` pixels apart: 1, 2, 4, 8, ...
 * @param {Scene} scene
 * @param {number} least
 */
export function barStep(scene, least) {
  const { bars } = scene.grid;
  if (bars.length < 2) return 1;
  const span = valueAt(bars, bars.length - 1) - valueAt(bars, 0);
  const barPx = (span / (bars.length - 1)) * scene.view.pxPerSec;
  return 2 ** Math.max(Math.ceil(Math.log2(least / barPx)), 0);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawRuler(ctx, scene) {
  const { grid, view, width, colours, layout, scale } = scene;
  const { top, height } = layout.byName.ruler;
  ctx.font = font(scene, 11.5, 500);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  if (grid.bars.length === 0) {
    drawTimes(ctx, scene);
    return;
  }
  const step = barStep(scene, NUMBER_PX * scale);
  const first = Math.max(lowerBound(grid.bars, secsAt(view, -NUMBER_PX)), 0);
  for (let i = first; i < grid.bars.length; i++) {
    const x = Math.round(xOf(view, valueAt(grid.bars, i)));
    if (x > width) break;
    // Numbers 1, 1 + step, ... are marked, also where bars before bar 1 are cut.
    if ((valueAt(grid.barNumbers, i) - 1) % step !== 0) continue;
    ctx.fillStyle = colours.gridStrong;
    ctx.fillRect(x, top + height * 0.55, 1, height * 0.45);
    ctx.fillStyle = colours.text;
    ctx.fillText(/** @type {string} */ (grid.barLabels[i]), x + 4 * scale, top + height * 0.52);
  }
  if (step === 1) drawBeatTicks(ctx, scene);
}

/**
 * Beats between the bar numbers where there is room, named where there is much, and times between beats that are far apart.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 */
function drawBeatTicks(ctx, scene) {
  const { grid, view, width, colours, layout, scale } = scene;
  const n = grid.beats.length;
  const span = n > 1 ? valueAt(grid.beats, n - 1) - valueAt(grid.beats, 0) : 1;
  const beatPx = (span / n) * view.pxPerSec;
  if (beatPx < 22 * scale) return;
  if (beatPx > 340 * scale) drawTimes(ctx, scene);
  const { top, height } = layout.byName.ruler;
  for (let i = Math.max(lowerBound(grid.beats, view.startSecs) - 1, 0); i < n; i++) {
    const x = Math.round(xOf(view, valueAt(grid.beats, i)));
    if (x > width) break;
    if (grid.positions[i] === 1) continue;
    ctx.fillStyle = colours.gridStrong;
    ctx.fillRect(x, top + height * 0.78, 1, height * 0.22);
    if (beatPx < 90 * scale) continue;
    const label = beatLabel(valueAt(grid.barOf, i), valueAt(grid.positions, i));
    ctx.fillStyle = colours.text;
    ctx.fillText(label, x + 4 * scale, top + height * 0.52);
  }
}

/** @type {Map<number, string>} */
const beatLabels = new Map();

/** @param {number} bar @param {number} position */
function beatLabel(bar, position) {
  const key = bar * 64 + position;
  let label = beatLabels.get(key);
  if (label === undefined) {
    label = `${bar}.${position}`;
    beatLabels.set(key, label);
  }
  return label;
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
function drawTimes(ctx, scene) {
  const { view, width, colours, layout, scale } = scene;
  const { top, height } = layout.byName.ruler;
  ctx.font = font(scene, 11, 400);
  const step = roundStep((90 * scale) / view.pxPerSec);
  const digits = step < 1 ? Math.ceil(-Math.log10(step)) : 0;
  for (let i = Math.max(Math.ceil(view.startSecs / step), 0); i * step <= scene.durationSecs; i++) {
    const x = Math.round(xOf(view, i * step));
    if (x > width) break;
    ctx.fillStyle = colours.gridStrong;
    ctx.fillRect(x, top + height * 0.55, 1, height * 0.45);
    ctx.fillStyle = colours.muted;
    ctx.fillText(clock(i * step, digits), x + 4 * scale, top + height * 0.52);
  }
}

/**
 * Lines of downbeats, fainter than the borders of sections, through a lane.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("./lanes.js").Lane} lane
 */
export function drawBarLines(ctx, scene, lane) {
  const { grid, view, width, colours } = scene;
  const step = barStep(scene, LINE_PX * scene.scale * 2);
  ctx.fillStyle = colours.grid;
  for (let i = lowerBound(grid.bars, view.startSecs); i < grid.bars.length; i++) {
    const x = Math.round(xOf(view, valueAt(grid.bars, i)));
    if (x > width) break;
    if ((valueAt(grid.barNumbers, i) - 1) % step === 0) ctx.fillRect(x, lane.top, 1, lane.height);
  }
}
