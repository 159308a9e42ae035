// The waveform's peak pyramid, as the server sends it: lowest and highest sample of bins, each level four times coarser.

import { valueAt } from "./search.js";

/**
 * @typedef {object} Peaks
 * @property {number} sampleRate in Hz
 * @property {number} samplesPerBin of level 0
 * @property {Int8Array[]} levels lowest and highest of each bin, one after the other
 */

const FACTOR = 4;

/**
 * @param {ArrayBuffer} buffer
 * @returns {Peaks}
 */
export function parsePeaks(buffer) {
  const data = new DataView(buffer);
  const nLevels = data.getUint32(8, true);
  let offset = 12 + 4 * nLevels;
  const levels = [];
  for (let level = 0; level < nLevels; level++) {
    const nBins = data.getUint32(12 + 4 * level, true);
    levels.push(new Int8Array(buffer, offset, 2 * nBins));
    offset += 2 * nBins;
  }
  return { sampleRate: data.getUint32(0, true), samplesPerBin: data.getUint32(4, true), levels };
}

/**
 * The coarsest level whose bins are no longer than a pixel: a pixel then reads at most five of them.
 * @param {Peaks} peaks
 * @param {number} samplesPerPx
 */
export function levelFor(peaks, samplesPerPx) {
  let level = 0;
  let bin = peaks.samplesPerBin * FACTOR;
  while (level + 1 < peaks.levels.length && bin <= samplesPerPx) {
    level++;
    bin *= FACTOR;
  }
  return level;
}

/**
 * Writes the lowest and highest sample (-1 to 1) of each of `width` pixels to `out`, two numbers a pixel.
 * @param {Peaks} peaks
 * @param {number} firstSample sample at the left edge; may lie before the song
 * @param {number} samplesPerPx
 * @param {number} width
 * @param {Float32Array} out at least twice the width
 */
export function fillExtents(peaks, firstSample, samplesPerPx, width, out) {
  const level = levelFor(peaks, samplesPerPx);
  const bins = peaks.levels[level] ?? new Int8Array();
  const nBins = bins.length >> 1;
  const binsPerPx = samplesPerPx / (peaks.samplesPerBin * FACTOR ** level);
  const first = firstSample / (peaks.samplesPerBin * FACTOR ** level);
  if (binsPerPx < 1) {
    fillBetween(bins, nBins, first - 0.5, binsPerPx, width, out);
    return;
  }
  for (let x = 0; x < width; x++) {
    const from = first + x * binsPerPx;
    const start = Math.max(Math.floor(from), 0);
    const isInside = from + binsPerPx > 0;
    const end = isInside ? Math.min(Math.max(Math.ceil(from + binsPerPx), start + 1), nBins) : 0;
    let low = 0;
    let high = 0;
    for (let bin = start; bin < end; bin++) {
      low = Math.min(low, valueAt(bins, 2 * bin));
      high = Math.max(high, valueAt(bins, 2 * bin + 1));
    }
    out[2 * x] = low / 127;
    out[2 * x + 1] = high / 127;
  }
}

/**
 * Where a bin takes several pixels: a straight line from the middle of each bin to the next, so that the shape stays one.
 * @param {Int8Array} bins
 * @param {number} nBins
 * @param {number} first place of the left edge, counted from the middle of the first bin
 * @param {number} binsPerPx
 * @param {number} width
 * @param {Float32Array} out
 */
function fillBetween(bins, nBins, first, binsPerPx, width, out) {
  for (let x = 0; x < width; x++) {
    const at = first + x * binsPerPx;
    const isInside = at >= -0.5 && at <= nBins - 0.5;
    const a = Math.min(Math.max(Math.floor(at), 0), nBins - 1);
    const b = Math.min(a + 1, nBins - 1);
    const share = Math.min(Math.max(at - a, 0), 1);
    for (let end = 0; end < 2; end++) {
      const from = valueAt(bins, 2 * a + end);
      out[2 * x + end] = isInside ? (from + (valueAt(bins, 2 * b + end) - from) * share) / 127 : 0;
    }
  }
}
