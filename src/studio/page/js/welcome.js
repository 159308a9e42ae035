// Before a song is open: drop one, pick one, or take the sample; then how far the listening is, or why it failed.

import { api, upload } from "./api.js";
import { byId, h, show } from "./dom.js";
import { tellError } from "./notices.js";
import { faultBox, noteList } from "./panel/fault.js";
import { close, open } from "./session.js";
import { signal, whenever } from "./signal.js";
import { song, state } from "./store.js";
import { fileSize } from "./time.js";

/** The file that is being sent; none otherwise. */
const sending = signal(/** @type {{ name: string, share: number } | null} */ (null));

export function start() {
  const picker = h("input", {
    type: "file",
    class: "hidden-words",
    accept: "audio/*,.flac,.wav,.mp3,.m4a,.ogg,.opus,.aiff,.aif",
    tabindex: -1,
    multiple: true,
    "aria-label": "Choose a song's file, or several",
  });
  picker.addEventListener("change", () => {
    void send([...(picker.files ?? [])]);
    picker.value = "";
  });
  byId("main", HTMLElement).append(picker);
  takeDrops();
  whenever([state, song, sending], () => {
    const current = song.value;
    const phase = current?.phase;
    show(byId("welcome", HTMLElement), state.value !== null && !current);
    show(byId("listening", HTMLElement), current !== null && phase !== "ready");
    show(byId("studio", HTMLElement), phase === "ready");
    if (!current) byId("welcome", HTMLElement).replaceChildren(...beginning(() => picker.click()));
    else if (phase !== "ready")
      byId("listening", HTMLElement).replaceChildren(phase === "failed" ? failure(current) : listening(current));
  });
}

/** @param {() => void} pick @returns {Node[]} */
function beginning(pick) {
  const songs = state.value?.songs ?? [];
  const isSending = sending.value !== null;
  const drop = h(
    "div",
    { class: "drop" },
    dropDrawing(),
    h("h2", null, isSending ? `Taking ${sending.value?.name} …` : "Drop a song here"),
    isSending
      ? h("progress", { max: 1, value: sending.value?.share ?? 0, "aria-label": "Sent" })
      : h("p", { class: "quiet" }, "FLAC, WAV, MP3, M4A, OGG or AIFF. It stays on this computer."),
    !isSending &&
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "primary", onclick: pick }, "Choose a file"),
        state.value?.sample_available &&
          h("button", { type: "button", class: "quiet-button", onclick: takeSample }, "Begin with the sample"),
      ),
  );
  const list =
    songs.length > 0 &&
    h(
      "section",
      { class: "song-list", "aria-label": "Songs in the folder" },
      h("h2", null, `In ${state.value?.folder ?? "the folder"}`),
      h(
        "ul",
        null,
        songs.map((entry) =>
          h(
            "li",
            null,
            h(
              "button",
              { type: "button", class: "song-entry", onclick: () => open(entry.name) },
              h("span", { class: "row-words" }, entry.name),
              entry.film && h("span", { class: "tag" }, "film"),
              h("span", { class: "row-place" }, fileSize(entry.bytes)),
            ),
          ),
        ),
      ),
    );
  const steps = h(
    "ol",
    { class: "steps" },
    [
      ["Listen", "Beats, bars and sections are found. You correct what is wrong."],
      ["Place prompts", "Words on the timeline; pictures of them within a second."],
      ["Render", "A film that moves with the song, and the proof that it does."],
    ].map(([title, text]) => h("li", null, h("h3", null, title), h("p", { class: "quiet" }, text))),
  );
  return [drop, ...(list ? [list] : []), steps];
}

function dropDrawing() {
  const bars = h("div", { class: "drop-bars", "aria-hidden": "true" });
  for (let i = 0; i < 24; i++) {
    const bar = h("i", null);
    bar.style.setProperty("--bar", String(i));
    bars.append(bar);
  }
  return bars;
}

/** @param {import("../wire").Song} current */
function listening(current) {
  const share = current.progress;
  return h(
    "div",
    { class: "listening-card", role: "status" },
    dropDrawing(),
    h("h2", null, `Listening to ${current.name}`),
    h(
      "progress",
      share === undefined ? { "aria-label": "Progress" } : { max: 1, value: share, "aria-label": "Progress" },
    ),
    h("p", { class: "quiet" }, "Onsets, beats, bars, sections and loudness."),
    ...noteList(current.notes),
  );
}

/** @param {import("../wire").Song} current */
function failure(current) {
  return h(
    "div",
    { class: "listening-card is-failed" },
    h("h2", null, `${current.name} can't be used`),
    current.error && faultBox(current.error),
    h(
      "div",
      { class: "form-actions" },
      h("button", { type: "button", class: "primary", onclick: close }, "Choose another song"),
    ),
  );
}

async function takeSample() {
  try {
    const { name } = await api.sample();
    await open(name);
  } catch (error) {
    tellError(error);
  }
}

/** Puts files into the folder one after the other, and opens the first that is a song. @param {File[]} files */
async function send(files) {
  let isOpened = false;
  for (const file of files) {
    sending.value = { name: file.name, share: 0 };
    try {
      await upload(file, (share) => (sending.value = { name: file.name, share }));
      if (!isOpened) await open(file.name);
      isOpened = true;
    } catch (error) {
      tellError(error);
    }
  }
  sending.value = null;
}

/** The whole page takes files. */
function takeDrops() {
  let depth = 0;
  const mark = () => document.body.classList.toggle("is-dropping", depth > 0);
  addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    depth++;
    mark();
  });
  addEventListener("dragleave", () => {
    depth = Math.max(depth - 1, 0);
    mark();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    void send([...(event.dataTransfer?.files ?? [])]);
  });
}
