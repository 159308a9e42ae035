// The waveform as pixels: the loudest band outside, the others inside it, as in the plots of `visualize analyze`.
// Written straight into image data, which costs the same for a second and for an hour.

import { fillCurve } from "../hops.js";
import { fillExtents } from "../peaks.js";
import { valueAt } from "../search.js";

/**
 * @typedef {object} WavePaint
 * @property {number} background pixels, as `pixelOf` gives them
 * @property {number} low
 * @property {number} mid
 * @property {number} high
 */

/**
 * Each band comes as a share of its own maximum. With these weights, they lie as in the plots: bass outside, cymbals inside.
 */
const WEIGHTS = { low: 1, mid: 0.8, high: 0.55 };

/** Paints waveforms; holds its memory between calls. */
export class WavePainter {
  constructor() {
    this.width = 0;
    this.extents = new Float32Array();
    this.low = new Float32Array();
    this.mid = new Float32Array();
    this.high = new Float32Array();
  }

  /** @param {number} width */
  resize(width) {
    if (width === this.width) return;
    this.width = width;
    this.extents = new Float32Array(2 * width);
    this.low = new Float32Array(width);
    this.mid = new Float32Array(width);
    this.high = new Float32Array(width);
  }

  /**
   * @param {Uint32Array} pixels of an image, rows from top to bottom
   * @param {number} width
   * @param {number} height
   * @param {import("../peaks.js").Peaks} peaks
   * @param {import("../hops.js").Hops} hops
   * @param {number} startSecs at the left edge
   * @param {number} secsPerPx
   * @param {WavePaint} paint
   */
  paint(pixels, width, height, peaks, hops, startSecs, secsPerPx, paint) {
    this.resize(width);
    const { extents, low, mid, high } = this;
    fillExtents(peaks, startSecs * peaks.sampleRate, secsPerPx * peaks.sampleRate, width, extents);
    fillCurve(hops, "low", startSecs, secsPerPx, width, low);
    fillCurve(hops, "mid", startSecs, secsPerPx, width, mid);
    fillCurve(hops, "high", startSecs, secsPerPx, width, high);
    pixels.fill(paint.background);
    const centre = height / 2;
    const reach = centre - 1;
    for (let x = 0; x < width; x++) {
      const up = valueAt(extents, 2 * x + 1) * reach;
      const down = valueAt(extents, 2 * x) * reach;
      if (up - down <= 0) continue;
      const l = WEIGHTS.low * valueAt(low, x);
      const m = WEIGHTS.mid * valueAt(mid, x);
      const h = WEIGHTS.high * valueAt(high, x);
      const most = Math.max(l, m, h, 1e-6);
      // From the outside in, so that a smaller band lies on a larger one.
      for (let turn = 0; turn < 3; turn++) {
        const rank = nthOf(l, m, h, turn);
        const share = (rank === 0 ? l : rank === 1 ? m : h) / most;
        const colour = rank === 0 ? paint.low : rank === 1 ? paint.mid : paint.high;
        column(pixels, width, height, x, centre - up * share, centre - down * share, colour);
      }
    }
  }
}

/**
 * Which of three numbers (0, 1, 2) is the largest (`n` = 0), the second or the smallest; the first of equals comes first.
 * @param {number} a @param {number} b @param {number} c @param {number} n
 */
export function nthOf(a, b, c, n) {
  const rankA = Number(b > a) + Number(c > a);
  if (rankA === n) return 0;
  const rankB = Number(a >= b) + Number(c > b);
  return rankB === n ? 1 : 2;
}

/**
 * Fills a column from `top` to `bottom`, its ends by the share of the pixel that they cover.
 * @param {Uint32Array} pixels @param {number} width @param {number} height @param {number} x
 * @param {number} top @param {number} bottom @param {number} colour
 */
function column(pixels, width, height, x, top, bottom, colour) {
  const first = Math.max(Math.floor(top), 0);
  const last = Math.min(Math.ceil(bottom), height) - 1;
  for (let y = first; y <= last; y++) {
    const covered = Math.min(bottom, y + 1) - Math.max(top, y);
    const at = y * width + x;
    pixels[at] = covered >= 1 ? colour : mixed(valueAt(pixels, at), colour, covered);
  }
}

/**
 * @param {number} below pixel
 * @param {number} above pixel
 * @param {number} share of the upper one, 0 to 1
 */
function mixed(below, above, share) {
  const part = Math.round(share * 256);
  const rest = 256 - part;
  const redBlue = (((below & 0xff00ff) * rest + (above & 0xff00ff) * part) >>> 8) & 0xff00ff;
  const green = (((below & 0xff00) * rest + (above & 0xff00) * part) >>> 8) & 0xff00;
  return (0xff000000 | redBlue | green) >>> 0;
}
