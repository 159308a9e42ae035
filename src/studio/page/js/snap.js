// Where something that is dragged comes to rest: sections before bars before beats, within a few pixels.

import { valueAt, nearest } from "./search.js";

/**
 * @typedef {"section" | "bar" | "time"} SnapKind
 * @typedef {{ secs: number, kind: SnapKind }} Snapped
 */

/** How near something must be to be taken, in pixels. */
const REACH_PX = { section: 10, bar: 8, beat: 5 };

/**
 * @param {number} secs where the pointer is
 * @param {number} pxPerSec
 * @param {{ sections?: ArrayLike<number>, bars?: ArrayLike<number>, beats?: ArrayLike<number> }} targets ascending times
 * @returns {Snapped}
 */
export function snapped(secs, pxPerSec, targets) {
  const section = within(targets.sections, secs, REACH_PX.section / pxPerSec);
  if (section !== null) return { secs: section, kind: "section" };
  const bar = within(targets.bars, secs, REACH_PX.bar / pxPerSec);
  if (bar !== null) return { secs: bar, kind: "bar" };
  const beat = within(targets.beats, secs, REACH_PX.beat / pxPerSec);
  return { secs: beat ?? secs, kind: "time" };
}

/**
 * @param {ArrayLike<number> | undefined} times
 * @param {number} secs
 * @param {number} reachSecs
 * @returns {number | null}
 */
function within(times, secs, reachSecs) {
  const at = times ? nearest(times, secs) : -1;
  if (!times || at < 0) return null;
  const found = valueAt(times, at);
  return Math.abs(found - secs) <= reachSecs ? found : null;
}
