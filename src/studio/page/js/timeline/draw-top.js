// What changes with every picture of the screen: playhead, pointer, selected region, and where something dragged will rest.

import { placeName } from "../grid.js";
import { clock } from "../time.js";
import { xOf } from "../view.js";
import { font } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawTop(ctx, scene) {
  const foot = scene.layout.byName.overview.top - 3;
  drawRegion(ctx, scene, foot);
  if (scene.hoverSecs !== null && !scene.pending) drawHover(ctx, scene, scene.hoverSecs, foot);
  if (scene.pending) drawTarget(ctx, scene, scene.pending, foot);
  if (scene.draftSecs !== null) drawDraft(ctx, scene, scene.draftSecs);
  drawPlayhead(ctx, scene, foot);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} foot */
function drawRegion(ctx, scene, foot) {
  const region = scene.region ?? scene.loop;
  if (!region) return;
  const left = xOf(scene.view, region[0]);
  const right = xOf(scene.view, region[1]);
  const { top, height } = scene.layout.byName.ruler;
  ctx.fillStyle = scene.colours.accent;
  ctx.globalAlpha = 0.1;
  ctx.fillRect(left, top + height, right - left, foot - top - height);
  ctx.globalAlpha = 0.3;
  ctx.fillRect(left, top, right - left, height);
  ctx.globalAlpha = 1;
  ctx.fillRect(Math.round(left), top, 2, foot - top);
  ctx.fillRect(Math.round(right) - 2, top, 2, foot - top);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} secs @param {number} foot */
function drawHover(ctx, scene, secs, foot) {
  const x = Math.round(xOf(scene.view, secs));
  ctx.fillStyle = scene.colours.muted;
  ctx.globalAlpha = 0.6;
  ctx.fillRect(x, 0, 1, foot);
  ctx.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("./scene.js").Pending} pending
 * @param {number} foot
 */
function drawTarget(ctx, scene, pending, foot) {
  const x = Math.round(xOf(scene.view, pending.secs));
  ctx.fillStyle = scene.colours.accent;
  ctx.fillRect(x, 0, 1, foot);
  const section =
    pending.snap === "section" ? scene.sections.find((one) => Math.abs(one.start - pending.secs) < 0.005) : undefined;
  const place = section
    ? section.label
    : pending.snap === "bar"
      ? placeName(scene.grid, pending.secs)
      : clock(pending.secs, 2);
  flag(ctx, scene, x, place);
}

/**
 * Place of the prompt that is being written.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} secs
 */
function drawDraft(ctx, scene, secs) {
  const { top, height } = scene.layout.byName.prompts;
  const x = Math.round(xOf(scene.view, secs));
  ctx.fillStyle = scene.colours.accent;
  ctx.fillRect(x, top, 3, height);
  ctx.globalAlpha = 0.35;
  ctx.fillRect(x, top, 90 * scene.scale, height);
  ctx.globalAlpha = 1;
}

/**
 * A small sign at a line's head.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} x
 * @param {string} text
 */
function flag(ctx, scene, x, text) {
  const { scale, width, colours, layout } = scene;
  const { top, height } = layout.byName.ruler;
  ctx.font = font(scene, 12, 600);
  const wide = ctx.measureText(text).width + 12 * scale;
  const left = Math.min(Math.max(x - wide / 2, 0), width - wide);
  ctx.fillStyle = colours.accent;
  ctx.beginPath();
  ctx.roundRect(left, top + 1, wide, height - 2, 4);
  ctx.fill();
  ctx.fillStyle = colours.sheet;
  ctx.textBaseline = "middle";
  ctx.fillText(text, left + 6 * scale, top + height / 2 + 0.5);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} foot */
function drawPlayhead(ctx, scene, foot) {
  const x = Math.round(xOf(scene.view, scene.playheadSecs));
  const half = 5 * scene.scale;
  if (x < -half || x > scene.width + half) return;
  ctx.fillStyle = scene.colours.text;
  ctx.fillRect(x, 0, 1, foot);
  ctx.beginPath();
  ctx.moveTo(x + 0.5 - half, 0);
  ctx.lineTo(x + 0.5 + half, 0);
  ctx.lineTo(x + 0.5, half * 1.3);
  ctx.fill();
}
