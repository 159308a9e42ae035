// Beats as lines, downbeats taller; fewer of them where they would run into each other.

import { valueAt, lowerBound } from "../search.js";
import { secsAt, xOf } from "../view.js";
import { barStep } from "./draw-ruler.js";
import { beatSecs } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawBeats(ctx, scene) {
  const { grid, view, width, colours, layout, scale } = scene;
  const lane = layout.byName.beats;
  const { beats, positions } = grid;
  const beatPx = beats.length > 1 ? meanGap(beats) * view.pxPerSec : width;
  const step = barStep(scene, 7 * scale);
  drawLocked(ctx, scene, lane);
  const margin = 20 / view.pxPerSec + shiftOf(scene);
  for (let i = lowerBound(beats, view.startSecs - margin); i < beats.length; i++) {
    const secs = beatSecs(scene, i);
    if (secs > secsAt(view, width) + margin) break;
    const isDownbeat = positions[i] === 1;
    if (!isDownbeat && (beatPx < 4 * scale || step > 1)) continue;
    if (isDownbeat && step > 1 && (valueAt(grid.barOf, i) - 1) % step !== 0) continue;
    const x = Math.round(xOf(view, secs));
    const isSelected = scene.selection?.kind === "beat" && scene.selection.index === i;
    const height = isDownbeat ? lane.height * 0.8 : lane.height * 0.42;
    ctx.fillStyle = isSelected ? colours.accent : isDownbeat ? colours.text : colours.muted;
    const thickness = isSelected ? 3 : isDownbeat && beatPx > 12 ? 2 : 1;
    ctx.fillRect(x - (thickness >> 1), lane.top + lane.height - height, thickness, height);
    if (isSelected) {
      ctx.beginPath();
      ctx.arc(x + 0.5, lane.top + lane.height - height, 4 * scale, 0, 2 * Math.PI);
      ctx.fill();
    }
  }
}

/**
 * Locked parts: a line below their beats.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("./lanes.js").Lane} lane
 */
function drawLocked(ctx, scene, lane) {
  ctx.fillStyle = scene.colours.accent;
  for (const [start, end] of scene.locked) {
    const left = xOf(scene.view, start);
    const right = xOf(scene.view, end);
    if (right < 0 || left > scene.width) continue;
    ctx.globalAlpha = 0.16;
    ctx.fillRect(left, lane.top, right - left, lane.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, lane.top + lane.height - 2, right - left, 2);
  }
}

/** How far dragged beats may lie from where they are sorted. @param {Scene} scene */
function shiftOf(scene) {
  const { pending } = scene;
  if (pending?.kind !== "beats" && pending?.kind !== "beat") return 0;
  return Math.abs(pending.secs - valueAt(scene.grid.beats, pending.index));
}

/** @param {Float64Array} beats */
function meanGap(beats) {
  return (valueAt(beats, beats.length - 1) - valueAt(beats, 0)) / (beats.length - 1);
}
