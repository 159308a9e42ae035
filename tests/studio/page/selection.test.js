// What is selected stays selected when the rest changes.

import assert from "node:assert/strict";
import test from "node:test";

import { lineNow } from "../../../src/studio/page/js/prompt-line.js";
import { promptNow, samePrompt, sameTime, start } from "../../../src/studio/page/js/keep-selection.js";
import { plan } from "../../../src/studio/page/js/store.js";

const prompt = (line, text, arrival_secs) => ({ line, text, arrival_secs, mark: "bar" });

test("a prompt is found by its words when it has moved past another", () => {
  const moved = [prompt(1, "smoke", 0), prompt(2, "waves", 8), prompt(3, "flames", 9)];
  assert.equal(samePrompt(prompt(2, "flames", 4), moved), 2);
});

test("a prompt with other words is found by its place", () => {
  const edited = [prompt(1, "smoke", 0), prompt(2, "blue flames", 4), prompt(3, "waves", 8)];
  assert.equal(samePrompt(prompt(2, "flames", 4), edited), 1);
});

test("of two with the same words, the one at the same time is meant", () => {
  const twice = [prompt(1, "smoke", 0), prompt(2, "smoke", 4), prompt(3, "smoke", 8)];
  assert.equal(samePrompt(prompt(1, "smoke", 4), twice), 1);
});

test("a prompt that is gone is not found", () => {
  assert.equal(samePrompt(prompt(2, "flames", 4), [prompt(1, "smoke", 0), prompt(2, "waves", 8)]), -1);
  assert.equal(samePrompt(undefined, []), -1);
});

test("a prompt is followed from plan to plan, also past one with its words", () => {
  const [first, twin] = [prompt(1, "nebula", 0), prompt(3, "nebula", 8)];
  start();
  plan.value = { prompts: [first, prompt(2, "smoke", 4), twin] };
  plan.value = { prompts: [prompt(1, "nebul", 0), prompt(2, "smoke", 4), prompt(3, "nebula", 8)] };
  plan.value = { prompts: [prompt(1, "smoke", 4), prompt(2, "nebul", 6), prompt(3, "nebula", 8)] };
  assert.deepEqual(promptNow(first), prompt(2, "nebul", 6));
  assert.deepEqual(promptNow(twin), prompt(3, "nebula", 8));
  plan.value = { prompts: [prompt(1, "smoke", 4), prompt(2, "nebula", 8)] };
  assert.equal(promptNow(first), undefined);
  assert.deepEqual(promptNow(twin), prompt(2, "nebula", 8));
});

test("beats keep their index while there are as many, else their time", () => {
  assert.equal(sameTime([1, 2, 3], [1, 2.1, 3], 1), 1);
  assert.equal(sameTime([1, 2, 3, 4], [1, 3], 2), 1);
  assert.equal(sameTime([1], [], 0), -1);
});

test("a prompt's line is found in a newer text", () => {
  const text = "# note\nsmoke\n@bar 2 wheat\n@bar 3 flames {seed=1}\nwaves";
  assert.equal(lineNow(text, { line: 3, text: "flames" }), 4);
  assert.equal(lineNow(text, { line: 5, text: "waves" }), 5);
  assert.equal(lineNow(text, { line: 4, text: "words that were replaced" }), 4);
});
