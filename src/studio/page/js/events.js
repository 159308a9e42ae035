// What the server tells: the whole state on connecting, then changes. A reload shows the same at once, and all tabs the same.

import { connection, jobs, opening, song, state } from "./store.js";

/** @typedef {import("../wire").Event} StudioEvent */
/** @typedef {import("../wire").Song} Song */
/** @typedef {import("../wire").Document} Document */

/** Listens while the page is shown; one that the browser kept and shows again begins with the whole state, as a new one does. */
export function start() {
  const { port } = new SharedWorker("/assets/js/stream.js", { type: "module", name: "events" });
  port.addEventListener("message", ({ data }) => hear(data));
  port.start();
  port.postMessage("join");
  addEventListener("pagehide", () => port.postMessage("leave"));
  addEventListener("pageshow", (event) => event.persisted && port.postMessage("join"));
}

/** @param {import("./stream.js").Message} message */
function hear(message) {
  if ("json" in message) take(JSON.parse(message.json));
  // Who isn't let in stays outside until the stream is open again.
  else if (message.connection !== "lost" || connection.value === "open") connection.value = message.connection;
}

/** @param {StudioEvent} event */
function take(event) {
  switch (event.kind) {
    case "state":
      state.value = event.state;
      jobs.value = event.state.jobs;
      takeOpen(event.state.open);
      break;
    case "songs":
      if (state.value) state.value = { ...state.value, songs: event.songs };
      break;
    case "model":
      if (state.value) state.value = { ...state.value, model: event.model };
      break;
    case "song":
      if (event.song.name === (song.value?.name ?? opening.value)) song.value = event.song;
      break;
    case "document":
      if (event.song === song.value?.name) takeDocument(event.document);
      break;
    case "analysis":
      if (song.value && event.song === song.value.name) song.value = { ...song.value, analysis: event.analysis };
      break;
    case "plan":
      if (song.value && event.song === song.value.name) song.value = { ...song.value, plan_revision: event.revision };
      break;
    case "job":
      jobs.value = withJob(event.job);
      break;
  }
}

/** @param {readonly Song[]} open */
function takeOpen(open) {
  const mine = open.find((one) => one.name === song.value?.name);
  if (mine) song.value = mine;
}

/** Shows a document as the server now has it. @param {Document} document */
export function takeDocument(document) {
  if (song.value) song.value = { ...song.value, [document.kind]: document };
}

/** @param {import("../wire").Job} job */
function withJob(job) {
  const isKnown = jobs.value.some((one) => one.id === job.id);
  return isKnown ? jobs.value.map((one) => (one.id === job.id ? job : one)) : [...jobs.value, job];
}
