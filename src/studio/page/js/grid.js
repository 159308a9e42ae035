// Beats and bars of a song in arrays that can be searched, and names for places in it.

import { valueAt, lastAtMost, nearest } from "./search.js";
import { clock } from "./time.js";

/**
 * @typedef {object} Grid
 * @property {Float64Array} beats times of the beats in seconds
 * @property {Uint8Array} positions position of each beat in its bar, from 1
 * @property {Int32Array} barOf number of each beat's bar; what lies before the first downbeat is in the bar before it
 * @property {Float64Array} bars times of the downbeats
 * @property {Int32Array} barBeats index of each downbeat among the beats
 * @property {Int32Array} barNumbers number of each downbeat's bar
 * @property {string[]} barLabels the same as text
 */

/**
 * @param {readonly (readonly number[])[]} beats time and position in the bar
 * @param {number} firstBar number of the bar that begins with the first downbeat
 * @returns {Grid}
 */
export function gridOf(beats, firstBar) {
  const n = beats.length;
  const grid = { beats: new Float64Array(n), positions: new Uint8Array(n), barOf: new Int32Array(n) };
  const downbeats = [];
  let bar = firstBar - 1;
  for (let i = 0; i < n; i++) {
    const [secs = 0, position = 1] = beats[i] ?? [];
    if (position === 1) {
      bar++;
      downbeats.push(i);
    }
    grid.beats[i] = secs;
    grid.positions[i] = position;
    grid.barOf[i] = bar;
  }
  return {
    ...grid,
    bars: Float64Array.from(downbeats, (i) => grid.beats[i] ?? 0),
    barBeats: Int32Array.from(downbeats),
    barNumbers: Int32Array.from(downbeats, (i) => grid.barOf[i] ?? 0),
    barLabels: downbeats.map((i) => String(grid.barOf[i])),
  };
}

export const NO_GRID = gridOf([], 1);

/**
 * Beats in the bar that holds a beat; none where the bar's begin or end isn't in the song.
 * @param {Grid} grid
 * @param {number} index of the beat
 */
export function barLength({ barBeats }, index) {
  const bar = lastAtMost(barBeats, index);
  const [start, end] = [barBeats[bar], barBeats[bar + 1]];
  return start === undefined || end === undefined ? null : end - start;
}

/**
 * Bar and beat at a time, such as `9.1`; none before the first beat.
 * @param {Grid} grid
 * @param {number} secs
 */
export function barBeat(grid, secs) {
  const beat = lastAtMost(grid.beats, secs + 1e-4);
  return beat < 0 ? null : `${grid.barOf[beat]}.${grid.positions[beat]}`;
}

/**
 * The same in words: `bar 33, beat 1`, and the time.
 * @param {Grid} grid
 * @param {number} secs
 */
export function placeInWords(grid, secs) {
  const beat = lastAtMost(grid.beats, secs + 1e-4);
  if (beat < 0) return clock(secs);
  return `bar ${grid.barOf[beat]}, beat ${grid.positions[beat]}, ${clock(secs)}`;
}

/**
 * The beat `by` beats from the time, at least a hundredth of a second away.
 * @param {Grid} grid
 * @param {number} secs
 * @param {1 | -1} direction
 * @param {Float64Array} [times] beats, or downbeats
 */
export function neighbour(grid, secs, direction, times = grid.beats) {
  const n = times.length;
  const at = direction > 0 ? lastAtMost(times, secs + 0.01) + 1 : lastAtMost(times, secs - 0.01);
  if (at < 0) return 0;
  return at < n ? valueAt(times, at) : null;
}

/**
 * Name of the place nearest to a time, as prompts are placed: a bar if it is on a downbeat, else the time.
 * @param {Grid} grid
 * @param {number} secs
 */
export function placeName(grid, secs) {
  const bar = nearest(grid.bars, secs);
  const isOn = bar >= 0 && Math.abs(valueAt(grid.bars, bar) - secs) < 0.005;
  return isOn ? `bar ${grid.barNumbers[bar]}` : clock(secs, 2);
}
