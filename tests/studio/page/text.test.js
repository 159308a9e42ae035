// Texts of the panel: marks in a document, routes, styles, colours by name.

import assert from "node:assert/strict";
import test from "node:test";

import { hueOf, hueOfPixels } from "../../../src/studio/page/js/hues.js";
import { lockedParts } from "../../../src/studio/page/js/locked.js";
import { marksOf, placeIn, runsOf, shownText, unknownMarks, wordPattern } from "../../../src/studio/page/js/panel/text-marks.js";
import { seriesOf } from "../../../src/studio/page/js/timeline/series.js";
import { laneAt, layOut } from "../../../src/studio/page/js/timeline/lanes.js";

test("columns count characters, also those of two units", () => {
  const lines = ["ab", "🌊 teal wavez", "c"];
  const [start, end] = placeIn(lines, 2, 8, 5);
  assert.equal(lines.join("\n").slice(start, end), "wavez");
});

test("an error and unknown words are marked, the error on top", () => {
  const document = {
    text: "style: x\nteal wavez",
    notes: [],
    unknown_words: [{ word: "wavez", near: ["waves"], spans: [[2, 6, 5]] }],
    error: { message: "no", place: { line: 2, column: 8, n_chars: 3, excerpt: "" } },
  };
  const runs = runsOf(document.text, marksOf(document));
  assert.deepEqual(
    runs.map(({ text, kind }) => [text, kind]),
    [
      ["style: x\nteal ", "plain"],
      ["wa", "unknown"],
      ["vez", "error"],
    ],
  );
  assert.equal(runs.map(({ text }) => text).join(""), document.text);
});

test("marks lie right in a text with the line ends of Windows", () => {
  const document = {
    text: "smoke\r\nteal wavez\r\n",
    notes: [],
    unknown_words: [{ word: "wavez", near: [], spans: [[2, 6, 5]] }],
  };
  const unknown = runsOf(shownText(document), marksOf(document)).filter(({ kind }) => kind === "unknown");
  assert.deepEqual(
    unknown.map(({ text }) => text),
    ["wavez"],
  );
});

test("an unknown word is marked and replaced wherever it stands, but not within others", () => {
  const text = "Nebul, a nebula, and (nebul)";
  const marked = unknownMarks(text, ["nebul"]).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(marked, ["Nebul", "nebul"]);
  assert.equal(text.replace(wordPattern("nebul"), () => "nebula"), "nebula, a nebula, and (nebula)");
});

test("an error behind the last character still has a place", () => {
  const document = {
    text: "a",
    notes: [],
    error: { message: "no", place: { line: 1, column: 2, n_chars: 1, excerpt: "" } },
  };
  assert.equal(
    runsOf(document.text, marksOf(document))
      .map(({ text }) => text)
      .join(""),
    "a",
  );
});

test("sections of one name have one colour", () => {
  const labels = ["intro", "verse", "chorus", "verse", "chorus", "outro"];
  assert.deepEqual(
    seriesOf(
      labels.map((label) => ({ label })),
      3,
    ),
    [0, 1, 2, 1, 2, 0],
  );
});

test("every height of the timeline belongs to a lane", () => {
  const layout = layOut(1, false);
  for (let y = -5; y < layout.height + 5; y++) assert.ok(laneAt(layout, y));
  assert.equal(laneAt(layout, 0).name, "ruler");
  assert.equal(laneAt(layout, layout.height).name, "overview");
  assert.ok(layOut(1, true).height < layout.height);
});

test("a picture's hue is that of its colour, and a grey one has none", () => {
  const filled = (r, g, b) => Array.from({ length: 16 }, () => [r, g, b, 255]).flat();
  const hues = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ].map((rgb) => Math.round(hueOfPixels(filled(...rgb))));
  assert.deepEqual(hues, [29, 142, 264]); // red, green and blue of sRGB in OkLCh
  assert.equal(hueOfPixels(filled(120, 120, 120)), null);
  assert.ok(hueOf("violet smoke") >= 0 && hueOf("violet smoke") < 360);
});

test("locked parts are read as the command line reads them", () => {
  const text =
    "tempo: 120 # a comment\nbeats:\n 1.0 1\nlocked: # kept\n  0:04.5  0:12.0\n 20, 25.5 # chorus\n\nsections:\n 0 intro\n";
  assert.deepEqual(lockedParts(text), [
    [4.5, 12],
    [20, 25.5],
  ]);
  assert.deepEqual(lockedParts(""), []);
});
