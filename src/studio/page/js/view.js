// The window onto the song: where it starts and how many pixels a second takes. Plain numbers in, plain numbers out.

/** @typedef {{ startSecs: number, pxPerSec: number }} View */

/** Pixels that stay free before the song's start and behind its end. */
const MARGIN_PX = 16;
/** The closest look: one frame of a film with 24 a second fills about this many pixels. */
const MAX_PX_PER_SEC = 24 * 400;

/**
 * The whole song.
 * @param {number} durationSecs
 * @param {number} width in pixels
 * @returns {View}
 */
export function wholeSong(durationSecs, width) {
  const pxPerSec = Math.max(width - 2 * MARGIN_PX, 1) / Math.max(durationSecs, 0.001);
  return { startSecs: -MARGIN_PX / pxPerSec, pxPerSec };
}

/**
 * The nearest view that shows some of the song and no more than the song.
 * @param {View} view
 * @param {number} durationSecs
 * @param {number} width in pixels
 * @returns {View}
 */
export function clamped(view, durationSecs, width) {
  const whole = wholeSong(durationSecs, width);
  if (!(view.pxPerSec > whole.pxPerSec)) return whole;
  const pxPerSec = Math.min(view.pxPerSec, MAX_PX_PER_SEC);
  const first = -MARGIN_PX / pxPerSec;
  const last = durationSecs + MARGIN_PX / pxPerSec - width / pxPerSec;
  return { startSecs: Math.min(Math.max(view.startSecs, first), last), pxPerSec };
}

/**
 * Zoomed by `factor`, while what lies at pixel `x` stays there.
 * @param {View} view
 * @param {number} factor above 1 = closer
 * @param {number} x
 * @returns {View}
 */
export function zoomed(view, factor, x) {
  const pxPerSec = Math.min(view.pxPerSec * factor, MAX_PX_PER_SEC);
  return { startSecs: secsAt(view, x) - x / pxPerSec, pxPerSec };
}

/**
 * Moved to the right by `px` pixels.
 * @param {View} view
 * @param {number} px
 * @returns {View}
 */
export function panned(view, px) {
  return { startSecs: view.startSecs + px / view.pxPerSec, pxPerSec: view.pxPerSec };
}

/**
 * The view that shows `start` to `end` with some room at both sides.
 * @param {number} start
 * @param {number} end
 * @param {number} width
 * @returns {View}
 */
export function fitted(start, end, width) {
  const room = Math.min(width * 0.06, 80);
  const pxPerSec = Math.min((width - 2 * room) / Math.max(end - start, 0.001), MAX_PX_PER_SEC);
  return { startSecs: start - room / pxPerSec, pxPerSec };
}

/**
 * The same view, or one turned to the page that holds `secs` if it has left the window.
 * @param {View} view
 * @param {number} secs
 * @param {number} width
 * @returns {View}
 */
export function following(view, secs, width) {
  const x = xOf(view, secs);
  if (x >= 0 && x <= width * 0.9) return view;
  return { startSecs: secs - (width * 0.1) / view.pxPerSec, pxPerSec: view.pxPerSec };
}

/** @param {View} view @param {number} x pixel @returns {number} seconds of the song */
export function secsAt(view, x) {
  return view.startSecs + x / view.pxPerSec;
}

/** @param {View} view @param {number} secs @returns {number} pixel */
export function xOf(view, secs) {
  return (secs - view.startSecs) * view.pxPerSec;
}
