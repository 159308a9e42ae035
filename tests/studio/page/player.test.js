// What plays, on stand-ins for the page's media elements: one clock counts at a time, and a loop has no end.

import assert from "node:assert/strict";
import test from "node:test";

/** As much of a media element as the player asks of one; its events come when a test says so. */
class Media extends EventTarget {
  paused = true;
  ended = false;
  seeking = false;
  error = null;
  currentTime = 0;
  attributes = new Map();

  set src(address) {
    this.attributes.set("src", address);
    this.load();
  }
  hasAttribute(name) {
    return this.attributes.has(name);
  }
  removeAttribute(name) {
    this.attributes.delete(name);
  }
  load() {
    this.paused = true;
    this.currentTime = 0;
  }
  async play() {
    this.paused = this.ended = false;
  }
  pause() {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }
  /** Plays to the end, as browsers tell it. */
  end(secs) {
    this.currentTime = secs;
    this.paused = this.ended = true;
    this.dispatchEvent(new Event("pause"));
    this.ended = this.currentTime === secs;
    this.dispatchEvent(new Event("ended"));
  }
}

globalThis.HTMLAudioElement = class extends Media {};
globalThis.HTMLVideoElement = class extends Media {};
const elements = { sound: new HTMLAudioElement(), film: new HTMLVideoElement() };
globalThis.document = { getElementById: (id) => elements[id] };
globalThis.requestAnimationFrame = () => 1;
globalThis.cancelAnimationFrame = () => {};

const player = await import("../../../src/studio/page/js/player.js");
const store = await import("../../../src/studio/page/js/store.js");
const { sound, film } = elements;
player.start();

/** Opens a song of ten seconds with a film, and plays it from the fourth second. */
async function playSong() {
  store.song.value = { name: "song.wav", phase: "ready", duration_secs: 10, film: "song.mp4" };
  store.loop.value = null;
  player.seek(4);
  await player.play();
  assert.ok(store.isPlaying.value && !sound.paused);
  sound.currentTime = 5;
}

test("the film takes the place of the sound where that was", async () => {
  await playSong();
  store.stageSource.value = "film";
  await null; // what follows from a change comes behind it
  assert.ok(sound.paused && !store.isPlaying.value);
  assert.equal(store.playheadSecs.value, 5);
  assert.equal(film.currentTime, 5);
  await player.play();
  assert.ok(sound.paused && !film.paused);
  store.stageSource.value = "picture";
  await null;
  assert.ok(film.paused && !film.hasAttribute("src"));
});

test("a song that is closed is silent", async () => {
  await playSong();
  store.song.value = null;
  assert.ok(sound.paused && !sound.hasAttribute("src") && !store.isPlaying.value);
});

test("a loop up to the song's end begins anew there", async () => {
  await playSong();
  store.loop.value = [8, 10];
  sound.end(10);
  assert.ok(store.isPlaying.value && !sound.paused);
  assert.equal(sound.currentTime, 8);
  // Also where no picture of the screen is drawn meanwhile.
  store.loop.value = [8, 9];
  sound.currentTime = 9.2;
  sound.dispatchEvent(new Event("timeupdate"));
  assert.equal(sound.currentTime, 8);
});

test("without a loop, the end is the end", async () => {
  await playSong();
  sound.end(10);
  assert.ok(!store.isPlaying.value);
  assert.equal(store.playheadSecs.value, 10);
});
