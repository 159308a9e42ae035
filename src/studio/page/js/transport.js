// Play, loop, follow, zoom, and where the playhead is. The playhead is a slider for the keyboard and for screen readers.

import { byId, h, icon, iconButton } from "./dom.js";
import { barBeat, neighbour, placeInWords } from "./grid.js";
import { seek, toggle } from "./player.js";
import { whenever } from "./signal.js";
import {
  durationSecs,
  grid,
  isFollowing,
  isPlaying,
  laneWidth,
  loop,
  playheadSecs,
  sections,
  selection,
  song,
  view,
} from "./store.js";
import { clock } from "./time.js";
import { clamped, fitted, following, wholeSong, xOf, zoomed } from "./view.js";

export function start() {
  const play = iconButton("play", "Play (space)", toggle, { class: "icon-button play" });
  const loopButton = iconButton("loop", "Loop the marked part, or the section (L)", toggleLoop, {
    "aria-pressed": "false",
  });
  const followButton = iconButton("follow", "Follow the playhead (F)", () => (isFollowing.value = !isFollowing.value), {
    "aria-pressed": "true",
  });
  const bar = h("span", { class: "time-bar", title: "Bar and beat" });
  const time = h("span", { class: "time-clock", title: "Time" });
  byId("transport", HTMLElement).append(
    iconButton("start", "To the start (Home)", () => seek(0)),
    play,
    h("p", { class: "time" }, bar, time),
    loopButton,
    followButton,
    h("span", { class: "divider" }),
    iconButton("minus", "Zoom out (−)", () => zoomBy(0.5), { class: "icon-button is-zoom" }),
    iconButton("plus", "Zoom in (+)", () => zoomBy(2), { class: "icon-button is-zoom" }),
    iconButton("fit", "The whole song (0)", showWhole),
  );
  whenever([isPlaying], () => {
    play.replaceChildren(icon(isPlaying.value ? "pause" : "play"));
    const label = isPlaying.value ? "Pause (space)" : "Play (space)";
    play.setAttribute("aria-label", label);
    play.title = label;
  });
  whenever([loop], () => loopButton.setAttribute("aria-pressed", String(loop.value !== null)));
  whenever([isFollowing], () => followButton.setAttribute("aria-pressed", String(isFollowing.value)));
  whenever([playheadSecs, grid, song], () => {
    bar.textContent = barBeat(grid.value, playheadSecs.value) ?? "–";
    time.textContent = clock(playheadSecs.value);
    describePlayhead();
  });
  playheadSecs.watch(follow);
  byId("playhead", HTMLElement).addEventListener("keydown", key);
  byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault(); // the address is the song's
    byId("playhead", HTMLElement).focus();
  });
}

function describePlayhead() {
  const slider = byId("playhead", HTMLElement);
  slider.setAttribute("aria-valuemax", durationSecs().toFixed(2));
  slider.setAttribute("aria-valuenow", playheadSecs.value.toFixed(2));
  slider.setAttribute("aria-valuetext", placeInWords(grid.value, playheadSecs.value));
}

/** @param {number} secs */
function follow(secs) {
  if (!isPlaying.value || !isFollowing.value) return;
  const next = following(view.value, secs, laneWidth.value);
  if (next !== view.value) view.value = clamped(next, durationSecs(), laneWidth.value);
}

/** Moves the window to what somebody went to by key. @param {number} secs */
export function goTo(secs) {
  seek(secs);
  const x = xOf(view.value, secs);
  if (x >= 0 && x <= laneWidth.value) return;
  const startSecs = secs - laneWidth.value / view.value.pxPerSec / 3;
  view.value = clamped({ ...view.value, startSecs }, durationSecs(), laneWidth.value);
}

/** Zooms around the playhead if it is in the window, else around the middle. @param {number} factor */
export function zoomBy(factor) {
  const x = xOf(view.value, playheadSecs.value);
  const isShown = x >= 0 && x <= laneWidth.value;
  view.value = clamped(zoomed(view.value, factor, isShown ? x : laneWidth.value / 2), durationSecs(), laneWidth.value);
}

export function showWhole() {
  view.value = wholeSong(durationSecs(), laneWidth.value);
}

/** Fits the window to the loop, or to the selected section. */
export function showSelected() {
  const chosen = selection.value;
  const section = chosen?.kind === "section" ? sections.value[chosen.index] : undefined;
  const part = loop.value ?? (section ? [section.start, section.end] : null);
  if (part) view.value = clamped(fitted(part[0] ?? 0, part[1] ?? 0, laneWidth.value), durationSecs(), laneWidth.value);
  else zoomBy(4);
}

/** Loops the selected section, or the one under the playhead; or ends the loop. */
export function toggleLoop() {
  if (loop.value) {
    loop.value = null;
    return;
  }
  const chosen = selection.value?.kind === "section" ? sections.value[selection.value.index] : undefined;
  const here = sections.value.find(
    (section) => playheadSecs.value >= section.start && playheadSecs.value < section.end,
  );
  const section = chosen ?? here;
  loop.value = section ? [section.start, section.end] : [0, durationSecs()];
}

/** @param {KeyboardEvent} event */
function key(event) {
  const by = stepOf(event);
  if (by === null) return;
  event.preventDefault();
  event.stopPropagation();
  goTo(by);
}

/** Where a key of the slider leads; none for other keys. @param {KeyboardEvent} event @returns {number | null} */
function stepOf(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return null;
  const direction = /** @type {1 | -1} */ (["ArrowRight", "ArrowUp", "PageUp"].includes(event.key) ? 1 : -1);
  switch (event.key) {
    case "ArrowLeft":
    case "ArrowRight":
    case "ArrowUp":
    case "ArrowDown":
      return stepBy(direction, event.shiftKey);
    case "PageUp":
    case "PageDown":
      return (
        neighbour(
          grid.value,
          playheadSecs.value,
          direction,
          Float64Array.from(sections.value, (section) => section.start),
        ) ?? durationSecs()
      );
    case "Home":
      return 0;
    case "End":
      return durationSecs();
    default:
      return null;
  }
}

/** The next beat or bar; a second where there are none. @param {1 | -1} direction @param {boolean} isBar */
export function stepBy(direction, isBar) {
  const times = isBar ? grid.value.bars : grid.value.beats;
  if (times.length === 0) return playheadSecs.value + direction * (isBar ? 5 : 1);
  return neighbour(grid.value, playheadSecs.value, direction, times) ?? durationSecs();
}
