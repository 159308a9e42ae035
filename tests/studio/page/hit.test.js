// What lies under the pointer, and where dragged things are drawn.

import assert from "node:assert/strict";
import test from "node:test";

import { gridOf } from "../../../src/studio/page/js/grid.js";
import { hitAt } from "../../../src/studio/page/js/timeline/hit.js";
import { layOut } from "../../../src/studio/page/js/timeline/lanes.js";
import { arrivalSecs, beatSecs, sectionStart } from "../../../src/studio/page/js/timeline/scene.js";

/** A song of 60 s at 10 pixels a second: a beat a second, three sections, two prompts. */
function scene() {
  const beats = Array.from({ length: 60 }, (_, i) => [i, (i % 4) + 1]);
  const section = (start, end, label) => ({ start, end, label, energy: 0.5 });
  return {
    width: 600,
    scale: 1,
    view: { startSecs: 0, pxPerSec: 10 },
    durationSecs: 60,
    layout: layOut(1, false),
    grid: gridOf(beats, 1),
    sections: [section(0, 20, "intro"), section(20, 40, "verse"), section(40, 60, "outro")],
    arrivals: Float64Array.of(8, 30),
    loop: [10, 14],
    pending: null,
  };
}

const middle = (song, lane) => song.layout.byName[lane].top + song.layout.byName[lane].height / 2;
const hit = (song, lane, x, isTouch = false) => hitAt(song, x, middle(song, lane), isTouch);

test("borders are hit near them, sections elsewhere, and the song's start is no border", () => {
  const song = scene();
  assert.deepEqual(hit(song, "sections", 203), { kind: "border", index: 1 });
  assert.deepEqual(hit(song, "sections", 300), { kind: "section", index: 1 });
  assert.deepEqual(hit(song, "sections", 1), { kind: "section", index: 0 });
  assert.deepEqual(hit(song, "sections", 590), { kind: "section", index: 2 });
});

test("a beat is hit near its line; fingers reach further", () => {
  const song = { ...scene(), view: { startSecs: 0, pxPerSec: 100 } };
  assert.deepEqual(hit(song, "beats", 104), { kind: "beat", index: 1 });
  assert.deepEqual(hit(song, "beats", 112), { kind: "beats", index: 0 });
  assert.deepEqual(hit(song, "beats", 112, true), { kind: "beat", index: 1 });
});

test("a prompt is hit from its pin on, and nothing before the first", () => {
  const song = scene();
  assert.deepEqual(hit(song, "prompts", 40), { kind: "prompts", index: 0 });
  assert.deepEqual(hit(song, "prompts", 78), { kind: "prompt", index: 0 });
  assert.deepEqual(hit(song, "prompts", 299), { kind: "prompt", index: 1 });
  assert.deepEqual(hit(song, "prompts", 290), { kind: "prompt", index: 0 });
});

test("the loop's ends are hit on the ruler", () => {
  const song = scene();
  assert.deepEqual(hit(song, "ruler", 138), { kind: "loop", index: 1 });
  assert.deepEqual(hit(song, "ruler", 200), { kind: "ruler", index: 0 });
});

test("what is dragged is drawn where it is dragged, alone or with all behind it", () => {
  const song = scene();
  song.pending = { kind: "beat", index: 4, secs: 4.3, snap: "time" };
  assert.deepEqual([3, 4, 5].map((i) => beatSecs(song, i)), [3, 4.3, 5]);
  song.pending = { kind: "beats", index: 4, secs: 4.5, snap: "time" };
  assert.deepEqual([3, 4, 5].map((i) => beatSecs(song, i)), [3, 4.5, 5.5]);
  song.pending = { kind: "border", index: 2, secs: 44, snap: "bar" };
  assert.deepEqual([1, 2, 3].map((i) => sectionStart(song, i)), [20, 44, 60]);
  song.pending = { kind: "prompt", index: 1, secs: 33, snap: "bar" };
  assert.deepEqual([0, 1, 2].map((i) => arrivalSecs(song, i)), [8, 33, 60]);
});
