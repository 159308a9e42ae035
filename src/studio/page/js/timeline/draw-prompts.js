// Prompts: a pin where each arrives, its words behind it, and its colour turning into the next one's.

import { lastAtMost } from "../search.js";
import { secsAt, xOf } from "../view.js";
import { arrivalSecs } from "./scene.js";
import { clippedText, font } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function drawPrompts(ctx, scene) {
  const { plan, view, width, layout } = scene;
  if (!plan) return;
  const lane = layout.byName.prompts;
  const n = plan.prompts.length;
  ctx.textBaseline = "middle";
  // The dragged one may have left its place in the order, so one more is drawn on each side.
  const first = Math.max(lastAtMost(scene.arrivals, view.startSecs) - 1, 0);
  for (let i = first; i < n; i++) {
    const left = xOf(view, arrivalSecs(scene, i));
    if (left > width && scene.pending?.kind !== "prompt") break;
    drawPrompt(ctx, scene, i, left, xOf(view, arrivalSecs(scene, i + 1)), lane);
  }
  if (first === 0 && n > 0) drawLead(ctx, scene, lane);
  drawVeil(ctx, scene, plan, lane);
}

/**
 * What the film doesn't show is dimmed.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("../../wire").Plan} plan
 * @param {import("./lanes.js").Lane} lane
 */
function drawVeil(ctx, scene, plan, lane) {
  const start = xOf(scene.view, plan.start_secs);
  const end = xOf(scene.view, plan.start_secs + plan.duration_secs);
  ctx.fillStyle = scene.colours.sheet;
  ctx.globalAlpha = 0.65;
  if (plan.start_secs > 0 && start > 0) ctx.fillRect(0, lane.top, start, lane.height);
  const isCut = plan.start_secs + plan.duration_secs < scene.durationSecs - 0.1;
  if (isCut && end < scene.width) ctx.fillRect(Math.max(end, 0), lane.top, scene.width - Math.max(end, 0), lane.height);
  ctx.globalAlpha = 1;
}

/**
 * What is shown before the first prompt has arrived: it stays alone.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {import("./lanes.js").Lane} lane
 */
function drawLead(ctx, scene, lane) {
  const left = xOf(scene.view, 0);
  const right = xOf(scene.view, arrivalSecs(scene, 0));
  if (right - left < 1) return;
  ctx.fillStyle = fill(scene, 0, 0.16);
  ctx.fillRect(left, lane.top, right - left, lane.height);
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} index
 * @param {number} left
 * @param {number} right
 * @param {import("./lanes.js").Lane} lane
 */
function drawPrompt(ctx, scene, index, left, right, lane) {
  const { colours, scale, selection, plan } = scene;
  const isSelected = selection?.kind === "prompt" && selection.index === index;
  const isLast = index + 1 >= scene.arrivals.length;
  const wide = Math.max(right - left, 1);
  if (wide > 3) {
    const colour = ctx.createLinearGradient(left, 0, right, 0);
    colour.addColorStop(0, fill(scene, index, isSelected ? 0.5 : 0.34));
    colour.addColorStop(1, fill(scene, isLast ? index : index + 1, isSelected ? 0.4 : 0.24));
    ctx.fillStyle = colour;
    ctx.fillRect(left, lane.top, wide, lane.height);
  }
  const x = Math.round(left);
  ctx.fillStyle = pin(scene, index);
  ctx.fillRect(x, lane.top, isSelected ? 4 : 3, lane.height);
  const prompt = plan?.prompts[index];
  if (!prompt || wide < 14) return;
  if (prompt.mark === "none") dashed(ctx, scene, x, lane);
  ctx.font = font(scene, 12.5, isSelected ? 600 : 500);
  ctx.fillStyle = colours.text;
  // Words stay readable while their pin is left of the window.
  const textLeft = Math.max(x + 9 * scale, 8 * scale);
  clippedText(ctx, prompt.text, textLeft, lane.top + lane.height / 2, right - 4, lane.height);
  if (isSelected) {
    ctx.strokeStyle = colours.text;
    ctx.lineWidth = 1.5;
    ctx.strokeRect(x + 0.75, lane.top + 0.75, Math.max(wide - 1.5, 2), lane.height - 1.5);
  }
}

/**
 * The pin of a prompt without a mark is open: it may move by itself.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} x
 * @param {import("./lanes.js").Lane} lane
 */
function dashed(ctx, scene, x, lane) {
  ctx.fillStyle = scene.colours.panel;
  const gap = Math.round(lane.height / 9);
  for (let y = lane.top + gap; y < lane.top + lane.height; y += 2 * gap) ctx.fillRect(x, y, 3, gap);
}

/** @param {Scene} scene @param {number} index @param {number} alpha */
function fill(scene, index, alpha) {
  const hue = scene.hues[index] ?? 0;
  return scene.colours.isDark ? `oklch(0.62 0.15 ${hue} / ${alpha})` : `oklch(0.74 0.13 ${hue} / ${alpha + 0.1})`;
}

/** @param {Scene} scene @param {number} index */
function pin(scene, index) {
  const hue = scene.hues[index] ?? 0;
  return scene.colours.isDark ? `oklch(0.78 0.15 ${hue})` : `oklch(0.52 0.17 ${hue})`;
}

/** Index of the prompt whose pin or words lie at `x`; -1 before the first. @param {Scene} scene @param {number} x */
export function promptAt(scene, x) {
  return lastAtMost(scene.arrivals, secsAt(scene.view, x + 5));
}
