// A text cut into runs: plain, with an error, or with a word that the model doesn't know.

/**
 * @typedef {{ start: number, end: number, kind: "error" | "unknown" }} TextMark places in UTF-16 units, end not included
 * @typedef {{ text: string, kind: "plain" | "error" | "unknown" }} Run
 */

/**
 * Where a span of a line lies in the text. Lines and columns count from 1, columns in characters.
 * @param {readonly string[]} lines
 * @param {number} line
 * @param {number} column
 * @param {number} nChars
 * @returns {[number, number]}
 */
export function placeIn(lines, line, column, nChars) {
  let offset = 0;
  for (let i = 0; i < Math.min(line - 1, lines.length); i++) offset += /** @type {string} */ (lines[i]).length + 1;
  const characters = Array.from(lines[line - 1] ?? "");
  const start = offset + characters.slice(0, column - 1).join("").length;
  const end = start + characters.slice(column - 1, column - 1 + nChars).join("").length;
  return [start, end];
}

/** A document's text as a text field holds it: with plain line ends. @param {{ text: string }} document */
export function shownText({ text }) {
  return text.replaceAll("\r\n", "\n");
}

/**
 * Marks of a document: its error and its unknown words, in its text as it is shown.
 * @param {import("../../wire").Document} document
 * @returns {TextMark[]}
 */
export function marksOf(document) {
  const lines = shownText(document).split("\n");
  /** @type {TextMark[]} */
  const marks = [];
  for (const { spans } of document.unknown_words ?? []) {
    for (const [line, column, length] of spans) {
      const [start, end] = placeIn(lines, line, column, length);
      marks.push({ start, end, kind: "unknown" });
    }
  }
  const place = document.error?.place;
  if (place) {
    const [start, end] = placeIn(lines, place.line, place.column, Math.max(place.n_chars, 1));
    marks.push({ start, end: Math.max(end, start + 1), kind: "error" });
  }
  return marks;
}

/** A word where it isn't a part of another one. @param {string} word */
export function wordPattern(word) {
  return new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "giu");
}

/**
 * Marks of words that the model doesn't know.
 * @param {string} text
 * @param {readonly string[]} words
 * @returns {TextMark[]}
 */
export function unknownMarks(text, words) {
  return words.flatMap((word) =>
    Array.from(text.matchAll(wordPattern(word)), (found) => ({
      start: found.index,
      end: found.index + found[0].length,
      kind: /** @type {const} */ ("unknown"),
    })),
  );
}

/**
 * @param {string} text
 * @param {readonly TextMark[]} marks errors win over unknown words
 * @returns {Run[]}
 */
export function runsOf(text, marks) {
  const cuts = new Set([0, text.length]);
  for (const { start, end } of marks) cuts.add(Math.min(start, text.length)).add(Math.min(end, text.length));
  const places = [...cuts].sort((a, b) => a - b);
  /** @type {Run[]} */
  const runs = [];
  for (let i = 0; i + 1 < places.length; i++) {
    const [from = 0, to = 0] = [places[i], places[i + 1]];
    const over = marks.filter(({ start, end }) => start <= from && end >= to);
    const kind = over.some((mark) => mark.kind === "error") ? "error" : over.length ? "unknown" : "plain";
    runs.push({ text: text.slice(from, to), kind });
  }
  return runs;
}
