// The tab Prompts: the prompts in their order, the chosen one's words and settings, and the file as text.

import { byId, h, iconButton } from "../dom.js";
import { editPrompt, editPrompts } from "../edits.js";
import { barBeat } from "../grid.js";
import { ListBox } from "../listbox.js";
import { signal, whenever } from "../signal.js";
import { grid, hues, plan, playheadSecs, selection, song, tab } from "../store.js";
import { clock } from "../time.js";
import { goTo } from "../transport.js";
import { faultBox, foldedNotes } from "./fault.js";
import { textField } from "./fields.js";
import { beginPrompt, restingPlace } from "./prompt-draft.js";
import { promptForm } from "./prompt-form.js";
import { runsOf, unknownMarks } from "./text-marks.js";
import { textView } from "./text-view.js";
import { viewSwitch } from "./views.js";

/** Whether the file is shown as text. */
const isText = signal(false);

export function start() {
  const panel = byId("panel-prompts", HTMLElement);
  const text = textView("prompts", "Prompts file");
  const style = textField("Style of all prompts", (value) => void editPrompts({ edit: "style", text: value }), {
    hint: "such as: dreamy, glowing",
    isLive: true,
  });
  const list = new ListBox({ label: "Prompts", rowRem: 2.25, row: promptRow, choose, enter: editChosen });
  const form = promptForm();
  const problems = h("div", { class: "problems" });
  const asList = h(
    "div",
    { class: "prompt-list" },
    h("div", { class: "prompt-column" }, style.element, list.element),
    form.element,
  );
  const add = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      onclick: () => addPrompt(playheadSecs.value),
      title: "Add a prompt at the playhead (N)",
    },
    "Add prompt",
  );
  const duplicate = iconButton("copy", "Duplicate at the playhead", duplicateChosen);
  const remove = iconButton("delete", "Remove the chosen prompt (Delete)", removeChosen);
  const actions = h("div", { class: "head-actions" }, duplicate, remove, add);
  const other = { name: "List", parts: [asList, actions] };
  const views = viewSwitch("How prompts are shown", isText, text.element, other);
  panel.append(h("div", { class: "panel-head" }, views, actions), problems, asList, text.element);

  whenever([plan, selection, song, isText, hues], () => {
    const chosen = selection.value?.kind === "prompt" ? selection.value.index : -1;
    list.show(plan.value?.prompts.length ?? 0, chosen);
    duplicate.disabled = remove.disabled = chosenPrompt()?.line === undefined;
    style.fill(styleOf(song.value?.prompts.text ?? ""));
    const { error } = song.value?.prompts ?? {};
    const planError = song.value?.plan_error;
    const showText = () => {
      isText.value = true;
      text.goTo(error?.place?.line ?? 1);
    };
    const shown = isText.value
      ? []
      : error
        ? [faultBox(error, showText)]
        : planError
          ? [faultBox(planError)]
          : foldedNotes(plan.value?.notes ?? []);
    const isOpen = problems.querySelector("details")?.open ?? false;
    problems.replaceChildren(...shown);
    problems.querySelector("details")?.toggleAttribute("open", isOpen);
  });
}

/** Words of the `style:` lines. @param {string} text */
function styleOf(text) {
  const lines = text.split("\n").map((line) => /^\s*style\s*:(.*)$/i.exec(line)?.[1]?.trim());
  return lines.filter(Boolean).join(", ");
}

/** @param {number} index @returns {(Node | string)[]} */
function promptRow(index) {
  const prompt = plan.value?.prompts[index];
  if (!prompt) return [];
  const swatch = h("span", { class: "swatch" });
  swatch.style.setProperty("--prompt-hue", String(Math.round(hues.value[index] ?? 0)));
  const bar = barBeat(grid.value, prompt.arrival_secs);
  const place = prompt.mark === "bar" && bar ? `bar ${bar.split(".")[0]}` : clock(prompt.arrival_secs);
  return [
    swatch,
    h("span", { class: "row-words" }, withUnknown(prompt)),
    h("span", { class: prompt.mark === "none" ? "row-place is-free" : "row-place" }, place),
  ];
}

/**
 * Words of a prompt, those that the model doesn't know underlined.
 * @param {import("../../wire").PlannedPrompt} prompt
 */
function withUnknown({ text, line }) {
  const unknown = (song.value?.prompts.unknown_words ?? []).filter(({ spans }) => spans.some(([at]) => at === line));
  const marks = unknownMarks(
    text,
    unknown.map(({ word }) => word),
  );
  return runsOf(text, marks).map(({ text: run, kind }) =>
    kind === "plain" ? run : h("span", { class: "is-unknown" }, run),
  );
}

/** @param {number} index */
function choose(index) {
  const prompt = plan.value?.prompts[index];
  if (!prompt) return;
  selection.value = { kind: "prompt", index };
  goTo(prompt.arrival_secs);
}

/** Leads the keyboard to the chosen prompt's words. */
export function editChosen() {
  tab.value = "prompts";
  isText.value = false;
  requestAnimationFrame(() => {
    const words = document.querySelector("#panel-prompts .prompt-form:not([hidden]) textarea");
    if (words instanceof HTMLTextAreaElement) {
      words.focus();
      words.select();
    }
  });
}

/** Begins a prompt at a time and leads to its words. @param {number} secs */
export function addPrompt(secs) {
  isText.value = false;
  beginPrompt(secs);
}

/** @returns {import("../../wire").PlannedPrompt | undefined} */
function chosenPrompt() {
  const chosen = selection.value;
  return chosen?.kind === "prompt" ? plan.value?.prompts[chosen.index] : undefined;
}

/** The chosen prompt once more, at the playhead. */
function duplicateChosen() {
  const { secs, kind } = restingPlace(playheadSecs.value);
  void editPrompt(chosenPrompt(), (line) => ({ edit: "duplicate", line, secs, mark: kind }));
}

/** Takes the chosen prompt out. */
export function removeChosen() {
  const prompt = chosenPrompt();
  selection.value = null;
  void editPrompt(prompt, (line) => ({ edit: "remove", line }));
}
