// The page's pure parts: views, grids, snapping, taps, times. Run by `node --test tests/studio/page`.

import assert from "node:assert/strict";
import test from "node:test";

import { barBeat, barLength, gridOf, neighbour, placeInWords } from "../../../src/studio/page/js/grid.js";
import { lastAtMost, lowerBound, nearest } from "../../../src/studio/page/js/search.js";
import { snapped } from "../../../src/studio/page/js/snap.js";
import { fromTheMiddle, stripRange, stripStep, stripTime } from "../../../src/studio/page/js/strip-times.js";
import { Taps, tempoOf } from "../../../src/studio/page/js/tap.js";
import { clock, duration, fileSize, parseClock, roundStep } from "../../../src/studio/page/js/time.js";
import {
  clamped,
  fitted,
  following,
  panned,
  secsAt,
  wholeSong,
  xOf,
  zoomed,
} from "../../../src/studio/page/js/view.js";

const near = (actual, wanted, by = 1e-9) => assert.ok(Math.abs(actual - wanted) <= by, `${actual} is not ${wanted}`);

test("binary search finds the edges", () => {
  const times = [1, 2, 2, 5];
  assert.deepEqual(
    [0, 1, 2, 3, 5, 6].map((x) => lowerBound(times, x)),
    [0, 0, 1, 3, 3, 4],
  );
  assert.deepEqual(
    [0, 1, 2, 3, 5, 6].map((x) => lastAtMost(times, x)),
    [-1, 0, 2, 2, 3, 3],
  );
  assert.deepEqual(
    [0, 1.4, 1.6, 3.4, 3.6, 9].map((x) => nearest(times, x)),
    [0, 0, 1, 2, 3, 3],
  );
  assert.equal(nearest([], 1), -1);
});

test("a whole song fits between its margins", () => {
  const view = wholeSong(100, 1032);
  near(xOf(view, 0), 16);
  near(xOf(view, 100), 1016);
});

test("zooming keeps what is under the pointer", () => {
  const view = { startSecs: 10, pxPerSec: 20 };
  for (const x of [0, 123, 800]) near(secsAt(zoomed(view, 3.7, x), x), secsAt(view, x));
});

test("a view never leaves the song", () => {
  const width = 800;
  for (const startSecs of [-50, 0, 40, 99, 500]) {
    for (const pxPerSec of [0.1, 8, 50, 1e9]) {
      const view = clamped({ startSecs, pxPerSec }, 100, width);
      assert.ok(xOf(view, 0) <= 16 + 1e-6 && xOf(view, 100) >= width - 16 - 1e-6, `${startSecs} ${pxPerSec}`);
      assert.ok(Number.isFinite(view.startSecs));
    }
  }
  assert.deepEqual(clamped({ startSecs: 5, pxPerSec: 0 }, 100, width), wholeSong(100, width));
});

test("panning moves by pixels, following turns the page", () => {
  const view = { startSecs: 0, pxPerSec: 10 };
  near(panned(view, 50).startSecs, 5);
  assert.equal(following(view, 50, 1000), view);
  const turned = following(view, 95, 1000);
  near(xOf(turned, 95), 100);
});

test("a part is fitted with room at both sides", () => {
  const view = fitted(20, 30, 1000);
  near(xOf(view, 20), 60);
  near(xOf(view, 30), 940);
});

test("bars count from the first whole one, over a pick-up", () => {
  const grid = gridOf(
    [
      [0.5, 4],
      [1, 1],
      [1.5, 2],
      [2, 3],
      [2.5, 4],
      [3, 1],
    ],
    1,
  );
  assert.deepEqual([...grid.barOf], [0, 1, 1, 1, 1, 2]);
  assert.deepEqual([...grid.bars], [1, 3]);
  assert.deepEqual(grid.barLabels, ["1", "2"]);
  assert.equal(barBeat(grid, 0.2), null);
  assert.equal(barBeat(grid, 2.1), "1.3");
  assert.equal(barLength(grid, 2), 4, "the bar that holds a beat");
  assert.equal(barLength(grid, grid.beats.length - 1), null, "the last bar's end isn't known");
  assert.equal(placeInWords(grid, 3), "bar 2, beat 1, 0:03.0");
  assert.equal(neighbour(grid, 1, 1), 1.5);
  assert.equal(neighbour(grid, 1, -1), 0.5);
  assert.equal(neighbour(grid, 0.4, -1), 0);
  assert.equal(neighbour(grid, 3, 1), null);
  assert.equal(neighbour(grid, 1.2, 1, grid.bars), 3);
});

test("sections win over bars, bars over beats, and what is far stays free", () => {
  const targets = { sections: [4.05], bars: [4, 6], beats: [4, 4.5, 5, 5.5, 6] };
  assert.deepEqual(snapped(4.02, 100, targets), { secs: 4.05, kind: "section" });
  assert.deepEqual(snapped(5.95, 100, targets), { secs: 6, kind: "bar" });
  assert.deepEqual(snapped(4.52, 100, targets), { secs: 4.5, kind: "time" });
  assert.deepEqual(snapped(5.25, 100, targets), { secs: 5.25, kind: "time" });
  assert.deepEqual(snapped(5.25, 100, {}), { secs: 5.25, kind: "time" });
});

test("one late tap hardly changes the tempo", () => {
  const times = Array.from({ length: 12 }, (_, i) => 3 + i * 0.5);
  near(tempoOf(times).bpm, 120, 1e-6);
  near(tempoOf(times).anchorSecs, 3, 1e-6);
  times[5] += 0.05;
  near(tempoOf(times).bpm, 120, 0.3);
  assert.equal(tempoOf([1, 2, 3]), null);
});

test("a pause or a step back begins a new count", () => {
  const taps = new Taps();
  for (const secs of [1, 1.5, 2, 2.5]) taps.add(secs);
  assert.ok(taps.tempo());
  taps.add(9);
  assert.equal(taps.tempo(), null);
  taps.add(3);
  assert.deepEqual(taps.times, [3]);
});

test("times are written and read", () => {
  assert.deepEqual(
    [0, 59.96, 83.5, 3600].map((secs) => clock(secs)),
    ["0:00.0", "1:00.0", "1:23.5", "1:00:00.0"],
  );
  assert.equal(clock(83.456, 3), "1:23.456");
  assert.equal(clock(83.4, 0), "1:23");
  assert.deepEqual(["83.5", "1:23.5", "1:02:00", " 7 "].map(parseClock), [83.5, 83.5, 3720, 7]);
  assert.deepEqual(["", "x", "1:2:3:4", "-1", "1:x"].map(parseClock), [null, null, null, null, null]);
  assert.deepEqual([0.3, 40, 200, 4800].map(duration), ["a second", "40 s", "3 min", "80 min"]);
  assert.equal(duration(6000), "1 h 40 min");
  assert.deepEqual([300, 2.3e6, 3.4e8, 1.2e9].map(fileSize), ["1 kB", "2.3 MB", "340 MB", "1.2 GB"]);
  assert.deepEqual([0.0004, 0.3, 7, 1e9].map(roundStep), [0.001, 0.5, 10, 3600]);
});

test("a filmstrip's pictures stay where they are when the view moves, and every second one when it zooms", () => {
  const step = stripStep(40, 60);
  assert.ok(step * 40 >= 60 && step * 40 < 120);
  assert.equal(stripStep(80, 60), step / 2);
  const all = (stepSecs, from, to) => {
    const [first, last] = stripRange(from, to, stepSecs, 0, 100);
    return new Set(fromTheMiddle(first, last, stepSecs, 0, 100));
  };
  const coarse = all(step, 10, 30);
  const moved = all(step, 10.3, 30.3);
  assert.ok([...coarse].filter((secs) => moved.has(secs)).length >= coarse.size - 1);
  const fine = all(step / 2, 10, 30);
  assert.ok([...coarse].every((secs) => fine.has(secs)));
});

test("strip pictures lie in the film, nearest to the middle first", () => {
  const [first, last] = stripRange(-5, 200, 2, 3, 11);
  const times = fromTheMiddle(first, last, 2, 3, 11);
  assert.ok(times.every((secs) => secs >= 3 && secs < 11));
  assert.equal(times.length, last - first + 1);
  assert.equal(times[0], stripTime(Math.round((first + last) / 2), 2, 3, 11));
  const [from, to] = stripRange(50, 60, 2, 3, 11);
  assert.ok(to < from);
});
