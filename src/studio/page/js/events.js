// What the server tells: the whole state on connecting, then changes. A reload shows the same at once, and all tabs the same.

import { connection, jobs, song, state } from "./store.js";

/** @typedef {import("../wire").Event} StudioEvent */
/** @typedef {import("../wire").Song} Song */
/** @typedef {import("../wire").Document} Document */

const RETRY_MS = 2000;

/** Listens until the page is closed; the browser connects again by itself. */
export function listen() {
  const source = new EventSource("/api/events");
  source.addEventListener("message", (message) => take(JSON.parse(message.data)));
  source.addEventListener("open", () => (connection.value = "open"));
  source.addEventListener("error", () => {
    if (connection.value === "open") connection.value = "lost";
    // A refused connection is not tried again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void listenAgain(), RETRY_MS);
  });
  addEventListener("pagehide", () => source.close());
}

/** Listens again once the server answers; a new one lets only those in who come by its link. */
async function listenAgain() {
  const answer = await fetch("/api/state").catch(() => null);
  if (answer?.status === 401) connection.value = "stranger";
  if (answer?.ok) listen();
  else setTimeout(() => void listenAgain(), RETRY_MS);
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
      if (event.song.name === song.value?.name) song.value = event.song;
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
