// The song's beats one by one: choose, move by hundredths of a second, take out, add.

import { h, iconButton } from "../dom.js";
import { editBeats } from "../edits.js";
import { ListBox } from "../listbox.js";
import { whenever } from "../signal.js";
import { grid, playheadSecs, selection } from "../store.js";
import { clock } from "../time.js";
import { goTo } from "../transport.js";

/** How far one press moves a beat, in seconds. */
const NUDGE_SECS = 0.01;

export function beatPart() {
  const list = new ListBox({ label: "Beats", rowRem: 1.75, row, choose });
  list.element.classList.add("is-beats");
  const nudge = (/** @type {number} */ direction, /** @type {boolean} */ isOnward) => () =>
    nudgeChosen(direction, isOnward);
  const form = h(
    "fieldset",
    { class: "nudges", "aria-label": "The chosen beat" },
    button("◂ 10 ms", "This beat earlier (,)", nudge(-1, false)),
    button("10 ms ▸", "This beat later (.)", nudge(1, false)),
    button("◂ onward", "This beat and all behind it 10 ms earlier (Shift ,)", nudge(-1, true)),
    button("onward ▸", "This beat and all behind it 10 ms later (Shift .)", nudge(1, true)),
  );
  const remove = iconButton("delete", "Take the chosen beat out (Delete)", removeChosen);
  const add = button(
    "Add at the playhead",
    "A beat where the playhead is",
    () => void editBeats({ edit: "add_beat", secs: playheadSecs.value }),
  );
  const part = h(
    "section",
    { class: "part", "aria-label": "Beats" },
    h("div", { class: "part-head" }, h("h2", null, "Beats"), h("div", { class: "head-actions" }, remove, add)),
    form,
    list.element,
  );
  whenever([grid, selection], () => {
    const chosen = selection.value?.kind === "beat" ? selection.value.index : -1;
    list.show(grid.value.beats.length, chosen);
    form.disabled = remove.disabled = chosen < 0;
  });
  return part;
}

/** @param {string} name @param {string} tip @param {() => void} act */
function button(name, tip, act) {
  return h("button", { type: "button", class: "quiet-button", title: tip, onclick: act }, name);
}

/** @param {number} index @returns {(Node | string)[]} */
function row(index) {
  const { barOf, positions, beats } = grid.value;
  const isDownbeat = positions[index] === 1;
  return [
    h(
      "span",
      { class: isDownbeat ? "row-words is-downbeat" : "row-words" },
      `bar ${barOf[index]}, beat ${positions[index]}`,
    ),
    h("span", { class: "row-place" }, clock(beats[index] ?? 0, 3)),
  ];
}

/** @param {number} index */
function choose(index) {
  selection.value = { kind: "beat", index };
  goTo(grid.value.beats[index] ?? 0);
}

/** Moves the chosen beat, alone or with all behind it. @param {number} direction @param {boolean} isOnward */
export function nudgeChosen(direction, isOnward) {
  if (selection.value?.kind !== "beat") return;
  const { index } = selection.value;
  const by = direction * NUDGE_SECS;
  if (isOnward) void editBeats({ edit: "move_from", index, by_secs: by });
  else void editBeats(() => ({ edit: "move_beat", index, secs: Math.max((grid.value.beats[index] ?? 0) + by, 0) }));
}

/** Takes the chosen beat out. */
export function removeChosen() {
  if (selection.value?.kind !== "beat") return;
  const { index } = selection.value;
  selection.value = null;
  void editBeats({ edit: "delete_beat", index });
}
