// The tab Motion: how music becomes motion, and what the film is: size, rate, seed. The curves follow while a knob is turned.

import { byId, h, iconButton, show } from "../dom.js";
import { editSettings } from "../edits.js";
import { tell } from "../notices.js";
import { whenever } from "../signal.js";
import { loop, song, state } from "../store.js";
import { clock } from "../time.js";
import { faultBox } from "./fault.js";
import { checkField, selectField, slider, textField } from "./fields.js";
import { routePart } from "./routes.js";

/** Pause in turning a knob after which the server hears of it. */
const PAUSE_MS = 120;

/** All settings with their values. */
const values = () => song.value?.settings.value ?? {};

/** @type {Record<string, any>} */
let waiting = {};
let timer = 0;

/** Keeps settings soon; several in a row go together. @param {Record<string, any>} settings */
function keep(settings) {
  waiting = {
    ...waiting,
    ...settings,
    ...(settings["knobs"] ? { knobs: { ...waiting["knobs"], ...settings["knobs"] } } : {}),
  };
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const now = waiting;
    waiting = {};
    void editSettings(now);
  }, PAUSE_MS);
}

/**
 * Knobs: name, key, range, whether 0 leaves it to `map:` lines.
 * @type {[string, string, Parameters<typeof slider>[1], boolean][]}
 */
const KNOBS = [
  [
    "Energy",
    "energy",
    { max: 10, middle: 1, digits: 2, hint: "how much faster loud parts move than quiet ones" },
    false,
  ],
  ["Pulse", "pulse", { max: 4, middle: 1, digits: 2, hint: "how hard hits push the picture" }, false],
  ["Smooth", "smooth", { max: 20, middle: 1, digits: 2, hint: "how slowly motion follows the energy" }, false],
  [
    "Dwell",
    "dwell",
    { max: 0.95, middle: 0.475, digits: 2, hint: "how long a prompt is held before it turns into the next" },
    false,
  ],
  [
    "Zoom",
    "zoom",
    { max: 1, middle: 0.15, digits: 2, hint: "how much closer the camera comes and goes", off: "off" },
    true,
  ],
  [
    "Turn",
    "rotate",
    { max: 45, middle: 8, digits: 1, hint: "how far the camera turns to either side, in degrees", off: "off" },
    true,
  ],
  [
    "Pan",
    "pan",
    {
      max: 0.2,
      middle: 0.05,
      digits: 3,
      hint: "how far the camera moves to either side, as a share of the frame",
      off: "off",
    },
    true,
  ],
];

export function start() {
  const panel = byId("panel-motion", HTMLElement);
  const column = (/** @type {Node[]} */ ...parts) => h("div", { class: "column" }, parts);
  panel.append(
    problems(),
    h("div", { class: "columns" }, column(knobPart(), routePart()), column(filmPart(), modelPart())),
  );
}

/** What is wrong with the file of settings, where somebody wrote in it by hand. */
function problems() {
  const element = h("div", { class: "problems" });
  whenever([song], () => {
    const error = song.value?.settings.error;
    element.replaceChildren(...(error ? [faultBox(error)] : []));
    show(element, Boolean(error));
  });
  return element;
}

function knobPart() {
  const knobs = KNOBS.map(([label, key, range, isOptional]) => {
    const field = slider(label, range, (value) => keep({ knobs: { [key]: isOptional && value === 0 ? null : value } }));
    return { key, field };
  });
  const reset = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      title: "All knobs as they were at first",
      onclick: () => editSettings({ knobs: Object.fromEntries(KNOBS.map(([, key]) => [key, null])) }),
    },
    "Defaults",
  );
  const arrive = selectField(
    "Prompts without a place",
    [
      ["section", "go with sections"],
      ["bar", "go with bars"],
      ["even", "are spread evenly"],
    ],
    (value) => keep({ knobs: { arrive: value } }),
  );
  const walk = selectField(
    "Walk",
    [
      ["music", "by the music"],
      ["classic", "classic"],
    ],
    (value) => keep({ mapping: value }),
  );
  whenever([song], () => {
    const current = values()["knobs"] ?? {};
    for (const { key, field } of knobs) field.fill(Number(current[key] ?? 0));
    arrive.fill(current["arrive"] ?? "section");
    walk.fill(values()["mapping"] ?? "music");
  });
  return h(
    "section",
    { class: "part", "aria-label": "Knobs" },
    h("div", { class: "part-head" }, h("h2", null, "Knobs"), reset),
    h(
      "div",
      { class: "sliders" },
      knobs.map(({ field }) => field.element),
    ),
    h("div", { class: "fields" }, arrive.element, walk.element),
  );
}

const SIZES = ["512x512", "768x768", "1024x1024", "768x432", "1280x720", "1920x1080", "720x1280", "1080x1920"];
const RATES = ["12", "15", "24", "25", "30", "50", "60", "beat:12", "beat:16"];

function filmPart() {
  const size = selectField(
    "Size",
    SIZES.map((name) => [name, name.replace("x", " × ")]),
    (value) => {
      const [width, height] = value.split("x").map(Number);
      keep({ size: { width, height } });
    },
  );
  const rate = selectField(
    "Frames",
    RATES.map((name) => [name, name.startsWith("beat") ? `${name.slice(5)} a beat` : `${name} a second`]),
    (value) => keep({ fps: value }),
  );
  const dice = iconButton("dice", "Another seed", () => keep({ seed: Math.floor(Math.random() * 1e6) }));
  const seed = textField("Seed", keepSeed, { inputmode: "numeric", beside: [dice] });
  const looping = selectField(
    "End",
    [
      ["off", "an end"],
      ["whole", "leads into the start"],
    ],
    (value) => keep({ looping: value }),
  );
  const part = h("p", { class: "quiet" });
  const fromLoop = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      title: "The film shows the part that is marked in the timeline",
      onclick: takeMarkedPart,
    },
    "Marked part only",
  );
  const whole = h(
    "button",
    { type: "button", class: "quiet-button", onclick: () => keep({ start_secs: 0, duration_secs: null }) },
    "Whole song",
  );
  whenever([song], () => {
    const current = values();
    if (current["size"]) size.fill(`${current["size"].width}x${current["size"].height}`);
    rate.fill(String(current["fps"] ?? "24"));
    seed.fill(String(current["seed"] ?? 0));
    looping.fill(
      typeof current["looping"] === "object" ? `${current["looping"].beats} beats` : (current["looping"] ?? "off"),
    );
    const start = current["start_secs"] ?? 0;
    const length = current["duration_secs"];
    const isPart = start > 0 || typeof length === "number";
    part.textContent = isPart
      ? `The film shows ${clock(start)} to ${length ? clock(start + length) : "the end"}.`
      : "The film shows the whole song.";
    whole.disabled = !isPart;
  });
  return h(
    "section",
    { class: "part", "aria-label": "Film" },
    h("div", { class: "part-head" }, h("h2", null, "Film")),
    h("div", { class: "fields" }, size.element, rate.element),
    h("div", { class: "fields" }, seed.element, looping.element),
    part,
    h("div", { class: "form-actions" }, fromLoop, whole),
  );
}

/** @param {string} text */
function keepSeed(text) {
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0) keep({ seed });
  else tell(`“${text}” is no seed. Give a whole number from 0.`);
}

/** Has the film show the part that is marked in the timeline. */
function takeMarkedPart() {
  const part = loop.value;
  if (part) keep({ start_secs: round(part[0]), duration_secs: round(part[1] - part[0]) });
  else tell("Mark a part first: drag along the waveform, or press L for the section at the playhead.");
}

/** @param {number} secs */
const round = (secs) => Math.round(secs * 1000) / 1000;

function modelPart() {
  const number = (/** @type {string} */ value) => (value === "" ? null : Number(value.replace(",", ".")));
  const model = textField("Model", (value) => keep({ model: value || null }), {
    hint: "bundled, a folder, a file, or a name of the hub",
  });
  const steps = textField("Steps", (value) => keep({ steps: number(value) }), {
    hint: "the model's",
    inputmode: "numeric",
  });
  const guidance = textField("Guidance", (value) => keep({ guidance: number(value) }), {
    hint: "the model's",
    inputmode: "decimal",
  });
  const negative = textField("Not to be seen", (value) => keep({ negative: value }), {
    hint: "used where guidance is above 1",
  });
  const calibrate = checkField(
    "Equal steps: measure with probe pictures first",
    (isOn) => keep({ calibrate: isOn }),
    "equal energy is then equal visible change",
  );
  const codec = selectField(
    "Codec",
    [
      ["h264", "H.264"],
      ["hap", "Hap"],
      ["hapa", "Hap Alpha"],
      ["hapq", "Hap Q"],
    ],
    (value) => keep({ encoding: { codec: value } }),
  );
  const more = h(
    "details",
    { class: "part more" },
    h("summary", null, "Model and file"),
    model.element,
    h("div", { class: "fields" }, steps.element, guidance.element),
    negative.element,
    codec.element,
    calibrate.element,
  );
  whenever([song, state], () => {
    const current = values();
    model.fill(String(current["model"] ?? "bundled"));
    steps.fill(current["steps"] === null || current["steps"] === undefined ? "" : String(current["steps"]));
    guidance.fill(current["guidance"] === null || current["guidance"] === undefined ? "" : String(current["guidance"]));
    negative.fill(current["negative"] ?? "");
    calibrate.fill(current["calibrate"] ?? true);
    codec.fill(current["encoding"]?.codec ?? "h264");
  });
  return more;
}
