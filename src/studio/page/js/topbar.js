// The bar at the top: the song with what is known of it, undo and redo, and Render.

import { byId, h, icon, iconButton, show } from "./dom.js";
import { canRedo, canUndo, undoOrRedo } from "./edits.js";
import { showHelp } from "./keys.js";
import { startJob } from "./panel/film.js";
import { close } from "./session.js";
import { whenever } from "./signal.js";
import { connection, isUnderWay, jobs, plan, song, songJobs, tab } from "./store.js";

export function start() {
  const undo = iconButton("undo", "Undo (Ctrl Z)", () => void undoOrRedo("undo"));
  const redo = iconButton("redo", "Redo (Ctrl Shift Z)", () => void undoOrRedo("redo"));
  const help = iconButton("help", "Keys (?)", showHelp);
  const render = h("button", { type: "button", id: "render", class: "primary", onclick: renderOrShow });
  byId("bar-actions", HTMLElement).append(undo, redo, help, render);
  byId("songs-button", HTMLButtonElement).addEventListener("click", close);
  byId("songs-button", HTMLButtonElement).replaceChildren(
    icon("down"),
    h("span", { class: "hidden-words" }, "Other songs"),
  );

  whenever([song], () => {
    const current = song.value;
    const isReady = current?.phase === "ready";
    byId("song-name", HTMLElement).textContent = current?.name ?? "visualize studio";
    byId("song-facts", HTMLElement).textContent = isReady ? factsOf(current.analysis) : "";
    show(byId("songs-button", HTMLElement), current !== null);
    show(byId("transport", HTMLElement), isReady);
    show(byId("bar-actions", HTMLElement), isReady);
    undo.disabled = !canUndo();
    redo.disabled = !canRedo();
  });
  whenever([jobs, song, plan], () => {
    const job = songJobs().find((one) => isUnderWay(one) && one.kind !== "verify");
    render.textContent = !job
      ? "Render"
      : job.phase === "paused"
        ? "Paused"
        : job.n_frames
          ? `${Math.floor((100 * job.n_done) / job.n_frames)} %`
          : "Rendering";
    render.title = job ? "Show the queue" : "Render the film (Ctrl Enter)";
    render.classList.toggle("is-busy", Boolean(job));
    render.style.setProperty("--share", String(job?.n_frames ? job.n_done / job.n_frames : 0));
    const name = song.value?.name;
    document.title = [job && render.textContent, name, "visualize studio"].filter(Boolean).join(" – ");
  });
  whenever([connection], () => {
    show(byId("offline", HTMLElement), connection.value === "lost");
    show(byId("stranger", HTMLElement), connection.value === "stranger");
  });
}

function renderOrShow() {
  const isBusy = songJobs().some((job) => isUnderWay(job) && job.kind !== "verify");
  if (isBusy || plan.value === null) tab.value = "film";
  else void startJob("film");
}

/** @param {import("../wire").Analysis | undefined} analysis */
function factsOf(analysis) {
  if (!analysis) return "";
  const facts = [];
  if (analysis.tempo_bpm) facts.push(`${analysis.tempo_bpm.toFixed(1)} bpm`, `${analysis.meter} beats a bar`);
  if (analysis.key) facts.push(analysis.key);
  if (analysis.loudness_lufs !== undefined) facts.push(`${analysis.loudness_lufs.toFixed(1).replace("-", "−")} LUFS`);
  return facts.join(" · ");
}
