// Which pictures a filmstrip shows: times on a grid that halves from zoom to zoom, so that pictures stay when the view moves
// and every second one stays when it zooms.

/** Finest step in seconds. */
const FINEST_SECS = 1 / 32;

/**
 * Seconds from picture to picture: the smallest power of two (in 1/32 s) that takes at least `width` pixels.
 * @param {number} pxPerSec
 * @param {number} width of a picture in pixels
 */
export function stripStep(pxPerSec, width) {
  const least = width / pxPerSec / FINEST_SECS;
  return FINEST_SECS * 2 ** Math.max(Math.ceil(Math.log2(least)), 0);
}

/**
 * Numbers of the first and the last step that a window shows, ends included.
 * @param {number} startSecs
 * @param {number} endSecs
 * @param {number} stepSecs
 * @param {number} filmStart
 * @param {number} filmEnd
 * @returns {[number, number]} the second is below the first if there is nothing to show
 */
export function stripRange(startSecs, endSecs, stepSecs, filmStart, filmEnd) {
  const first = Math.floor(Math.max(startSecs, filmStart) / stepSecs);
  const last = Math.ceil(Math.min(endSecs, filmEnd) / stepSecs) - 1;
  return [first, last];
}

/**
 * Time of the picture that stands for a step: its start, within the film. Steps twice as long share every second one.
 * @param {number} step
 * @param {number} stepSecs
 * @param {number} filmStart
 * @param {number} filmEnd
 */
export function stripTime(step, stepSecs, filmStart, filmEnd) {
  return Math.max(Math.min(step * stepSecs, filmEnd - FINEST_SECS), filmStart);
}

/**
 * Times of all steps from `first` to `last`, nearest to the middle first.
 * @param {number} first
 * @param {number} last
 * @param {number} stepSecs
 * @param {number} filmStart
 * @param {number} filmEnd
 */
export function fromTheMiddle(first, last, stepSecs, filmStart, filmEnd) {
  const middle = Math.round((first + last) / 2);
  const times = [];
  for (let away = 0; away <= last - first + 1; away++) {
    for (const step of away ? [middle + away, middle - away] : [middle]) {
      if (step >= first && step <= last) times.push(stripTime(step, stepSecs, filmStart, filmEnd));
    }
  }
  return times;
}
