// Parts of the song whose beats are locked, as the file of corrections says.

import { parseClock } from "./time.js";

/**
 * Rows below `locked:`, start and end each.
 * @param {string} text of the file of corrections
 * @returns {[number, number][]}
 */
export function lockedParts(text) {
  /** @type {[number, number][]} */
  const parts = [];
  let isLocked = false;
  for (const line of text.split("\n")) {
    const words = line.replace(/(^|\s)#.*$/, "").trim();
    if (/^\p{L}[\p{L}_-]*\s*:/u.test(words)) isLocked = /^locked\s*:/i.test(words);
    else if (isLocked && words) {
      const [start, end] = words.split(/[\s,;]+/).map(parseClock);
      if (typeof start === "number" && typeof end === "number") parts.push([start, end]);
    }
  }
  return parts;
}
