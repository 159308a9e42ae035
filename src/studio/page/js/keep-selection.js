// What is selected stays selected when beats, sections or prompts change around it, here or in another tab.

import { nearest } from "./search.js";
import { grid, plan, sections, selection } from "./store.js";

/** @typedef {import("../wire").PlannedPrompt} PlannedPrompt */

export function start() {
  let before = { prompts: plan.value?.prompts ?? [], beats: grid.value.beats, starts: startsOf(sections.value) };
  plan.watch((current) => {
    const prompts = current?.prompts ?? [];
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
    const score = (other.text === prompt.text ? 4 : 0) + (isNear ? 2 : 0) + (other.line === prompt.line ? 1 : 0);
    if (score > most && score >= 3) {
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
