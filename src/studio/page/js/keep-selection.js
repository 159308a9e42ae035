// What is selected stays selected when beats, sections or prompts change around it, here or in another tab.

import { nearest } from "./search.js";
import { grid, plan, sections, selection } from "./store.js";

/** @typedef {import("../wire").PlannedPrompt} PlannedPrompt */

/** What prompts of older plans are in the next one; none where they are gone. @type {WeakMap<PlannedPrompt, PlannedPrompt | undefined>} */
const next = new WeakMap();

export function start() {
  let before = { prompts: plan.value?.prompts ?? [], beats: grid.value.beats, starts: startsOf(sections.value) };
  plan.watch((current) => {
    const prompts = current?.prompts ?? [];
    for (const prompt of before.prompts) next.set(prompt, prompts[samePrompt(prompt, prompts)]);
    move("prompt", (index) => samePrompt(before.prompts[index], prompts));
    before = { ...before, prompts };
  });
  grid.watch(({ beats }) => {
    const { beats: old } = before;
    move("beat", (index) => sameTime(old, beats, index));
    before = { ...before, beats };
  });
  sections.watch((current) => {
    const starts = startsOf(current);
    const { starts: old } = before;
    move("section", (index) => sameTime(old, starts, index));
    before = { ...before, starts };
  });
}

/**
 * What a prompt of an older plan is in the newest one.
 * @param {PlannedPrompt} prompt
 * @returns {PlannedPrompt | undefined} none if it was taken out
 */
export function promptNow(prompt) {
  /** @type {PlannedPrompt | undefined} */
  let now = prompt;
  while (now && next.has(now)) now = next.get(now);
  return now;
}

/** @param {readonly { start: number }[]} all */
function startsOf(all) {
  return all.map(({ start: secs }) => secs);
}

/** @param {"prompt" | "beat" | "section"} kind @param {(index: number) => number} to */
function move(kind, to) {
  const chosen = selection.value;
  if (chosen?.kind !== kind) return;
  const index = to(chosen.index);
  if (index < 0) selection.value = null;
  else if (index !== chosen.index) selection.value = { kind, index };
}

/**
 * Where a prompt is among others: the one with most in common, at least words, or place and line.
 * @param {PlannedPrompt | undefined} prompt
 * @param {readonly PlannedPrompt[]} among
 */
export function samePrompt(prompt, among) {
  let best = -1;
  let most = 0;
  among.forEach((other, index) => {
    if (!prompt) return;
    const isNear = Math.abs(other.arrival_secs - prompt.arrival_secs) < 0.01;
    // Place and line together say more than words, which another prompt may have as well.
    const score = (other.text === prompt.text ? 4 : 0) + (isNear ? 3 : 0) + (other.line === prompt.line ? 2 : 0);
    if (score > most && score >= 4) {
      most = score;
      best = index;
    }
  });
  return best;
}

/**
 * Where a time of one list is in another: at the same index while there are as many, else at the nearest time.
 * @param {ArrayLike<number>} old
 * @param {ArrayLike<number>} now
 * @param {number} index
 */
export function sameTime(old, now, index) {
  const secs = old[index];
  if (old.length === now.length || secs === undefined) return index < now.length ? index : -1;
  return nearest(now, secs);
}
