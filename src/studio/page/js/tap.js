// Tempo from taps: the line through them that lies best, so that one late tap hardly counts.

/** Taps further apart than this begin anew. */
const PAUSE_SECS = 2.5;

/**
 * @typedef {{ bpm: number, anchorSecs: number }} TappedTempo
 */

/** Taps as they come, in seconds of the song. */
export class Taps {
  constructor() {
    /** @type {number[]} */
    this.times = [];
  }

  /** @param {number} secs */
  add(secs) {
    const last = this.times.at(-1);
    if (last !== undefined && (secs <= last || secs - last > PAUSE_SECS)) this.times = [];
    this.times.push(secs);
  }

  /**
   * Tempo and the time of a beat; none with fewer than four taps.
   * @returns {TappedTempo | null}
   */
  tempo() {
    return tempoOf(this.times);
  }
}

/**
 * Least squares through tap number and time.
 * @param {readonly number[]} times
 * @returns {TappedTempo | null}
 */
export function tempoOf(times) {
  const n = times.length;
  if (n < 4) return null;
  const meanIdx = (n - 1) / 2;
  const meanSecs = times.reduce((sum, secs) => sum + secs, 0) / n;
  let products = 0;
  let squares = 0;
  times.forEach((secs, idx) => {
    products += (idx - meanIdx) * (secs - meanSecs);
    squares += (idx - meanIdx) ** 2;
  });
  const periodSecs = products / squares;
  return { bpm: 60 / periodSecs, anchorSecs: meanSecs - meanIdx * periodSecs };
}
