// A prompt that is being written: it gets its place at once, and stands in the file when its words do.

import { h, isWithControl, show } from "../dom.js";
import { editPrompts } from "../edits.js";
import { placeName } from "../grid.js";
import { nextChange, whenever } from "../signal.js";
import { snapped } from "../snap.js";
import { draft, grid, plan, sections, selection, song, tab, view } from "../store.js";
import { clock } from "../time.js";

/** How long the new prompt is waited for, to be selected. */
const FOLLOW_MS = 10000;

/** The section, bar or beat near a time, or the time itself. @param {number} secs */
export function restingPlace(secs) {
  const starts = sections.value.map((section) => section.start);
  return snapped(secs, view.value.pxPerSec, { sections: starts, bars: grid.value.bars, beats: grid.value.beats });
}

/** Begins a prompt at a time, on the bar or section near it. @param {number} secs */
export function beginPrompt(secs) {
  const rest = restingPlace(secs);
  selection.value = null;
  tab.value = "prompts";
  draft.value = { secs: rest.secs, mark: rest.kind };
}

export function draftForm() {
  const words = h("textarea", {
    rows: 2,
    id: "new-words",
    placeholder: "such as: golden wheat field at dusk",
    autocomplete: "off",
  });
  const place = h("p", { class: "quiet" });
  const add = h("button", { type: "button", class: "primary", onclick: () => void finish() }, "Add");
  const cancel = h("button", { type: "button", class: "quiet-button", onclick: drop }, "Cancel");
  const element = h(
    "div",
    { class: "prompt-form" },
    h("div", { class: "field" }, h("label", { for: "new-words" }, "Words of the new prompt"), words),
    place,
    h("div", { class: "form-actions" }, add, cancel),
  );

  let isAdding = false;

  function drop() {
    words.value = "";
    words.blur(); // hidden only when drawn: until then it would take keys that are the page's
    draft.value = null;
  }

  async function finish() {
    const text = words.value.trim();
    const begun = draft.value;
    if (!begun || !text) {
      words.focus();
      return;
    }
    if (isAdding) return; // a second Enter adds no second prompt
    isAdding = true;
    const followed = nextChange(plan, FOLLOW_MS);
    const isAdded = await editPrompts({ edit: "add", secs: begun.secs, mark: begun.mark, text });
    isAdding = false;
    if (!isAdded) return;
    drop();
    await followed;
    const index =
      plan.value?.prompts.findIndex(
        (prompt) => prompt.text === text && Math.abs(prompt.arrival_secs - begun.secs) < 0.05,
      ) ?? -1;
    if (index >= 0 && !selection.value && !draft.value) selection.value = { kind: "prompt", index };
  }

  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      if (isWithControl(event)) {
        if (words.value.trim()) void finish();
        return;
      }
      event.preventDefault();
      void finish();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      drop();
    }
  });
  song.watch((current) => current || drop());
  whenever([draft, grid], () => {
    show(element, draft.value !== null);
    if (!draft.value) return;
    const { secs, mark } = draft.value;
    const section = sections.value.find((one) => Math.abs(one.start - secs) < 0.005);
    const name =
      mark === "section" && section
        ? `with ${section.label}`
        : mark === "bar"
          ? `on ${placeName(grid.value, secs)}`
          : `at ${clock(secs, 2)}`;
    place.textContent = `It arrives ${name}.`;
    if (document.activeElement !== words) words.focus();
  });
  // Choosing something else gives up a prompt without words, and keeps one that has some.
  selection.watch((chosen) => {
    if (!chosen || !draft.value) return;
    if (words.value.trim()) void finish();
    else drop();
  });
  return { element };
}
