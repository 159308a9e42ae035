// What is heard a hundred times a second (bands, onset strength, loudness), with coarser levels for views from afar.

import { valueAt } from "./search.js";

export const CURVES = /** @type {const} */ (["low", "mid", "high", "onset", "loudness"]);

/** @typedef {(typeof CURVES)[number]} HopCurve */

/**
 * @typedef {object} Hops
 * @property {number} hopSecs
 * @property {Record<HopCurve, Float32Array[]>} levels of each curve: level k holds means of 4^k hops
 */

const FACTOR = 4;

/**
 * @param {ArrayBuffer} buffer
 * @returns {Hops}
 */
export function parseHops(buffer) {
  const header = new DataView(buffer);
  const n = header.getUint32(0, true);
  const hopSecs = header.getFloat32(4, true);
  const levels = /** @type {Record<HopCurve, Float32Array[]>} */ ({});
  CURVES.forEach((curve, idx) => {
    levels[curve] = pyramid(new Float32Array(buffer, 8 + 4 * n * idx, n));
  });
  return { hopSecs, levels };
}

/**
 * @param {Float32Array} finest
 * @returns {Float32Array[]}
 */
export function pyramid(finest) {
  const levels = [finest];
  let current = finest;
  while (current.length > 256) {
    const next = new Float32Array(Math.ceil(current.length / FACTOR));
    for (let i = 0; i < next.length; i++) {
      const end = Math.min((i + 1) * FACTOR, current.length);
      let sum = 0;
      for (let j = i * FACTOR; j < end; j++) sum += valueAt(current, j);
      next[i] = sum / (end - i * FACTOR);
    }
    levels.push(next);
    current = next;
  }
  return levels;
}

/**
 * Writes the value at each of `width` pixels to `out`, linear between hops.
 * @param {Hops} hops
 * @param {HopCurve} curve
 * @param {number} startSecs
 * @param {number} secsPerPx
 * @param {number} width
 * @param {Float32Array} out
 */
export function fillCurve(hops, curve, startSecs, secsPerPx, width, out) {
  const levels = hops.levels[curve];
  const wanted = Math.floor(Math.log(Math.max(secsPerPx / hops.hopSecs, 1)) / Math.log(FACTOR));
  const level = Math.min(wanted, levels.length - 1);
  const values = levels[level] ?? new Float32Array();
  const step = hops.hopSecs * FACTOR ** level;
  // The mean of a level's hops stands for their middle.
  const shift = (0.5 * (FACTOR ** level - 1)) / FACTOR ** level;
  sample(values, startSecs / step - shift, secsPerPx / step, width, out);
}

/**
 * Values at `first`, `first + step`, ... of a curve, linear in between; 0 outside.
 * @param {ArrayLike<number>} values
 * @param {number} first
 * @param {number} step
 * @param {number} width
 * @param {Float32Array} out
 */
export function sample(values, first, step, width, out) {
  const last = values.length - 1;
  for (let x = 0; x < width; x++) {
    const at = first + x * step;
    const below = Math.floor(at);
    if (below < -1 || below > last) {
      out[x] = 0;
      continue;
    }
    const a = below >= 0 ? valueAt(values, below) : valueAt(values, 0);
    const b = below < last ? valueAt(values, below + 1) : a;
    out[x] = a + (b - a) * (at - below);
  }
}
