// What plays: the song's sound, or a finished film with its own. The playhead follows the clock of the element that plays.

import { api } from "./api.js";
import { byId } from "./dom.js";
import { tell } from "./notices.js";
import { whenever } from "./signal.js";
import { durationSecs, isPlaying, loop, plan, playheadSecs, song, stageSource } from "./store.js";

const sound = () => byId("sound", HTMLAudioElement);
const video = () => byId("film", HTMLVideoElement);
/** File name of the film whose clock counts; empty while the song's sound does. */
let shownFile = "";
let frame = 0;

export function start() {
  let shownSong = "";
  song.watch((current) => {
    const name = current?.phase === "ready" ? current.name : "";
    if (name === shownSong) return;
    pause();
    shownSong = name;
    if (name) sound().src = api.soundAddress(name);
    else unload(sound());
  });
  whenever([song, stageSource], showFilm);
  for (const media of [sound(), video()]) {
    media.addEventListener("ended", () => rest(media));
    media.addEventListener("pause", () => rest(media));
    // In a tab that isn't shown, no pictures of the screen are drawn that could keep the loop.
    media.addEventListener("timeupdate", loopBack);
  }
  sound().addEventListener("error", () => {
    if (sound().hasAttribute("src")) tell("The song's sound can't be played by this browser. Everything else works.");
  });
}

/** File name of the film that the stage wants; empty while it wants pictures. */
function wantedFile() {
  if (stageSource.value === "film") return song.value?.film ?? "";
  return stageSource.value === "preview" ? (song.value?.preview ?? "") : "";
}

function showFilm() {
  const file = wantedFile();
  if (file === shownFile) return;
  pause();
  shownFile = file;
  if (file) load(api.filmAddress(file));
  else {
    unload(video());
    stageSource.value = "picture";
  }
}

/** Loads the film anew, as after it was made again. */
export function reloadFilm() {
  if (!shownFile) return;
  pause();
  load(`${api.filmAddress(shownFile)}?made=${Date.now()}`);
}

/** Loads a film and leads it to the playhead. @param {string} address */
function load(address) {
  video().src = address;
  setClock(video(), playheadSecs.value);
}

/** Ends what an element plays: without `load`, it would play on. @param {HTMLMediaElement} media */
function unload(media) {
  media.removeAttribute("src");
  media.load();
}

/** Where in the song the element's zero is. */
function filmStart() {
  return plan.value?.start_secs ?? 0;
}

/** The element whose clock counts. @returns {HTMLMediaElement} */
function playing() {
  return shownFile ? video() : sound();
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
  if (media.error) media.load(); // what broke off is fetched anew
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

/** When an element has come to rest: at its end a loop begins anew, else the page rests, too. @param {HTMLMediaElement} media */
function rest(media) {
  if (media !== playing() || !media.paused) return;
  if (media.ended && isPlaying.value && loop.value) {
    setClock(media, loop.value[0]);
    media.play().catch(stop);
  } else stop();
}

/** Leads what plays back to the start of the loop once it has passed its end. */
function loopBack() {
  const media = playing();
  if (isPlaying.value && loop.value && clockOf(media) >= loop.value[1]) setClock(media, loop.value[0]);
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
  loopBack();
  if (!media.seeking) playheadSecs.value = clockOf(media);
  frame = requestAnimationFrame(tick);
}
