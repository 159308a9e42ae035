// The tab Film: what a film costs now, the queue with its progress, and the result with its proof and its files.

import { api } from "../api.js";
import { byId, h, show } from "../dom.js";
import { changesMade } from "../edits.js";
import { tell, tellError } from "../notices.js";
import { signal, whenever } from "../signal.js";
import { isPlaying, isUnderWay, jobs, plan, song, songJobs, stageSource, tab } from "../store.js";
import { duration, fileSize } from "../time.js";
import { jobCard } from "./job.js";
import { proof } from "./proof.js";

/** Pause after a change before the server is asked for the cost. */
const PAUSE_MS = 400;

/** What a film costs now; none while that is unknown. */
const work = signal(/** @type {import("../../wire").Work | null} */ (null));
let timer = 0;

/** Puts the film, a preview or a measurement into the queue. @param {"film" | "preview" | "verify"} kind */
export async function startJob(kind) {
  const name = song.value?.name;
  if (!name || song.value?.phase !== "ready") return;
  tab.value = "film";
  await changesMade(); // what was typed last is in the film
  try {
    await api.startJob(name, kind);
  } catch (error) {
    tellError(error);
  }
}

export function start() {
  const panel = byId("panel-film", HTMLElement);
  const column = (/** @type {Node[]} */ ...parts) => h("div", { class: "column" }, parts);
  panel.append(h("div", { class: "columns" }, column(costPart(), filesPart()), column(queuePart(), proof())));
  whenever([plan, song], () => askIn(PAUSE_MS));
  let nDone = 0;
  whenever([jobs], () => {
    const finished = jobs.value.filter((job) => !isUnderWay(job)).length;
    if (finished !== nDone) askIn(0);
    nDone = finished;
  });
  watchForResults();
}

/** Shows a film or preview on the screen as soon as it is there. */
function watchForResults() {
  /** @type {Set<number>} */
  const running = new Set();
  jobs.watch((all) => {
    for (const job of all) {
      if (isUnderWay(job)) running.add(job.id);
      else if (
        running.delete(job.id) &&
        job.phase === "done" &&
        job.song === song.value?.name &&
        job.kind !== "verify"
      ) {
        tell(job.kind === "film" ? "The film is finished." : "The preview is finished.");
        void refresh(job.song, job.kind);
      }
    }
  });
}

/** Shows a result, unless somebody is listening. @param {string} name @param {"film" | "preview"} kind */
async function refresh(name, kind) {
  const { reloadFilm } = await import("../player.js");
  const fresh = await api.song(name).catch(() => null);
  if (!fresh || song.value?.name !== name) return;
  song.value = fresh;
  if (stageSource.value === kind) reloadFilm();
  else if (!isPlaying.value) stageSource.value = kind;
}

/** Asks for the cost soon; several changes in a row are one. @param {number} ms */
function askIn(ms) {
  clearTimeout(timer);
  timer = window.setTimeout(() => void ask(), ms);
}

async function ask() {
  const name = song.value?.name;
  if (!name || !plan.value) {
    work.value = null;
    return;
  }
  const answer = await api.work(name).catch(() => null);
  if (song.value?.name === name) work.value = answer;
}

function costPart() {
  const headline = h("p", { class: "cost-headline" });
  const details = h("p", { class: "quiet" });
  const bar = h("div", { class: "meter", role: "presentation" }, h("span", { class: "meter-fill" }));
  const render = h(
    "button",
    { type: "button", class: "primary", onclick: () => void startJob("film"), title: "Ctrl Enter" },
    "Render the film",
  );
  const preview = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      onclick: () => void startJob("preview"),
      title: "A small film of about 240 frames with the same timing",
    },
    "Preview",
  );
  whenever([work, song, jobs], () => {
    const cost = work.value;
    const isReady = song.value?.phase === "ready" && plan.value !== null;
    render.disabled = preview.disabled =
      !isReady || songJobs().some((job) => isUnderWay(job) && job.kind !== "verify" && job.phase !== "paused");
    headline.textContent = cost ? costInWords(cost) : isReady ? "Counting …" : "There is no plan yet.";
    details.textContent = cost ? costDetails(cost) : (song.value?.plan_error?.message ?? "");
    const share = cost?.n_frames ? 1 - cost.n_frames_to_draw / cost.n_frames : 0;
    bar.style.setProperty("--share", String(share));
    show(bar, Boolean(cost));
  });
  return h(
    "section",
    { class: "part", "aria-label": "Cost" },
    headline,
    bar,
    details,
    h("div", { class: "form-actions" }, render, preview),
  );
}

/** @param {import("../../wire").Work} cost */
function costInWords(cost) {
  if (cost.n_frames_to_draw === 0) return "The film is finished as it stands.";
  const time = cost.secs === undefined ? "" : `, about ${duration(cost.secs)}`;
  return `${cost.n_frames_to_draw.toLocaleString("en")} frames to draw${time}`;
}

/** @param {import("../../wire").Work} cost */
function costDetails(cost) {
  const chunks = `${cost.n_chunks_to_draw} of ${cost.n_chunks} chunks`;
  const sure = cost.is_calibrated ? chunks : `at most ${chunks}; probe pictures will tell`;
  return `${sure} · ${cost.n_frames.toLocaleString("en")} frames in all · ${fileSize(cost.bytes)}`;
}

function queuePart() {
  const list = h("ol", { class: "jobs" });
  const part = h(
    "section",
    { class: "part", "aria-label": "Queue" },
    h("div", { class: "part-head" }, h("h2", null, "Queue")),
    list,
  );
  /** @type {Map<number, ReturnType<typeof jobCard>>} */
  const cards = new Map();
  whenever([jobs, song], () => {
    const shown = jobs.value
      .filter((job) => isUnderWay(job))
      .concat(
        songJobs()
          .filter((job) => !isUnderWay(job))
          .slice(0, 3),
      );
    for (const job of shown) {
      if (!cards.has(job.id)) cards.set(job.id, jobCard(job.id));
      cards.get(job.id)?.fill(job);
    }
    const elements = shown.map((job) => /** @type {HTMLElement} */ (cards.get(job.id)?.element));
    if (
      elements.length !== list.childElementCount ||
      elements.some((element, index) => element !== list.children[index])
    )
      list.replaceChildren(...elements);
    show(part, shown.length > 0);
  });
  return part;
}

function filesPart() {
  const files = h("div", { class: "form-actions" });
  const command = h(
    "button",
    { type: "button", class: "quiet-button", onclick: copyCommand, title: "What makes the same film in a shell" },
    "Copy as command line",
  );
  const part = h(
    "section",
    { class: "part", "aria-label": "Files" },
    h("div", { class: "part-head" }, h("h2", null, "Files")),
    files,
    command,
  );
  whenever([song], () => {
    const current = song.value;
    if (!current) return;
    const links = [
      current.film && download(`${api.filmAddress(current.film)}?download=1`, "Film"),
      current.preview && download(`${api.filmAddress(current.preview)}?download=1`, "Preview"),
      current.film && download(`${api.filmAddress(current.film)}/timeline`, "Timeline"),
      current.prompts.text && download(api.fileAddress(current.prompts.file), "Prompts"),
      current.beats.text && download(api.fileAddress(current.beats.file), "Corrections"),
    ];
    files.replaceChildren(...links.filter((link) => link instanceof Node));
  });
  return part;
}

/** @param {string} address @param {string} name */
function download(address, name) {
  return h("a", { class: "quiet-button", href: address, download: true }, name);
}

async function copyCommand() {
  const name = song.value?.name;
  if (!name) return;
  try {
    const { command } = await api.command(name);
    await navigator.clipboard.writeText(command);
    tell(`Copied: ${command}`);
  } catch (error) {
    tellError(error);
  }
}
