// Sections as named blocks, their borders through all lanes, and the overview of the whole song at the foot.

import { xOf } from "../view.js";
import { sectionStart } from "./scene.js";
import { clippedText, font } from "./text.js";
import { valueAt } from "../search.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawSections(ctx, scene) {
  const { sections, view, width, colours, layout, scale } = scene;
  const { top, height } = layout.byName.sections;
  ctx.font = font(scene, 12, 600);
  ctx.textBaseline = "middle";
  for (let i = 0; i < sections.length; i++) {
    const left = Math.round(xOf(view, sectionStart(scene, i)));
    const right = Math.round(xOf(view, sectionStart(scene, i + 1))) - 1;
    if (right < 0 || left > width) continue;
    ctx.fillStyle = colours.series[valueAt(scene.sectionSeries, i)] ?? colours.panel;
    if (right - left < 8) {
      ctx.fillRect(left, top, Math.max(right - left, 1), height);
      continue;
    }
    ctx.beginPath();
    ctx.roundRect(left, top, right - left, height, 3);
    ctx.fill();
    if (scene.selection?.kind === "section" && scene.selection.index === i)
      outline(ctx, scene, left, top, right - left, height);
    const label = /** @type {import("../../wire").Section} */ (sections[i]).label;
    ctx.fillStyle = colours.onSeries;
    clippedText(ctx, label, Math.max(left, 0) + 8 * scale, top + height / 2, right - 4, height);
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} x
 * @param {number} y
 * @param {number} w
 * @param {number} h
 */
function outline(ctx, scene, x, y, w, h) {
  ctx.strokeStyle = scene.colours.text;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.roundRect(x + 0.75, y + 0.75, Math.max(w - 1.5, 1), h - 1.5, 3);
  ctx.stroke();
}

/**
 * Borders of sections through a lane.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("./lanes.js").Lane} lane
 */
export function drawBorders(ctx, scene, lane) {
  ctx.fillStyle = scene.colours.gridStrong;
  // Where sections are narrower than a few pixels, their borders would hide what they part.
  if ((scene.durationSecs / scene.sections.length) * scene.view.pxPerSec < 12 * scene.scale) return;
  for (let i = 1; i < scene.sections.length; i++) {
    const x = Math.round(xOf(scene.view, sectionStart(scene, i)));
    if (x >= 0 && x <= scene.width) ctx.fillRect(x, lane.top, 1, lane.height);
  }
}

/** The whole song, with the window in it. @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawOverview(ctx, scene) {
  const { top, height } = scene.layout.byName.overview;
  const { colours, width, view, durationSecs } = scene;
  const pxPerSec = width / Math.max(durationSecs, 0.001);
  const bar = Math.round(height * 0.4);
  const y = top + Math.round((height - bar) / 2);
  ctx.fillStyle = colours.panel;
  ctx.fillRect(0, y, width, bar);
  for (let i = 0; i < scene.sections.length; i++) {
    const left = sectionStart(scene, i) * pxPerSec;
    ctx.fillStyle = colours.series[valueAt(scene.sectionSeries, i)] ?? colours.panel;
    ctx.fillRect(left, y, Math.max(sectionStart(scene, i + 1) * pxPerSec - left - 1, 1), bar);
  }
  const left = Math.max(view.startSecs * pxPerSec, 0);
  const right = Math.min((view.startSecs + width / view.pxPerSec) * pxPerSec, width);
  const isWhole = right - left >= width - 1;
  ctx.strokeStyle = isWhole ? colours.gridStrong : colours.text;
  ctx.lineWidth = isWhole ? 1 : 1.5;
  ctx.beginPath();
  ctx.roundRect(left + 0.75, top + 0.75, Math.max(right - left - 1.5, 8), height - 1.5, 4);
  ctx.stroke();
}
