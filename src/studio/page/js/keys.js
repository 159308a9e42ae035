// Keys of the whole page. A key that a field, list or button needs for itself is left to it.

import { byId, h, isTyping, isWithControl } from "./dom.js";
import { undoOrRedo } from "./edits.js";
import { barBeat } from "./grid.js";
import { nudgeChosen, removeChosen as removeBeat } from "./panel/beats.js";
import { startJob } from "./panel/film.js";
import { addPrompt, editChosen, removeChosen as removePrompt } from "./panel/prompts.js";
import { renameChosen } from "./panel/sections.js";
import { meantBeat } from "./panel/meter.js";
import { setDownbeat } from "./panel/song.js";
import { tap } from "./panel/tap-pad.js";
import { pause, play, seek, toggle } from "./player.js";
import { grid, isFollowing, loop, playheadSecs, selection, song, tab } from "./store.js";
import { tell } from "./notices.js";
import { goTo, showSelected, showWhole, stepBy, toggleLoop, zoomBy } from "./transport.js";
import { durationSecs } from "./store.js";

/** What the sheet behind `?` says, by part. @type {[string, [string, string][]][]} */
const SHEET = [
  [
    "Play",
    [
      ["Space", "play, pause"],
      ["← →", "a beat back, on"],
      ["Shift ← →", "a bar back, on"],
      ["Home End", "to the start, to the end"],
      ["L", "loop the marked part, or the section"],
      ["F", "follow the playhead"],
    ],
  ],
  [
    "Look",
    [
      ["+ −", "zoom in, out"],
      ["0", "the whole song"],
      ["Z", "zoom to the marked part"],
      ["Wheel pinch", "zoom where the pointer is"],
      ["Shift wheel", "move along the song"],
      ["1 2 3 4", "Prompts, Song, Motion, Film"],
    ],
  ],
  [
    "Prompts",
    [
      ["N", "new prompt at the playhead"],
      ["Enter", "edit what is chosen"],
      ["Drag", "move; rests on bars and sections, freely with Alt"],
      ["Delete", "remove what is chosen"],
    ],
  ],
  [
    "Beats",
    [
      ["B", "choose the beat at the playhead"],
      ["[ ]", "choose the beat before, behind"],
      [", .", "move it 10 ms earlier, later"],
      ["Shift , .", "move it and all behind it"],
      ["Shift drag", "move it and all behind it"],
      ["Double click", "a new beat"],
      ["D", "a bar starts here"],
      ["T", "tap the tempo"],
    ],
  ],
  [
    "All",
    [
      ["Ctrl Z", "undo"],
      ["Ctrl Shift Z", "redo"],
      ["Ctrl Enter", "render the film"],
      ["Esc", "choose nothing"],
      ["?", "this sheet"],
    ],
  ],
];

/** Keys without Ctrl, and what they do. @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  " ": toggle,
  ArrowLeft: (event) => goTo(stepBy(-1, event.shiftKey)),
  ArrowRight: (event) => goTo(stepBy(1, event.shiftKey)),
  Home: () => goTo(0),
  End: () => goTo(durationSecs()),
  "+": () => zoomBy(2),
  "=": () => zoomBy(2),
  "-": () => zoomBy(0.5),
  0: showWhole,
  z: showSelected,
  l: toggleLoop,
  f: () => (isFollowing.value = !isFollowing.value),
  n: () => addPrompt(playheadSecs.value),
  d: setDownbeat,
  t: tap,
  b: () => chooseBeat(meantBeat()),
  "[": () => chooseBeat(meantBeat() - 1),
  "]": () => chooseBeat(meantBeat() + 1),
  ",": () => nudgeChosen(-1, false),
  ".": () => nudgeChosen(1, false),
  "<": () => nudgeChosen(-1, true),
  ">": () => nudgeChosen(1, true),
  ";": () => nudgeChosen(-1, true),
  ":": () => nudgeChosen(1, true),
  Delete: removeChosen,
  Backspace: removeChosen,
  Enter: editSelected,
  1: () => (tab.value = "prompts"),
  2: () => (tab.value = "song"),
  3: () => (tab.value = "motion"),
  4: () => (tab.value = "film"),
  Escape: () => {
    if (selection.value) selection.value = null;
    else loop.value = null;
  },
};

export function start() {
  addEventListener("keydown", key);
  navigator.mediaSession?.setActionHandler("play", () => void play());
  navigator.mediaSession?.setActionHandler("pause", pause);
  navigator.mediaSession?.setActionHandler(
    "seekto",
    (details) => details.seekTime !== undefined && details.seekTime !== null && seek(details.seekTime),
  );
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.defaultPrevented || event.altKey || byId("help", HTMLDialogElement).open) return;
  if (event.key === "?" && !isTyping(event.target)) {
    showHelp();
    return;
  }
  if (song.value?.phase !== "ready") return;
  if (isWithControl(event)) {
    withControl(event);
    return;
  }
  if (isTyping(event.target) || isOwn(event)) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
}

/** Whether the element with the focus needs the key for itself. @param {KeyboardEvent} event */
function isOwn(event) {
  const { target } = event;
  if (!(target instanceof Element)) return false;
  if (target.closest("button, a, summary, [role=tab]")) return event.key === " " || event.key === "Enter";
  return (
    target instanceof HTMLInputElement &&
    (event.key === " " || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End")
  );
}

/** @param {KeyboardEvent} event */
function withControl(event) {
  const letter = event.key.toLowerCase();
  if (letter === "enter") {
    event.preventDefault();
    void startJob("film");
    return;
  }
  // In a field, undo is the field's own.
  if (isTyping(event.target)) return;
  if (letter === "z" || letter === "y") {
    event.preventDefault();
    void undoOrRedo(letter === "y" || event.shiftKey ? "redo" : "undo");
  }
}

/** @param {number} index */
function chooseBeat(index) {
  if (grid.value.beats.length === 0) {
    tell("There are no beats to choose. Tap a tempo with T.");
    return;
  }
  const inside = Math.min(Math.max(index, 0), grid.value.beats.length - 1);
  selection.value = { kind: "beat", index: inside };
  tab.value = "song";
  goTo(grid.value.beats[inside] ?? 0);
}

function removeChosen() {
  if (selection.value?.kind === "prompt") removePrompt();
  else if (selection.value?.kind === "beat") removeBeat();
  else tell("Choose a prompt or a beat to remove.");
}

function editSelected() {
  if (selection.value?.kind === "prompt") editChosen();
  else if (selection.value?.kind === "section") renameChosen();
  else
    tell(
      `The playhead is at bar ${barBeat(grid.value, playheadSecs.value) ?? "–"}. Choose a prompt or a section to edit it.`,
    );
}

export function showHelp() {
  const sheet = byId("help", HTMLDialogElement);
  if (sheet.childElementCount === 0) {
    const parts = SHEET.map(([title, rows]) =>
      h(
        "section",
        null,
        h("h3", null, title),
        h(
          "dl",
          null,
          rows
            .map(([keys, what]) => [
              h(
                "dt",
                null,
                keys.split(/(?<=\S) (?=\S)/).map((one) => h("kbd", null, one)),
              ),
              h("dd", null, what),
            ])
            .flat(),
        ),
      ),
    );
    sheet.append(
      h(
        "div",
        { class: "help-head" },
        h("h2", { id: "help-title" }, "Keys"),
        h("button", { type: "button", class: "quiet-button", onclick: () => sheet.close() }, "Close"),
      ),
      h("div", { class: "help-parts" }, parts),
    );
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  }
  sheet.showModal();
}
