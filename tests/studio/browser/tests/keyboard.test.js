// Everything by keyboard: a song is opened, the playhead moved, a beat chosen and moved, a prompt placed, a film rendered.

import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { finishedJob, planOf, songOf, until } from "../api.js";
import { launch, openPage } from "../browser.js";
import { Studio, sampleSong } from "../studio.js";

const SONG = "song.flac";

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Studio} */
let studio;

before(async () => {
  browser = await launch();
  studio = new Studio();
  copyFileSync(sampleSong, studio.path(SONG));
  // Two seconds of film: a look, not a wait.
  writeFileSync(studio.path("song.settings.json"), JSON.stringify({ duration_secs: 2, start_secs: 4 }));
  await studio.start();
});

after(async () => {
  await browser?.close();
  await studio?.remove();
});

/** Presses Tab until something is focused. @param {import("playwright-core").Page} page @param {(element: Element) => boolean} isIt */
async function tabTo(page, isIt) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(`(${isIt})(document.activeElement)`)) return i + 1;
  }
  throw new Error("60 presses of Tab don't lead there");
}

/** Begins a prompt a bar on, and types its words. @param {import("playwright-core").Page} page @param {string} words */
async function writePrompt(page, words) {
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("n");
  await until(() => page.evaluate(() => document.activeElement?.tagName === "TEXTAREA"), "the new prompt's words have the focus");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(words);
}

test("seek, choose and move a beat, place a prompt, render", async () => {
  const { page, watch } = await openPage(browser, studio.link);
  await page.getByRole("button", { name: SONG }).waitFor();
  await tabTo(page, (element) => element.textContent?.includes("song.flac") ?? false);
  await page.keyboard.press("Enter");
  const slider = page.getByRole("slider", { name: "Playhead" });
  await slider.waitFor({ timeout: 300_000 });

  await tabTo(page, (element) => element.id === "playhead");
  await page.keyboard.press("Home");
  for (const key of ["ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"]) await page.keyboard.press(key);
  assert.match((await slider.getAttribute("aria-valuetext")) ?? "", /^bar \d+, beat 1, \d+:\d\d/);

  const before = (await songOf(page, SONG)).analysis?.beats ?? [];
  const at = Number(await slider.getAttribute("aria-valuenow"));
  await page.keyboard.press("b");
  await page.keyboard.press(".");
  const moved = await until(async () => {
    const beats = (await songOf(page, SONG)).analysis?.beats ?? [];
    const index = beats.findIndex(([secs], i) => secs !== before[i]?.[0]);
    return index >= 0 ? beats[index] : null;
  }, "a beat is moved");
  assert.ok(Math.abs((moved[0] ?? 0) - at - 0.01) < 0.006, `${moved[0]} s, chosen at ${at} s`);
  await page.keyboard.press("Control+z");
  await until(async () => (await songOf(page, SONG)).analysis?.beats.every(([secs], i) => secs === before[i]?.[0]), "the beat is back");

  await writePrompt(page, "golden wheat field");
  await page.keyboard.press("Enter");
  await until(async () => (await planOf(page, SONG)).prompts.some((prompt) => prompt.text === "golden wheat field"), "the prompt is there");
  await until(() => page.evaluate(() => document.activeElement?.tagName !== "TEXTAREA"), "the words have given up the focus");

  // From a field as well, and with what has just been typed in it.
  await writePrompt(page, "deep forest in the rain");
  await page.keyboard.press("Control+Enter");
  await finishedJob(page, "film");
  assert.ok((await planOf(page, SONG)).prompts.some((prompt) => prompt.text === "deep forest in the rain"), "the prompt is in the film");
  await page.getByText(/^The film is finished/).first().waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  watch.check();
});
