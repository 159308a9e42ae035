// An error as the command line shows it: what is wrong, the line with a caret, what to do.

import { h } from "../dom.js";

/**
 * @param {import("../../wire").Fault} fault
 * @param {() => void} [show] leads to the place in the text
 */
export function faultBox(fault, show) {
  const { place } = fault;
  // The command line begins with the message, which stands above it here.
  const excerpt = place?.excerpt
    .split("\n")
    .filter((line, index) => index > 0 || !line.includes(fault.message))
    .join("\n");
  return h(
    "div",
    { class: "fault", role: "alert" },
    h("p", { class: "fault-message" }, place ? `Line ${place.line}: ${fault.message}` : fault.message),
    place && h("pre", { class: "fault-excerpt", tabindex: 0, "aria-label": "The place in the text" }, excerpt ?? ""),
    fault.hint && h("p", { class: "fault-hint" }, fault.hint),
    place && show && h("button", { type: "button", class: "quiet-button", onclick: show }, "Show the place"),
  );
}

/**
 * The same, folded away behind their number.
 * @param {readonly string[]} notes
 */
export function foldedNotes(notes) {
  if (notes.length === 0) return [];
  return [
    h(
      "details",
      { class: "folded" },
      h("summary", null, notes.length === 1 ? "1 note" : `${notes.length} notes`),
      h("div", { class: "job-more" }, noteList(notes)),
    ),
  ];
}

/**
 * Notes of a document, plan or job.
 * @param {readonly string[]} notes
 */
export function noteList(notes) {
  return notes.map((note) => h("p", { class: "note" }, note));
}
