// What plays: the song's sound, or a finished film with its own. The playhead follows the clock of the element that plays.

import { api } from "./api.js";
import { byId } from "./dom.js";
import { tell } from "./notices.js";
import { whenever } from "./signal.js";
import { durationSecs, isPlaying, loop, plan, playheadSecs, song, stageSource } from "./store.js";

const sound = () => byId("sound", HTMLAudioElement);
const video = () => byId("film", HTMLVideoElement);
let frame = 0;

export function start() {
  let shownSong = "";
  song.watch((current) => {
    const name = current?.phase === "ready" ? current.name : "";
    if (name === shownSong) return;
    shownSong = name;
    if (name) sound().src = api.soundAddress(name);
    else sound().removeAttribute("src");
  });
  whenever([song, stageSource], showFilm);
  for (const media of [sound(), video()]) {
    media.addEventListener("ended", stop);
    media.addEventListener("pause", () => media === playing() && stop());
  }
  sound().addEventListener("error", () => {
    if (sound().hasAttribute("src")) tell("The song's sound can't be played by this browser. Everything else works.");
  });
}

/** File name of the film that the stage shows; none while it shows pictures. */
function filmFile() {
  if (stageSource.value === "film") return song.value?.film;
  return stageSource.value === "preview" ? song.value?.preview : undefined;
}

function showFilm() {
  const file = filmFile();
  const address = file ? api.filmAddress(file) : null;
  if (video().getAttribute("src") === address) return;
  pause();
  if (!address) {
    video().removeAttribute("src");
    video().load();
    if (stageSource.value !== "picture") stageSource.value = "picture";
    return;
  }
  video().src = address;
  video().currentTime = Math.max(playheadSecs.value - filmStart(), 0);
}

/** Loads the film anew, as after it was made again. */
export function reloadFilm() {
  const file = filmFile();
  if (file) video().src = `${api.filmAddress(file)}?made=${Date.now()}`;
}

/** Where in the song the element's zero is. */
function filmStart() {
  return plan.value?.start_secs ?? 0;
}

/** The element whose clock counts. @returns {HTMLMediaElement} */
function playing() {
  return filmFile() ? video() : sound();
}

export function toggle() {
  if (isPlaying.value) pause();
  else play();
}

export async function play() {
  if (!song.value || song.value.phase !== "ready") return;
  const region = loop.value;
  const isAtEnd = playheadSecs.value >= durationSecs() - 0.05;
  if (region && (playheadSecs.value < region[0] || playheadSecs.value >= region[1])) seek(region[0]);
  else if (isAtEnd) seek(0);
  const media = playing();
  setClock(media, playheadSecs.value);
  try {
    isPlaying.value = true;
    await media.play();
    cancelAnimationFrame(frame);
    tick();
  } catch (error) {
    stop();
    if (!(error instanceof DOMException && error.name === "AbortError")) {
      tell("The browser didn't play the sound. Press play once more.");
    }
  }
}

export function pause() {
  const media = playing();
  stop();
  media.pause();
}

function stop() {
  if (!isPlaying.value) return;
  playheadSecs.value = Math.min(clockOf(playing()), durationSecs());
  isPlaying.value = false;
  cancelAnimationFrame(frame);
}

/** Moves the playhead; what plays goes on from there. @param {number} secs */
export function seek(secs) {
  const wanted = Math.min(Math.max(secs, 0), durationSecs());
  playheadSecs.value = wanted;
  const media = playing();
  if (isPlaying.value || media === video()) setClock(media, wanted);
}

/** @param {HTMLMediaElement} media */
function clockOf(media) {
  return media.currentTime + (media === video() ? filmStart() : 0);
}

/** @param {HTMLMediaElement} media @param {number} secs */
function setClock(media, secs) {
  const time = Math.max(secs - (media === video() ? filmStart() : 0), 0);
  if (Math.abs(media.currentTime - time) > 0.001) media.currentTime = time;
}

function tick() {
  if (!isPlaying.value) return;
  const media = playing();
  const now = clockOf(media);
  const region = loop.value;
  if (region && now >= region[1]) setClock(media, region[0]);
  if (!media.seeking) playheadSecs.value = clockOf(media);
  frame = requestAnimationFrame(tick);
}
