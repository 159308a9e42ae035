// The timeline's colours, read from the style sheet: those of the plots that the program draws.

import { accentHue } from "../hues.js";

/**
 * @typedef {object} Colours
 * @property {string} panel
 * @property {string} sheet
 * @property {string} grid
 * @property {string} gridStrong
 * @property {string} text
 * @property {string} muted
 * @property {string} accent
 * @property {string} low
 * @property {string} mid
 * @property {string} high
 * @property {string} position
 * @property {string} camera
 * @property {string} loudness
 * @property {string[]} series fills of sections
 * @property {string} onSeries text on them
 * @property {boolean} isDark
 */

const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5"];

/** @returns {Colours} */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    panel: of("--panel"),
    sheet: of("--sheet"),
    grid: of("--grid"),
    gridStrong: of("--grid-strong"),
    text: of("--text"),
    muted: of("--muted"),
    // What a transition is moving at this moment doesn't count, but where it leads to.
    accent: `oklch(${of("--accent-light")} ${of("--accent-chroma")} ${accentHue.value})`,
    low: of("--low"),
    mid: of("--mid"),
    high: of("--high"),
    position: of("--position"),
    camera: of("--camera"),
    loudness: of("--loudness"),
    series: SERIES.map(of),
    onSeries: of("--on-series"),
    isDark: !matchMedia("(prefers-color-scheme: light)").matches,
  };
}

/**
 * `#rrggbb` as a pixel of image data (little-endian ABGR).
 * @param {string} hex
 */
export function pixelOf(hex) {
  const rgb = Number.parseInt(hex.slice(1), 16);
  const red = (rgb >> 16) & 255;
  const green = (rgb >> 8) & 255;
  return (0xff000000 | ((rgb & 255) << 16) | (green << 8) | red) >>> 0;
}
