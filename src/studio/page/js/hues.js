// Colours taken from the film's pictures, as hues: prompts and the page's accent have them.

import { signal } from "./signal.js";

/** Hue of the page's accent, in degrees. */
export const accentHue = signal(285);

const SIDE = 12;
/** @type {OffscreenCanvasRenderingContext2D | null} */
let ctx = null;
/** @type {WeakMap<ImageBitmap, number | null>} */
const known = new WeakMap();

/**
 * Hue that stands out in a picture, in degrees of OkLCh; none in a grey one.
 * @param {ImageBitmap} picture
 * @returns {number | null}
 */
export function hueOfPicture(picture) {
  const before = known.get(picture);
  if (before !== undefined) return before;
  ctx ??= new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  if (!ctx) return null;
  ctx.drawImage(picture, 0, 0, SIDE, SIDE);
  const hue = hueOfPixels(ctx.getImageData(0, 0, SIDE, SIDE).data);
  known.set(picture, hue);
  return hue;
}

/**
 * Mean direction in the plane of OkLab's a and b: bright, colourful pixels count most.
 * @param {ArrayLike<number>} rgba
 * @returns {number | null}
 */
export function hueOfPixels(rgba) {
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i + 3 < rgba.length; i += 4) {
    const [a, b] = chromaOf(linear(rgba[i]), linear(rgba[i + 1]), linear(rgba[i + 2]));
    const weight = Math.hypot(a, b);
    sumA += a * weight;
    sumB += b * weight;
  }
  const strength = Math.hypot(sumA, sumB) / (rgba.length / 4);
  return strength < 2e-4 ? null : degrees(Math.atan2(sumB, sumA));
}

/** @param {number} radians */
function degrees(radians) {
  return ((radians * 180) / Math.PI + 360) % 360;
}

/** @param {number | undefined} byte */
function linear(byte = 0) {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/**
 * OkLab's a and b of linear sRGB. Björn Ottosson, "A perceptual color space for image processing", 2020.
 * @param {number} r @param {number} g @param {number} b
 * @returns {[number, number]}
 */
function chromaOf(r, g, b) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/**
 * A hue for words whose picture isn't there yet; the same words have the same one.
 * @param {string} words
 */
export function hueOf(words) {
  let hash = 0;
  for (const letter of words) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return (hash * 137.5) % 360;
}

/** Gives the page's accent this hue. @param {number} hue */
export function setAccent(hue) {
  accentHue.value = Math.round(hue);
  document.documentElement.style.setProperty("--hue", String(accentHue.value));
}
