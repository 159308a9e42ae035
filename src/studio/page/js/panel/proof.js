// The proof of a film: what `visualize verify` measured in it, and the plot.

import { api } from "../api.js";
import { h, icon, show } from "../dom.js";
import { signal, whenever } from "../signal.js";
import { jobs, song } from "../store.js";
import { startJob } from "./film.js";

/** @typedef {{ name: string, text: string, wanted: string, is_good: boolean }} Verdict */

const verdicts = signal(/** @type {readonly Verdict[] | null} */ (null));

export function proof() {
  const list = h("ul", { class: "verdicts" });
  const plot = h("img", {
    class: "proof-plot",
    alt: "Visible change and onsets of the film over time, as visualize verify draws it",
  });
  const measure = h(
    "button",
    { type: "button", class: "quiet-button", onclick: () => void startJob("verify") },
    "Measure the film",
  );
  const summary = h("p", { class: "quiet" });
  const part = h(
    "section",
    { class: "part", "aria-label": "Proof" },
    h("div", { class: "part-head" }, h("h2", null, "Does it keep time?"), measure),
    summary,
    list,
    plot,
  );
  let asked = "";
  whenever([song, jobs], () => {
    const film = song.value?.film;
    show(part, Boolean(film));
    const nMeasured = jobs.value.filter((job) => job.phase === "done" && job.song === song.value?.name).length;
    const key = film ? `${film} ${nMeasured}` : "";
    if (key === asked) return;
    asked = key;
    verdicts.value = null;
    if (film) void fetchVerdicts(film, () => key === asked);
  });
  whenever([verdicts], () => {
    const all = verdicts.value;
    const nPoor = all?.filter((verdict) => !verdict.is_good).length ?? 0;
    summary.textContent =
      all === null
        ? "The film isn't measured yet."
        : nPoor
          ? `${nPoor} of ${all.length} measures ${nPoor === 1 ? "is" : "are"} poor.`
          : `All ${all.length} measures are good.`;
    list.replaceChildren(...(all ?? []).map(row));
    show(plot, all !== null);
    if (all === null) plot.removeAttribute("src");
    else if (song.value?.film) plot.src = `${api.filmAddress(song.value.film)}/plot.svg`;
  });
  return part;
}

/** @param {string} film @param {() => boolean} isStill */
async function fetchVerdicts(film, isStill) {
  // A film that was taken away isn't measured, either.
  const answer = await api.verdicts(film).catch(() => null);
  if (isStill()) verdicts.value = answer?.verdicts ?? null;
}

/** @param {Verdict} verdict */
function row(verdict) {
  return h(
    "li",
    { class: verdict.is_good ? "is-good" : "is-poor" },
    icon(verdict.is_good ? "good" : "poor"),
    h("span", null, verdict.name),
    h("span", { class: "verdict-value" }, verdict.text),
    h("span", { class: "quiet" }, `${verdict.is_good ? "good" : "poor"}: wanted ${verdict.wanted}`),
  );
}
