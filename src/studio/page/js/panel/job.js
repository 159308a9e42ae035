// A job of the queue: how far it is, how long it takes, its newest picture, and what can be done with it.

import { api, isReplaced } from "../api.js";
import { h, show } from "../dom.js";
import { tellError } from "../notices.js";
import { TAB } from "../pictures.js";
import { plan, song } from "../store.js";
import { clock, duration } from "../time.js";
import { faultBox, noteList } from "./fault.js";

/** @typedef {import("../../wire").Job} Job */

const KINDS = { film: "Film", preview: "Preview", verify: "Proof" };
const PHASES = {
  queued: "waits",
  preparing: "opens song and model",
  calibrating: "draws probe pictures",
  drawing: "draws",
  muxing: "joins picture and sound",
  measuring: "measures",
  paused: "paused",
  done: "finished",
  failed: "failed",
  cancelled: "cancelled",
};
/** How often the newest picture is fetched. */
const PICTURE_MS = 2000;

/** @param {number} id */
export function jobCard(id) {
  const title = h("p", { class: "job-title" });
  const facts = h("p", { class: "quiet job-facts" });
  const bar = h("progress", { max: 1, "aria-label": "Progress" });
  const newest = h("canvas", { class: "job-picture", width: 96, height: 96, "aria-hidden": "true" });
  const pause = step("Pause", "pause");
  const go = step("Continue", "continue");
  const cancel = step("Cancel", "cancel");
  const more = h("div", { class: "job-more" });
  const notes = h("div", { class: "job-more" });
  const summary = h("summary", null);
  const details = h("details", { class: "folded" }, summary, notes);
  const element = h(
    "li",
    { class: "job" },
    newest,
    h(
      "div",
      { class: "job-body" },
      title,
      bar,
      facts,
      more,
      details,
      h("div", { class: "form-actions" }, pause, go, cancel),
    ),
  );
  let shownMs = 0;
  let isPainted = false;
  let isAsking = false;

  /** @param {string} name @param {"pause" | "continue" | "cancel"} what */
  function step(name, what) {
    return h(
      "button",
      { type: "button", class: "quiet-button", onclick: () => api.jobStep(id, what).catch(tellError) },
      name,
    );
  }

  /** @param {Job} job */
  function fill(job) {
    title.textContent = `${KINDS[job.kind]} of ${job.song}: ${PHASES[job.phase]}`;
    element.dataset["phase"] = job.phase;
    const isMoving = ["preparing", "calibrating", "drawing", "muxing", "measuring"].includes(job.phase);
    show(bar, isMoving || job.phase === "paused");
    if (job.n_frames > 0) bar.value = job.n_done / job.n_frames;
    else bar.removeAttribute("value");
    facts.textContent = factsOf(job);
    show(facts, facts.textContent !== "");
    show(pause, isMoving);
    show(go, job.phase === "paused" || job.phase === "failed" || job.phase === "cancelled");
    show(cancel, isMoving || job.phase === "paused" || job.phase === "queued");
    more.replaceChildren(...(job.error ? [faultBox(job.error)] : []));
    notes.replaceChildren(...noteList(job.notes));
    summary.textContent = job.notes.length === 1 ? "1 note" : `${job.notes.length} notes`;
    show(details, job.notes.length > 0);
    void showNewest(job);
  }

  /** @param {Job} job */
  async function showNewest(job) {
    const secs = job.newest_secs;
    show(newest, isPainted && job.phase !== "done");
    const now = performance.now();
    const isDue = job.phase === "drawing" && job.song === song.value?.name && now - shownMs >= PICTURE_MS;
    // One at a time: where a picture takes long, the next would replace it for ever.
    if (secs === undefined || !isDue || isAsking) return;
    shownMs = now;
    isAsking = true;
    try {
      const blob = await api.picture(
        job.song,
        secs,
        `job-${TAB}-${id}`,
        plan.value?.revision ?? 0,
        new AbortController().signal,
      );
      const picture = await createImageBitmap(blob, { resizeWidth: 96, resizeHeight: 96 });
      newest.getContext("2d")?.drawImage(picture, 0, 0);
      isPainted = true;
    } catch (error) {
      if (!isReplaced(error)) shownMs = now + 10 * PICTURE_MS;
    } finally {
      isAsking = false;
    }
  }

  return { element, fill };
}

/** @param {Job} job */
function factsOf(job) {
  const facts = [];
  if (job.n_frames > 0 && job.phase !== "done")
    facts.push(
      `${job.n_done.toLocaleString("en")} of ${job.n_frames.toLocaleString("en")} ${job.phase === "calibrating" ? "probes" : "frames"}`,
    );
  if (job.frames_per_second && job.phase === "drawing") facts.push(`${job.frames_per_second.toFixed(1)} a second`);
  if (job.secs_left !== undefined && job.phase === "drawing") facts.push(`${duration(job.secs_left)} left`);
  if (job.newest_secs !== undefined && job.phase === "drawing") facts.push(`at ${clock(job.newest_secs)}`);
  // Each fact stays in one piece where the line breaks.
  return facts.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ");
}
