// The tab Song: what was heard, and how to correct it: tempo, bars, sections, single beats, or the file of corrections as text.

import { byId, h, icon, show } from "../dom.js";
import { editBeats } from "../edits.js";
import { lastAtMost } from "../search.js";
import { signal, whenever } from "../signal.js";
import { loop, playheadSecs, sections, song } from "../store.js";
import { tell } from "../notices.js";
import { clock } from "../time.js";
import { scene } from "../timeline/timeline.js";
import { beatPart } from "./beats.js";
import { faultBox } from "./fault.js";
import { meantBeat, meterPart } from "./meter.js";
import { sectionPart } from "./sections.js";
import { tapPart } from "./tap-pad.js";
import { textView } from "./text-view.js";
import { viewSwitch } from "./views.js";

const isText = signal(false);

export function start() {
  const panel = byId("panel-song", HTMLElement);
  const text = textView("beats", "Corrections file");
  const parts = h(
    "div",
    { class: "columns" },
    h("div", { class: "column" }, tempoPart(), beatPart()),
    h("div", { class: "column" }, sectionPart(), notesPart()),
  );
  const other = { name: "Heard", parts: [parts] };
  const views = viewSwitch("How corrections are shown", isText, text.element, other);
  const problems = h("div", { class: "problems" });
  panel.append(h("div", { class: "panel-head" }, views, lockButton()), problems, parts, text.element);
  whenever([song, isText], () => {
    const error = song.value?.beats.error;
    const showText = () => {
      isText.value = true;
      text.goTo(error?.place?.line ?? 1);
    };
    problems.replaceChildren(...(error && !isText.value ? [faultBox(error, showText)] : []));
  });
}

function tempoPart() {
  const number = h("p", { class: "tempo-number" });
  const sure = h("p", { class: "quiet" });
  const tempo = h("div", { class: "tempo" }, h("div", null, number, sure), meterPart());
  const actions = h(
    "div",
    { class: "form-actions" },
    action("× 2", "Twice as many beats", () => editBeats({ edit: "double" })),
    action("÷ 2", "Every second beat only", () => editBeats({ edit: "halve" })),
    action("Shift ½", "All beats half a beat later", () => editBeats({ edit: "shift_half" })),
    action("Bar starts here", "The beat at the playhead, or the chosen one, is a downbeat (D)", setDownbeat),
  );
  const near = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": "Tempo to hear the beats near, in bpm",
    placeholder: "near … bpm",
  });
  const anew = action(
    "Hear anew",
    "Finds the beats anew, near a tempo if one is given; corrections of beats are left out. Undo brings them back",
    () => hearAnew(near),
  );
  near.addEventListener("keydown", (event) => event.key === "Enter" && hearAnew(near));
  whenever([song], () => {
    const analysis = song.value?.analysis;
    number.replaceChildren(
      analysis?.tempo_bpm ? analysis.tempo_bpm.toFixed(1) : "–",
      h("span", { class: "unit" }, " bpm"),
    );
    sure.textContent = analysis?.tempo_bpm ? sureness(analysis) : "No beat was found. Tap one.";
  });
  return h(
    "section",
    { class: "part", "aria-label": "Tempo" },
    tempo,
    actions,
    h("div", { class: "tempo-row" }, tapPart(), h("div", { class: "hear-anew" }, near, anew)),
  );
}

/** @param {HTMLInputElement} field with a tempo, or nothing */
function hearAnew(field) {
  const text = field.value.trim();
  const bpm = Number(text.replace(",", "."));
  if (!text) void editBeats({ edit: "forget", part: "beats" });
  else if (bpm >= 20 && bpm <= 400) void editBeats({ edit: "hear_anew", bpm });
  else tell(`“${text}” is no tempo. Give beats a minute, 20 to 400.`);
}

/** @param {import("../../wire").Analysis} analysis */
function sureness(analysis) {
  if (analysis.tempo_confidence >= 1 && analysis.beat_confidence >= 1) return "as you gave it";
  return `tempo ${percent(analysis.tempo_confidence)} sure, beats ${percent(analysis.beat_confidence)}`;
}

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/** @param {string} name @param {string} tip @param {() => unknown} act */
function action(name, tip, act) {
  return h("button", { type: "button", class: "quiet-button", title: tip, onclick: () => void act() }, name);
}

/** Makes the meant beat the first of its bar. */
export function setDownbeat() {
  const index = meantBeat();
  if (index < 0) tell("There are no beats yet. Tap a tempo, or give one under Text.");
  else void editBeats({ edit: "set_downbeat", index });
}

/** Locks the beats of the marked part, or of the section at the playhead; or lets them go, where they are locked. */
function lockButton() {
  const word = h("span", null);
  const button = h(
    "button",
    { type: "button", class: "quiet-button", title: "Locked beats stay when beats are heard anew", onclick: turn },
    icon("lock"),
    word,
  );
  function turn() {
    const [start, end] = markedPart();
    const locked = lockedAround(start, end);
    const [from, to] = locked ?? [start, end];
    const done = locked ? "can be moved again" : "are locked: they stay when beats are heard anew";
    void editBeats({ edit: "lock", start: from, end: to, is_locked: !locked }).then(
      (isDone) => isDone && tell(`Beats from ${clock(from)} to ${clock(to)} ${done}.`),
    );
  }
  whenever([song, loop, playheadSecs, sections], () => {
    const step = lockedAround(...markedPart()) ? "Unlock" : "Lock";
    word.textContent = loop.value ? `${step} the marked part` : `${step} this section`;
  });
  return button;
}

/** The locked part that holds all of another one. @param {number} start @param {number} end */
function lockedAround(start, end) {
  return scene.locked.find(([from, to]) => from <= start + 0.01 && to >= end - 0.01);
}

/** @returns {readonly [number, number]} */
function markedPart() {
  if (loop.value) return loop.value;
  const starts = sections.value.map((section) => section.start);
  const section = sections.value[Math.max(lastAtMost(starts, playheadSecs.value), 0)];
  return section ? [section.start, section.end] : [0, song.value?.duration_secs ?? 0];
}

function notesPart() {
  const part = h("section", { class: "part", "aria-label": "Notes" });
  whenever([song], () => {
    const notes = [...(song.value?.notes ?? []), ...(song.value?.analysis?.notes ?? [])];
    part.replaceChildren(...notes.map((note) => h("p", { class: "note" }, note)));
    show(part, notes.length > 0);
  });
  return part;
}
