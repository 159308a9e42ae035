// The chosen prompt: words, arrival, seed, guidance, what it should not show.

import { h, iconButton, show } from "../dom.js";
import { editPrompt, editPrompts } from "../edits.js";
import { tell } from "../notices.js";
import { whenever } from "../signal.js";
import { draft, durationSecs, grid, plan, sections, selection, song } from "../store.js";
import { nearest } from "../search.js";
import { clock, parseClock } from "../time.js";
import { draftForm } from "./prompt-draft.js";
import { selectField, textField } from "./fields.js";
import { wordPattern } from "./text-marks.js";

/** @typedef {import("../../wire").PlannedPrompt} PlannedPrompt */
/** @typedef {import("../../wire").Mark} Mark */

const MARKS = /** @type {const} */ ([
  ["none", "by itself"],
  ["bar", "on a bar"],
  ["section", "with a section"],
  ["time", "at a time"],
]);

export function promptForm() {
  const words = textField("Words", keepWords, { isLong: true, isLive: true });
  const mark = selectField("Arrives", MARKS, (value) =>
    moveTo(/** @type {Mark} */ (value), chosen()?.arrival_secs ?? 0),
  );
  const place = textField("Place", keepPlace);
  const section = selectField("Section", [], (index) => moveTo("section", sections.value[Number(index)]?.start ?? 0));
  const dice = iconButton("dice", "Another seed", () => setSeed(String(Math.floor(Math.random() * 1e6))));
  const seed = textField("Seed", setSeed, { hint: "of the film", inputmode: "numeric", beside: [dice] });
  const guidance = textField("Guidance", setGuidance, { hint: "of the film", inputmode: "decimal" });
  const negative = textField(
    "Not to be seen",
    (text) => void editPrompt(chosen(), (line) => ({ edit: "set", line, negative: text || null })),
    { hint: "such as: text, clouds" },
  );
  const near = h("div", { class: "near-words" });
  const form = h(
    "div",
    { class: "prompt-form" },
    words.element,
    near,
    h("div", { class: "fields" }, mark.element, place.element, section.element, seed.element, guidance.element),
    negative.element,
  );
  const empty = h(
    "p",
    { class: "empty-hint" },
    "Choose a prompt to change it. A double click in the prompts lane adds one there.",
  );
  const foreign = h(
    "div",
    { class: "foreign" },
    h(
      "p",
      { class: "note" },
      "This file is of another program. Turn it into lines of this one to move its prompts; what it says now stays below as comments.",
    ),
    h(
      "button",
      { type: "button", class: "quiet-button", onclick: () => void editPrompts({ edit: "convert" }) },
      "Turn it into prompts",
    ),
  );
  const element = h("div", { class: "inspector" }, draftForm().element, empty, foreign, form);

  whenever([selection, plan, song, sections, draft], () => {
    const prompt = chosen();
    const isForeign = song.value?.prompts.foreign !== undefined;
    show(empty, !prompt && !draft.value && !isForeign);
    show(foreign, isForeign);
    show(form, Boolean(prompt) && prompt?.line !== undefined);
    if (!prompt) return;
    words.fill(prompt.text);
    mark.fill(prompt.mark);
    show(place.element, prompt.mark === "bar" || prompt.mark === "time");
    show(section.element, prompt.mark === "section");
    place.fill(placeOf(prompt));
    section.offer(sections.value.map(({ label, start }, index) => [String(index), `${label} (${clock(start, 0)})`]));
    section.fill(
      String(
        Math.max(
          nearest(
            sections.value.map(({ start }) => start),
            prompt.arrival_secs,
          ),
          0,
        ),
      ),
    );
    seed.fill(prompt.seed === undefined ? "" : String(prompt.seed));
    guidance.fill(prompt.guidance === undefined ? "" : String(prompt.guidance));
    negative.fill(prompt.negative ?? "");
    near.replaceChildren(...nearWords(prompt));
    show(near, near.childElementCount > 0);
  });
  return { element };
}

/** @returns {PlannedPrompt | undefined} */
function chosen() {
  const selected = selection.value;
  return selected?.kind === "prompt" ? plan.value?.prompts[selected.index] : undefined;
}

/** @param {string} text */
function keepWords(text) {
  if (text) void editPrompt(chosen(), (line) => ({ edit: "set_text", line, text }));
}

/** Bar or time, as it is typed. @param {PlannedPrompt} prompt */
function placeOf(prompt) {
  if (prompt.mark !== "bar") return clock(prompt.arrival_secs, 2);
  const bar = nearest(grid.value.bars, prompt.arrival_secs);
  return grid.value.barLabels[bar] ?? "";
}

/** @param {string} text */
function keepPlace(text) {
  const prompt = chosen();
  if (!prompt) return;
  if (prompt.mark === "bar") {
    const bar = grid.value.barNumbers.indexOf(Number(text));
    const secs = grid.value.bars[bar];
    if (secs === undefined)
      tell(`There is no bar ${text}. Give one from ${grid.value.barLabels[0]} to ${grid.value.barLabels.at(-1)}.`);
    else moveTo("bar", secs);
    return;
  }
  const secs = parseClock(text);
  if (secs === null || secs > durationSecs())
    tell(`“${text}” is no time of the song. Give one such as 1:23.5, up to ${clock(durationSecs())}.`);
  else moveTo("time", secs);
}

/** @param {Mark} mark @param {number} secs */
function moveTo(mark, secs) {
  void editPrompt(chosen(), (line) => ({ edit: "move", line, secs, mark }));
}

/** @param {string} text */
function setSeed(text) {
  const seed = text === "" ? null : Number(text);
  if (seed !== null && !(Number.isInteger(seed) && seed >= 0))
    tell(`“${text}” is no seed. Give a whole number from 0, or nothing.`);
  else void editPrompt(chosen(), (line) => ({ edit: "set", line, seed }));
}

/** @param {string} text */
function setGuidance(text) {
  const guidance = text === "" ? null : Number(text.replace(",", "."));
  if (guidance !== null && !(guidance >= 0 && guidance <= 100))
    tell(`“${text}” is no guidance. Give a number from 0 to 100, or nothing.`);
  else void editPrompt(chosen(), (line) => ({ edit: "set", line, guidance }));
}

/**
 * Words of the prompt that the model doesn't know, with near ones to take instead.
 * @param {PlannedPrompt} prompt
 * @returns {Node[]}
 */
function nearWords(prompt) {
  const unknown = song.value?.prompts.unknown_words ?? [];
  const here = unknown.filter(({ spans }) => spans.some(([line]) => line === prompt.line));
  return here.map(({ word, near }) =>
    h(
      "p",
      { class: "near" },
      h("b", { class: "is-unknown" }, word),
      " is new to the model. ",
      near.length ? "Near: " : "It draws something abstract for it.",
      ...near.map((other) =>
        h("button", { type: "button", class: "chip", onclick: () => replaceWord(prompt, word, other) }, other),
      ),
    ),
  );
}

/** @param {PlannedPrompt} prompt @param {string} word @param {string} other */
function replaceWord(prompt, word, other) {
  const text = prompt.text.replace(wordPattern(word), () => other);
  void editPrompt(prompt, (line) => ({ edit: "set_text", line, text }));
}
