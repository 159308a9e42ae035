// How long things take. The figures are printed; only what nobody would put up with fails, since machines differ.

import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { planOf, songOf, until } from "../api.js";
import { launch, openPage } from "../browser.js";
import { HOUR_SECS, writeHour } from "../hour.js";
import { Studio, sampleSong } from "../studio.js";
import { pointOf } from "../timeline.js";

const N_EDITS = 20;
/** Goal and bound of the time from a changed prompt to its picture, in milliseconds. */
const PICTURE_MS = { goal: 1000, bound: 6000 };
/** The same of drawing the timeline while something is dragged. By the clock it also counts what else the machine does meanwhile. */
const DRAW_MS = { goal: 8, bound: 400 };
/** The same without that: time of the processor. */
const WORK_MS = { goal: 8, bound: 40 };
const COLOURS = ["violet", "teal", "orange", "golden", "crimson", "emerald", "silver", "blue", "green", "red"];

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

/** @param {number[]} values @param {number} share */
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(Math.ceil(values.length * share) - 1, values.length - 1)] ?? NaN;

/** @param {string} what @param {number[]} times @param {{ goal: number, bound: number }} wanted */
function report(what, times, { goal, bound }) {
  const p95 = quantile(times, 0.95);
  const figures = `p50 ${quantile(times, 0.5).toFixed(1)} ms, p95 ${p95.toFixed(1)} ms of ${times.length}`;
  console.log(`# ${what}: ${figures} (goal ${goal} ms${p95 < goal ? "" : ", MISSED"})`);
  assert.ok(p95 < bound, `${what}: ${figures}`);
}

test("from a changed prompt to its picture", async () => {
  const studio = new Studio();
  copyFileSync(sampleSong, studio.path("song.flac"));
  writeFileSync(studio.path("prompts.txt"), "violet smoke\nteal ocean waves\nburning orange flames\n");
  await studio.start();
  const { page, context } = await openPage(browser, studio.link, { isRouted: false });
  try {
    await page.getByRole("button", { name: "song.flac" }).click();
    await page.getByRole("slider", { name: "Playhead" }).waitFor({ timeout: 300_000 });
    await until(async () => (await planOf(page, "song.flac").catch(() => null))?.is_calibrated, "the plan is measured", 300_000);
    await page.getByRole("listbox", { name: "Prompts" }).getByRole("option").nth(1).click();
    const words = page.getByRole("textbox", { name: "Words", exact: true });
    await words.waitFor();
    // Until the strip of pictures is there, so that edits are measured as while somebody works, not while a song is opened.
    await page.waitForTimeout(4000);
    const times = [];
    for (let i = 0; i < N_EDITS; i++) {
      await words.fill(`${COLOURS[i % COLOURS.length]} ${["waves", "smoke"][Math.floor(i / COLOURS.length)]}`);
      const tookMs = await page.evaluate(() => {
        const field = /** @type {HTMLTextAreaElement} */ (document.activeElement);
        const picture = /** @type {HTMLCanvasElement} */ (document.querySelector("#picture"));
        const before = picture.dataset["drawn"];
        const began = performance.now();
        const isDrawn = new Promise((resolve) => {
          const seen = new MutationObserver(() => {
            if (picture.dataset["drawn"] === before) return;
            seen.disconnect();
            resolve(performance.now() - began);
          });
          seen.observe(picture, { attributeFilter: ["data-drawn"] });
          setTimeout(() => resolve(Infinity), 20_000);
        });
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
        return isDrawn;
      });
      times.push(Number(tookMs));
      await page.waitForTimeout(600);
    }
    report("prompt edit to picture", times, PICTURE_MS);
  } finally {
    await context.close();
    await studio.remove();
  }
});

test("dragging on a song of an hour", async () => {
  const studio = new Studio();
  writeHour(studio);
  await studio.start();
  const { page, context } = await openPage(browser, studio.link, { isRouted: false });
  try {
    await page.getByRole("button", { name: "hour.wav" }).click();
    await page.getByRole("slider", { name: "Playhead" }).waitFor({ timeout: 1_800_000 });
    const { analysis } = await songOf(page, "hour.wav");
    assert.equal(analysis?.beats.length, 10_440, "its beats");
    await page.waitForTimeout(3000);
    const whole = await pointOf(page, "wave", HOUR_SECS / 2);
    await page.mouse.move(whole.x, whole.y);
    for (const zoom of ["whole song", "8 minutes", "a minute"]) {
      const { draws, frames, work } = await dragAround(page);
      report(`drawing while dragging, ${zoom}, as the page counts`, draws, DRAW_MS);
      report(`drawing while dragging, ${zoom}, by the browser's tracing`, frames, DRAW_MS);
      if (work.length > 0) report(`drawing while dragging, ${zoom}, by the browser's tracing, time of the processor`, work, WORK_MS);
      for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -300);
      await page.waitForTimeout(1000);
    }
  } finally {
    await context.close();
    await studio.remove();
  }
});

/**
 * Drags the window along the song, and a beat. What drawing took, as the page counts it and as the browser traces it.
 * @param {import("playwright-core").Page} page
 */
async function dragAround(page) {
  await page.evaluate(async () => {
    const address = "/assets/js/timeline/timeline.js";
    (await import(address)).drawTimes.length = 0;
  });
  await browser.startTracing(page, { categories: ["devtools.timeline"] });
  const box = await page.getByRole("slider", { name: "Playhead" }).boundingBox();
  if (!box) throw new Error("there is no timeline");
  for (const [lane, button] of /** @type {const} */ ([["wave", "middle"], ["beats", "left"]])) {
    const { y } = await pointOf(page, lane, HOUR_SECS / 2);
    await page.mouse.move(box.x + 300, y);
    await page.mouse.down({ button });
    for (let i = 1; i <= 60; i++) {
      await page.mouse.move(box.x + 300 + 6 * i, y);
      await page.waitForTimeout(16);
    }
    await page.keyboard.press("Escape");
    await page.mouse.up({ button });
  }
  const trace = JSON.parse((await browser.stopTracing()).toString());
  const fired = trace.traceEvents.filter((/** @type {any} */ event) => event.name === "FireAnimationFrame" && event.ph === "X");
  const frames = fired.map((/** @type {any} */ event) => event.dur / 1000);
  const work = fired.filter((/** @type {any} */ event) => event.tdur !== undefined).map((/** @type {any} */ event) => event.tdur / 1000);
  const draws = await page.evaluate(async () => {
    const address = "/assets/js/timeline/timeline.js";
    return [...(await import(address)).drawTimes];
  });
  assert.ok(draws.length > 30 && frames.length > 30, `${draws.length} drawings, ${frames.length} frames`);
  return { draws, frames, work };
}
