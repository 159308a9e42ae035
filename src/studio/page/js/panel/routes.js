// What moves with what: the `map:` lines of the prompts file, each a route from a feature of the sound to the picture.

import { h, iconButton } from "../dom.js";
import { editPrompts } from "../edits.js";
import { whenever } from "../signal.js";
import { song } from "../store.js";

const STEADY = [
  "energy",
  "loudness",
  "short_term",
  "onsets",
  "low",
  "mid",
  "high",
  "harmonic",
  "percussive",
  "brightness",
  "width",
];
const HITS = ["onsets", "low", "mid", "high", "beats", "downbeats"];
const ALL = [...STEADY, "beats", "downbeats"];

/** What each channel may follow, as docs/prompts.md says. @type {Record<string, string[]>} */
const FEATURES = { noise: STEADY, guidance: STEADY, pulse: HITS, zoom: ALL, rotate: ALL, pan: ALL };

/** What the channels are called. @type {Record<string, string>} */
const CHANNELS = {
  noise: "speed",
  pulse: "hits",
  zoom: "camera zoom",
  rotate: "camera turn",
  pan: "camera pan",
  guidance: "guidance",
};

/**
 * `map:` lines with their line numbers.
 * @param {string} text of the prompts file
 */
function routesOf(text) {
  const routes = text
    .split("\n")
    .map((line, index) => ({ line: index + 1, route: /^\s*map\s*:(.*)$/i.exec(line)?.[1]?.trim() }));
  return /** @type {{ line: number, route: string }[]} */ (routes.filter(({ route }) => route !== undefined));
}

export function routePart() {
  const list = h("ul", { class: "routes" });
  const channel = h(
    "select",
    { "aria-label": "What moves" },
    Object.entries(CHANNELS).map(([value, name]) => h("option", { value }, name)),
  );
  const feature = h("select", { "aria-label": "What it follows" });
  const gain = h("input", {
    type: "number",
    value: 1,
    min: -10,
    max: 10,
    step: 0.1,
    "aria-label": "How strongly",
    title: "How strongly: -10 to 10",
  });
  const offer = () =>
    feature.replaceChildren(
      ...(FEATURES[channel.value] ?? []).map((name) => h("option", { value: name }, name.replace("_", " "))),
    );
  channel.addEventListener("change", offer);
  offer();
  const add = () => {
    const strength = gain.value === "1" || gain.value === "" ? "" : ` {gain=${gain.value}}`;
    void editPrompts({ edit: "map", text: `${channel.value} = ${feature.value}${strength}` });
  };
  const adder = h(
    "div",
    { class: "route-adder" },
    channel,
    h("span", { class: "quiet" }, "follows"),
    feature,
    h("span", { class: "quiet" }, "×"),
    gain,
    iconButton("plus", "Add this route", add),
  );
  whenever([song], () => {
    const routes = routesOf(song.value?.prompts.text ?? "");
    const rows = routes.map(({ line, route }) =>
      h(
        "li",
        null,
        h("code", null, route),
        iconButton("close", `Remove ${route}`, () => void editPrompts({ edit: "map", line, text: "" })),
      ),
    );
    list.replaceChildren(
      ...(rows.length ? rows : [h("li", { class: "quiet" }, "Speed follows energy, hits follow onsets.")]),
    );
  });
  return h(
    "section",
    { class: "part", "aria-label": "What moves with what" },
    h("div", { class: "part-head" }, h("h2", null, "What moves with what")),
    list,
    adder,
  );
}
