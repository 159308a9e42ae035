// Waveform and curves: what the server sends as bytes becomes the right pixels.

import assert from "node:assert/strict";
import test from "node:test";

import { CURVES, fillCurve, parseHops, pyramid, sample } from "../../../src/studio/page/js/hops.js";
import { fillExtents, levelFor, parsePeaks } from "../../../src/studio/page/js/peaks.js";
import { nthOf, WavePainter } from "../../../src/studio/page/js/timeline/wave.js";

/** Peaks as the server writes them. */
function peakBytes(samplesPerBin, levels) {
  const head = new Uint32Array([44100, samplesPerBin, levels.length, ...levels.map((bins) => bins.length / 2)]);
  const bytes = new Uint8Array(head.byteLength + levels.reduce((sum, bins) => sum + bins.length, 0));
  bytes.set(new Uint8Array(head.buffer));
  let at = head.byteLength;
  for (const bins of levels) {
    bytes.set(new Uint8Array(Int8Array.from(bins).buffer), at);
    at += bins.length;
  }
  return bytes.buffer;
}

/** Hops as the server writes them; every curve is the one before it and a hundredth more. */
function hopBytes(values) {
  const n = values.length;
  const bytes = new ArrayBuffer(8 + 4 * n * CURVES.length);
  new DataView(bytes).setUint32(0, n, true);
  new DataView(bytes).setFloat32(4, 0.01, true);
  CURVES.forEach((_, idx) => new Float32Array(bytes, 8 + 4 * n * idx, n).set(values.map((value) => value + idx / 100)));
  return bytes;
}

const FINE = [-10, 20, -127, 127, 0, 5, -3, 0, -64, 1, 0, 0, -1, 1, -2, 2];
const COARSE = [-127, 127, -64, 2];

test("peaks are read level by level", () => {
  const peaks = parsePeaks(peakBytes(256, [FINE, COARSE]));
  assert.deepEqual([peaks.sampleRate, peaks.samplesPerBin], [44100, 256]);
  assert.deepEqual([...peaks.levels[1]], COARSE);
  assert.equal(levelFor(peaks, 300), 0);
  assert.equal(levelFor(peaks, 1024), 1);
  assert.equal(levelFor(peaks, 1e9), 1);
});

test("a pixel shows the extremes of all of its bins", () => {
  const peaks = parsePeaks(peakBytes(256, [FINE, COARSE]));
  const out = new Float32Array(8);
  fillExtents(peaks, 0, 512, 4, out);
  assert.deepEqual(
    [...out].map((value) => Math.round(value * 127)),
    [-127, 127, -3, 5, -64, 1, -2, 2],
  );
  fillExtents(peaks, -512, 512, 4, out);
  assert.deepEqual([...out.slice(0, 2)].map(Math.abs), [0, 0]);
  assert.equal(Math.round(out[3] * 127), 127);
});

test("no peak is lost at any zoom", () => {
  const fine = new Array(2 * 4096).fill(0);
  fine[2 * 1234 + 1] = 100;
  let level = fine;
  const levels = [fine];
  while (level.length > 64) {
    level = Array.from({ length: level.length / 4 }, (_, i) => {
      const bin = i >> 1;
      const part = [0, 1, 2, 3].map((k) => level[2 * (4 * bin + k) + (i & 1)]);
      return i & 1 ? Math.max(...part) : Math.min(...part);
    });
    levels.push(level);
  }
  const peaks = parsePeaks(peakBytes(256, levels));
  for (const width of [50, 333, 1000]) {
    const out = new Float32Array(2 * width);
    fillExtents(peaks, 0, (4096 * 256) / width, width, out);
    assert.equal(Math.round(Math.max(...out) * 127), 100, `${width} pixels`);
  }
});

test("hops are read curve by curve, and coarse levels are means", () => {
  const hops = parseHops(hopBytes([0, 0.25, 0.5, 0.75]));
  assert.ok(Math.abs(hops.hopSecs - 0.01) < 1e-6);
  assert.ok(Math.abs(hops.levels.loudness[0][1] - 0.29) < 1e-6);
  const levels = pyramid(Float32Array.from({ length: 1024 }, (_, i) => i % 4));
  assert.equal(levels.length, 2);
  assert.ok(levels[1].every((value) => value === 1.5));
});

test("curves are linear between values and nothing outside", () => {
  const out = new Float32Array(6);
  sample([1, 3], -1.5, 0.75, 6, out);
  assert.deepEqual([...out], [0, 1, 1, 2.5, 3, 0]);
  const hops = parseHops(hopBytes(Array.from({ length: 2000 }, () => 0.5)));
  fillCurve(hops, "low", 0, 2, 6, out);
  assert.ok(out.every((value) => Math.abs(value - 0.5) < 1e-6));
});

test("three numbers are ranked, equal ones in order", () => {
  for (const [a, b, c] of [
    [1, 2, 3],
    [3, 2, 1],
    [2, 2, 2],
    [1, 1, 0],
    [0, 1, 1],
    [1, 0, 1],
  ]) {
    const order = [0, 1, 2].map((n) => nthOf(a, b, c, n));
    assert.deepEqual([...order].sort(), [0, 1, 2]);
    const ranked = order.map((i) => [a, b, c][i]);
    assert.deepEqual(
      ranked,
      [...ranked].sort((x, y) => y - x),
    );
  }
});

test("the loudest band is painted outside", () => {
  const [low, mid, high, background] = [0xff0000ff, 0xff00ff00, 0xffff0000, 0xff101010];
  const bins = new Array(2 * 40).fill(0).map((_, i) => (i & 1 ? 127 : -127));
  const peaks = parsePeaks(peakBytes(256, [bins]));
  const n = 60;
  const level = (value) => [new Float32Array(n).fill(value)];
  const hops = {
    hopSecs: 0.01,
    levels: { low: level(1), mid: level(0.5), high: level(0.1), onset: level(0), loudness: level(0) },
  };
  const pixels = new Uint32Array(10 * 42);
  new WavePainter().paint(pixels, 10, 42, peaks, hops, 0, 0.01, { background, low, mid, high });
  const column = Array.from({ length: 42 }, (_, y) => pixels[y * 10 + 3]);
  assert.equal(column[0], background);
  assert.equal(column[3], low);
  assert.equal(column[14], mid);
  assert.equal(column[20], high);
  assert.equal(column[38], low);
});
