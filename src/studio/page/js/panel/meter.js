// Beats in a bar, for the whole song or from a place on; and which beat "here" means.

import { h } from "../dom.js";
import { editBeats } from "../edits.js";
import { barLength } from "../grid.js";
import { nearest } from "../search.js";
import { signal, whenever } from "../signal.js";
import { grid, playheadSecs, selection, song } from "../store.js";

/** The chosen beat, or the one nearest to the playhead; -1 where there are none. */
export function meantBeat() {
  return selection.value?.kind === "beat" ? selection.value.index : nearest(grid.value.beats, playheadSecs.value);
}

export function meterPart() {
  /** Whether the choice holds from the meant beat's bar on. */
  const isFromHere = signal(false);
  const meter = h("select", { id: "meter", onchange: set }, options(2, 7));
  const from = h(
    "select",
    {
      "aria-label": "Where this bar holds",
      title: "“Here” is the bar of the chosen beat, or of the playhead",
      onchange: () => (isFromHere.value = from.value === "here"),
    },
    h("option", { value: "song" }, "whole song"),
    h("option", { value: "here" }, "from here"),
  );
  function set() {
    const beats_per_bar = Number(meter.value);
    const here = isFromHere.value ? meantBeat() : -1;
    void editBeats({ edit: "set_meter", beats_per_bar, ...(here >= 0 && { from_index: here }) });
  }
  song.watch((current) => {
    if (current) return;
    isFromHere.value = false;
    from.value = "song";
  });
  whenever([song, grid, selection, playheadSecs, isFromHere], () => {
    const here = isFromHere.value ? barLength(grid.value, meantBeat()) : null;
    const length = here ?? song.value?.analysis?.meter;
    if (!length) return;
    // A bar that no option has, such as one of 9 beats, is shown as it is.
    if (![...meter.options].some((option) => option.value === String(length))) meter.append(...options(length, length));
    meter.value = String(length);
  });
  return h("div", { class: "field" }, h("label", { for: "meter" }, "Beats a bar"), h("div", { class: "field-row" }, meter, from));
}

/** @param {number} least @param {number} most */
const options = (least, most) =>
  Array.from({ length: most - least + 1 }, (_, i) => h("option", { value: least + i }, `${least + i}`));
