// Text on a canvas: the page's font, and text that ends where its room ends.

/** @typedef {import("./scene.js").Scene} Scene */

const FAMILY =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif';
/** @type {Map<number, string>} */
const fonts = new Map();

/**
 * @param {Scene} scene
 * @param {number} px at a scale of 1
 * @param {number} weight
 */
export function font(scene, px, weight) {
  const key = weight * 1000 + Math.round(px * scene.scale * 10);
  let name = fonts.get(key);
  if (name === undefined) {
    name = `${weight} ${Math.round(px * scene.scale * 10) / 10}px ${FAMILY}`;
    fonts.set(key, name);
  }
  return name;
}

/**
 * Draws text from `x` on, cut at `right`, centred on `y`.
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {number} right
 * @param {number} height of the room
 */
export function clippedText(ctx, text, x, y, right, height) {
  if (right - x < 8) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y - height / 2, right - x, height);
  ctx.clip();
  ctx.fillText(text, x, y);
  ctx.restore();
}
