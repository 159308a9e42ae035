// The screen: the picture under the pointer or the playhead, or a finished film. Its colour becomes the page's accent.

import { ApiError } from "./api.js";
import { byId, h, show } from "./dom.js";
import { barBeat } from "./grid.js";
import { accentHue, hueOfPicture, setAccent } from "./hues.js";
import { tell } from "./notices.js";
import { StagePicture } from "./pictures.js";
import { lastAtMost } from "./search.js";
import { whenever } from "./signal.js";
import { grid, hoverSecs, isPlaying, plan, playheadSecs, song, stageSource, state, tab } from "./store.js";
import { clock } from "./time.js";

/** Pictures a second that are asked for while the song plays. */
const PLAYING_MS = 250;
/** A picture that takes longer is drawn for the playhead at rest, and not for the pointer. */
const SLOW_MS = 1500;

/** How often the accent may change, and by how many degrees at least. */
const ACCENT_MS = 1000;
const LEAST_TURN = 8;

const picture = new StagePicture();
let shownKey = "";
let lastAskedMs = 0;
let timer = 0;
let accentMs = -Infinity;

export function start() {
  whenever([playheadSecs, hoverSecs, plan, song, stageSource, isPlaying], update);
  whenever([song, stageSource, plan], showSources);
}

/** The time that the screen shows. */
function shownSecs() {
  const isSlow = (state.value?.model.frame_ms ?? 0) > SLOW_MS;
  return isPlaying.value || isSlow ? playheadSecs.value : (hoverSecs.value ?? playheadSecs.value);
}

function update() {
  const isFilm = stageSource.value !== "picture";
  show(byId("picture", HTMLCanvasElement), !isFilm);
  show(byId("film", HTMLVideoElement), isFilm);
  const secs = isFilm ? playheadSecs.value : shownSecs();
  describe(secs);
  if (!isFilm) ask(secs);
  else note("");
}

/** @param {number} secs */
function ask(secs) {
  const current = song.value;
  const shown = plan.value;
  if (!current || current.phase !== "ready") return;
  if (!shown) {
    note(current.plan_error ? `No picture yet: ${current.plan_error.message}` : "Planning the film …");
    return;
  }
  const end = shown.start_secs + shown.duration_secs;
  const at = Math.min(Math.max(secs, shown.start_secs), end - 1 / shown.frame_rate);
  const frame = Math.max(Math.round((at - shown.start_secs) * shown.frame_rate), 0);
  const key = `${current.name} ${shown.revision} ${frame}`;
  if (key === shownKey) return;
  clearTimeout(timer);
  const wait = isPlaying.value ? PLAYING_MS - (performance.now() - lastAskedMs) : 0;
  if (wait > 0) {
    timer = window.setTimeout(update, wait);
    return;
  }
  shownKey = key;
  lastAskedMs = performance.now();
  void fetchPicture(current.name, shown.start_secs + frame / shown.frame_rate, shown.revision, key);
}

/** @param {string} name @param {number} secs @param {number} revision @param {string} key */
async function fetchPicture(name, secs, revision, key) {
  const screen = byId("screen", HTMLElement);
  screen.classList.add("is-drawing");
  try {
    const bitmap = await picture.fetch(name, secs, revision);
    if (!bitmap || song.value?.name !== name) return;
    paint(bitmap);
    note("");
  } catch (error) {
    if (key === shownKey) shownKey = "";
    // No plan yet: the picture comes with it.
    const isEarly = error instanceof ApiError && error.status === 409;
    note(isEarly ? "Planning the film …" : error instanceof Error ? error.message : String(error));
  } finally {
    if (key === shownKey || shownKey === "") screen.classList.remove("is-drawing");
  }
}

/** @param {ImageBitmap} bitmap */
function paint(bitmap) {
  const canvas = byId("picture", HTMLCanvasElement);
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  canvas.dataset["drawn"] = shownKey;
  takeAccent(bitmap);
}

/**
 * The accent follows the playhead's picture, slowly; what the pointer passes over leaves it alone.
 * @param {ImageBitmap} bitmap
 */
function takeAccent(bitmap) {
  const isPassing = hoverSecs.value !== null && Math.abs(hoverSecs.value - playheadSecs.value) > 0.1;
  if (isPassing || performance.now() - accentMs < ACCENT_MS) return;
  const hue = hueOfPicture(bitmap);
  if (hue === null) return;
  const turn = Math.abs(((hue - accentHue.value + 540) % 360) - 180);
  if (turn < LEAST_TURN) return;
  accentMs = performance.now();
  setAccent(hue);
}

/** @param {string} text empty = nothing to say */
function note(text) {
  const place = byId("screen-note", HTMLElement);
  if (place.textContent !== text) place.textContent = text;
  show(place, text !== "");
}

/** Place and words below the screen. @param {number} secs */
function describe(secs) {
  const bar = barBeat(grid.value, secs);
  setText("caption-place", bar ? `${clock(secs)}  ·  bar ${bar}` : clock(secs));
  setText("caption-words", wordsAt(secs));
}

/** @param {string} id @param {string} text */
function setText(id, text) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

/** What is shown at a time: one prompt, or one turning into the next. @param {number} secs */
function wordsAt(secs) {
  const shown = plan.value;
  const prompts = shown?.prompts ?? [];
  const end = shown ? shown.start_secs + shown.duration_secs : Infinity;
  if (shown && (secs < shown.start_secs - 0.05 || secs > end + 0.05))
    return `not in the film, which shows ${clock(shown.start_secs)} to ${clock(end)}`;
  const arrivals = prompts.map((prompt) => prompt.arrival_secs);
  const index = Math.max(lastAtMost(arrivals, secs), 0);
  const here = prompts[index];
  const next = prompts[index + 1];
  if (!here) return "";
  if (!next || secs <= here.arrival_secs) return here.text;
  return `${here.text} → ${next.text}`;
}

/** Picture, film and preview; what isn't there yet says how to get it. */
function showSources() {
  const has = { picture: true, film: Boolean(song.value?.film), preview: Boolean(song.value?.preview) };
  const names = { picture: "Pictures", film: "Film", preview: "Preview" };
  const tips = {
    picture: "Single pictures, drawn by the model",
    film: "The finished film",
    preview: "The small film for a first look",
  };
  const buttons = /** @type {const} */ (["picture", "preview", "film"]).map((source) =>
    h(
      "button",
      {
        type: "button",
        class: has[source] ? "" : "is-missing",
        "aria-pressed": String(stageSource.value === source),
        title: has[source] ? tips[source] : "There is none yet",
        onclick: () => showSource(source, has[source]),
      },
      names[source],
    ),
  );
  byId("sources", HTMLElement).replaceChildren(...buttons);
  const [width, height] = plan.value?.size ?? [1, 1];
  byId("screen", HTMLElement).style.setProperty("--ratio", String(width / height));
}

/**
 * Shows a source, or where it is made.
 * @param {typeof stageSource.value} source
 * @param {boolean} isThere
 */
function showSource(source, isThere) {
  if (isThere) {
    stageSource.value = source;
    return;
  }
  tab.value = "film";
  tell(
    source === "film"
      ? "There is no film yet. Render it here."
      : "There is no preview yet. Make it here: press Preview.",
  );
}
