// The song's sections: names, borders, splitting and joining.

import { h, show } from "../dom.js";
import { editBeats } from "../edits.js";
import { ListBox } from "../listbox.js";
import { whenever } from "../signal.js";
import { playheadSecs, sections, selection, song, tab } from "../store.js";
import { clock } from "../time.js";
import { seriesOf } from "../timeline/series.js";
import { goTo } from "../transport.js";
import { textField } from "./fields.js";

/** Colours of sections in the style sheet. */
const N_COLOURS = 5;

export function sectionPart() {
  const list = new ListBox({ label: "Sections", rowRem: 2.25, row, choose, enter: renameChosen });
  list.element.classList.add("is-sections");
  const name = textField(
    "Name",
    (label) => label && withChosen((index) => editBeats({ edit: "rename_section", index, label })),
  );
  const join = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      title: "One section with the one before",
      onclick: () => withChosen((index) => editBeats({ edit: "join_section", index })),
    },
    "Join with the one before",
  );
  const form = h("div", { class: "inspector section-form" }, name.element, h("div", { class: "form-actions" }, join));
  const split = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      title: "A section begins at the playhead",
      onclick: () => editBeats({ edit: "split_section", secs: playheadSecs.value }),
    },
    "Split at the playhead",
  );
  const part = h(
    "section",
    { class: "part", "aria-label": "Sections" },
    h("div", { class: "part-head" }, h("h2", null, "Sections"), split),
    list.element,
    form,
  );
  whenever([sections, selection, song], () => {
    const chosen = selection.value?.kind === "section" ? selection.value.index : -1;
    list.show(sections.value.length, chosen);
    list.element.style.setProperty("--rows", String(Math.min(Math.max(sections.value.length, 1), 6)));
    const section = sections.value[chosen];
    show(form, Boolean(section));
    if (section) name.fill(section.label);
    join.disabled = chosen === 0;
  });
  return part;
}

/** @param {number} index @returns {(Node | string)[]} */
function row(index) {
  const section = sections.value[index];
  if (!section) return [];
  const swatch = h("span", { class: `swatch is-series-${(seriesOf(sections.value, N_COLOURS)[index] ?? 0) + 1}` });
  return [
    swatch,
    h("span", { class: "row-words" }, section.label),
    h("span", { class: "row-place" }, clock(section.start)),
  ];
}

/** @param {number} index */
function choose(index) {
  const section = sections.value[index];
  if (!section) return;
  selection.value = { kind: "section", index };
  goTo(section.start);
}

/** @param {(index: number) => unknown} act */
function withChosen(act) {
  if (selection.value?.kind === "section") act(selection.value.index);
}

/** Leads the keyboard to the chosen section's name. */
export function renameChosen() {
  tab.value = "song";
  requestAnimationFrame(() => {
    const field = document.querySelector(".section-form input");
    if (field instanceof HTMLInputElement) {
      field.focus();
      field.select();
    }
  });
}
