// A document as text: what is typed is kept soon after; errors are underlined in it and told below, as the command line tells them.

import { h, show } from "../dom.js";
import { editText, newerDocument } from "../edits.js";
import { tellError } from "../notices.js";
import { whenever } from "../signal.js";
import { connection, song } from "../store.js";
import { faultBox, noteList } from "./fault.js";
import { marksOf, runsOf, shownText } from "./text-marks.js";

/** @typedef {import("../../wire").Document} Document */

/** Pause in typing after which the text is kept. */
const PAUSE_MS = 400;

/**
 * @param {"beats" | "prompts"} kind
 * @param {string} label
 */
export function textView(kind, label) {
  const backdrop = h("pre", { class: "text-backdrop", "aria-hidden": "true" });
  const area = h("textarea", {
    class: "text-area",
    "aria-label": label,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    wrap: "off",
  });
  const conflict = h(
    "div",
    { class: "conflict", role: "alert", hidden: true },
    h("p", null, "This file was changed elsewhere while you were typing."),
    h("button", { type: "button", class: "quiet-button", onclick: keepMine }, "Keep mine"),
    h("button", { type: "button", class: "quiet-button", onclick: takeTheirs }, "Take theirs"),
  );
  const below = h("div", { class: "text-below" });
  const element = h("div", { class: "text-view" }, h("div", { class: "text-box" }, backdrop, area), conflict, below);
  let timer = 0;
  /** Whether there is text here that the server hasn't kept. */
  let isTyped = false;
  /** Hash of the text that the typed one goes on from. */
  let base = "";
  let shownSong = "";
  let nSends = 0;

  const current = () => song.value?.[kind];

  function forgetTyped() {
    clearTimeout(timer);
    isTyped = false;
    show(conflict, false);
  }

  function takeTheirs() {
    forgetTyped();
    fill();
  }

  function keepMine() {
    base = current()?.hash ?? "";
    void send();
  }

  async function send() {
    clearTimeout(timer);
    const typed = area.value;
    const turn = ++nSends;
    show(conflict, false);
    const text = current()?.text.includes("\r\n") ? typed.replaceAll("\n", "\r\n") : typed;
    const { isMade, error } = await editText(kind, text, () => base);
    if (isMade) base = current()?.hash ?? "";
    if (turn !== nSends) return;
    isTyped = !(isMade && area.value === typed);
    if (newerDocument(error)) show(conflict, true);
    else if (error) tellError(error);
    fill();
  }

  function fill() {
    const document = current();
    if (shownSong !== (song.value?.name ?? "")) {
      shownSong = song.value?.name ?? "";
      forgetTyped();
    }
    if (!document) return;
    if (!isTyped) {
      base = document.hash;
      if (area.value !== shownText(document)) {
        const { selectionStart, selectionEnd, scrollTop } = area;
        area.value = shownText(document);
        area.setSelectionRange(selectionStart, selectionEnd);
        area.scrollTop = scrollTop;
      }
    }
    mark(document);
    const error = document.error ?? (kind === "prompts" ? song.value?.plan_error : undefined);
    const place = error?.place;
    below.replaceChildren(
      ...(error ? [faultBox(error, place && (() => goTo(place.line)))] : []),
      ...(document.unknown_words ?? []).slice(0, 12).map(unknownWord),
      ...noteList(document.notes),
    );
  }

  /** @param {Document} document */
  function mark(document) {
    // Marks are of the text that was kept; while there is newer text, they would lie beside their words.
    const marks = area.value === shownText(document) ? marksOf(document) : [];
    const runs = runsOf(area.value, marks).map(({ text, kind: look }) =>
      look === "plain" ? text : h("mark", { class: `is-${look}` }, text),
    );
    backdrop.replaceChildren(...runs, "\n");
    follow();
  }

  function follow() {
    backdrop.scrollTop = area.scrollTop;
    backdrop.scrollLeft = area.scrollLeft;
  }

  /** Puts the cursor to the start of a line. @param {number} line from 1 */
  function goTo(line) {
    const start =
      area.value
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start);
    area.scrollTop = (line - 3) * Number.parseFloat(getComputedStyle(area).lineHeight);
  }

  area.addEventListener("input", () => {
    isTyped = true;
    const document = current();
    if (document) mark(document);
    clearTimeout(timer);
    // While it isn't chosen whose text counts, none is sent.
    if (conflict.hidden) timer = window.setTimeout(send, PAUSE_MS);
  });
  const sendTyped = () => void (isTyped && conflict.hidden && send());
  area.addEventListener("change", sendTyped);
  area.addEventListener("scroll", follow);
  whenever([song], fill);
  // What could not be sent is sent as soon as the server answers again.
  connection.watch((state) => state === "open" && sendTyped());
  return { element, goTo };
}

/** @param {import("../../wire").UnknownWord} unknown */
function unknownWord({ word, near }) {
  return h(
    "p",
    { class: "note" },
    h("b", { class: "is-unknown" }, word),
    " is new to the model",
    near.length ? `; near: ${near.join(", ")}` : "",
  );
}
