// The whole way of a musician: a song is dropped, what was heard is corrected, prompts are placed, a film is rendered and played, one
// prompt is changed. In the end, the command line makes the same film.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ask, finishedJob, planOf, songOf, stateOf, until, workOf } from "../api.js";
import { checkAccess, launch, lookAt, openPage, pageTest } from "../browser.js";
import { Studio, asCommandLine, program, sampleSong } from "../studio.js";
import { drag, dropFile, pointOf } from "../timeline.js";

/** @typedef {import("playwright-core").Page} Page */

const SONG = "song.flac";
const PROMPTS = "# as sung\nstyle: dreamy\n\nviolet smoke\n[0:05] teal ocean waves\n[0:07] burning orange flames\n[0:09.5] forest\n";
/** Start and length of the film in seconds: four chunks of two seconds. The first ends before the way to the prompt before the last
 * begins; ways that meet share their noise, so that a change of the last prompt reaches one way further back. */
const FILM = { start: 2, secs: 8 };

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Studio} */
let studio;
/** @type {Page} */
let page;
/** @type {import("../browser.js").Watch} */
let watch;

before(async () => {
  browser = await launch();
  studio = await new Studio().start();
  ({ page, watch } = await openPage(browser, studio.link));
});

after(async () => {
  await browser?.close();
  await studio?.remove();
});

/** @param {string} name */
const tab = (name) => page.getByRole("tab", { name }).click();

pageTest("the first page shows how to begin", () => page, async () => {
  await page.getByRole("heading", { name: "Drop a song here" }).waitFor();
  await page.getByRole("button", { name: "Begin with the sample" }).waitFor();
  await lookAt(page, "empty");
  watch.check();
});

pageTest("a dropped song is heard: its beats, sections and tempo are there", () => page, async () => {
  await dropFile(page, SONG, readFileSync(sampleSong));
  await page.getByRole("slider", { name: "Playhead" }).waitFor({ timeout: 120_000 });
  assert.deepEqual(studio.bytes(SONG), readFileSync(sampleSong), "the file is in the folder as it was");
  const song = await songOf(page, SONG);
  assert.ok(song.analysis && song.analysis.beats.length > 40, "beats");
  await page.getByText(/\d+[.]\d bpm/).first().waitFor();
  await tab("Song");
  const first = page.getByRole("listbox", { name: "Beats" }).getByRole("option").first();
  assert.equal(await first.getAttribute("aria-setsize"), String(song.analysis.beats.length));
  await until(async () => (await planOf(page, SONG).catch(() => null))?.is_calibrated, "the plan is measured", 300_000);
  await lookAt(page, "analysed");
  watch.check();
});

pageTest("a downbeat and the tempo are corrected, and taken back", () => page, async () => {
  const heard = (await songOf(page, SONG)).analysis?.beats ?? [];
  const options = page.getByRole("listbox", { name: "Beats" }).getByRole("option");
  const positions = async () => (await songOf(page, SONG)).analysis?.beats.map(([, position]) => position) ?? [];
  const wanted = heard.findIndex(([, position], index) => index > 4 && position === 2);
  await page.getByRole("listbox", { name: "Beats" }).focus();
  await options.nth(1).click();
  for (let index = 1; index < wanted; index++) await page.keyboard.press("ArrowDown");
  await page.getByRole("button", { name: "Bar starts here" }).click();
  await until(async () => (await positions())[wanted] === 1, "the beat is a downbeat");
  assert.match(studio.text(`${SONG}.fix.txt`), /^beats:$/m);
  await page.getByRole("button", { name: "÷ 2" }).click();
  await until(async () => Math.abs((await positions()).length - heard.length / 2) <= 1, "half the beats");
  const tempo = await page.getByText(/\d+[.]\d bpm/).first().textContent();
  await page.getByRole("button", { name: /^Undo/ }).click();
  await until(async () => (await positions()).length === heard.length, "all beats are back");
  await until(async () => (await page.getByText(/\d+[.]\d bpm/).first().textContent()) !== tempo, "the tempo is shown");
  assert.equal((await positions())[wanted], 1, "the downbeat stays");
  // Bars of three beats from the chosen beat's bar on; those before it stay.
  const before = await positions();
  const bar = before.findIndex((position, index) => position === 1 && index > 12);
  const place = await pointOf(page, "beats", heard[bar]?.[0] ?? 0);
  await page.mouse.click(place.x, place.y);
  await page.getByRole("combobox", { name: "Where this bar holds" }).selectOption("from here");
  await page.getByRole("combobox", { name: "Beats a bar" }).selectOption("3");
  const threes = before.map((position, index) => (index < bar ? position : ((index - bar) % 3) + 1));
  await until(async () => (await positions()).join() === threes.join(), "bars of three beats");
  await lookAt(page, "corrected");
  await page.getByRole("button", { name: /^Undo/ }).click();
  await until(async () => (await positions()).join() === before.join(), "bars as they were");
  // A beat is dragged.
  const [secs = 0] = heard[8] ?? [];
  await drag(page, "beats", secs, secs + 0.15);
  await until(async () => Math.abs(((await songOf(page, SONG)).analysis?.beats[8]?.[0] ?? 0) - secs - 0.15) < 0.03, "the beat is moved");
  watch.check();
});

pageTest("prompts are written, added and dragged; the file keeps its comments", () => page, async () => {
  await tab("Prompts");
  await page.getByRole("button", { name: "Text", exact: true }).click();
  await page.getByRole("textbox", { name: "Prompts file" }).fill(PROMPTS);
  await until(async () => (await planOf(page, SONG).catch(() => null))?.prompts.length === 4, "four prompts");
  assert.equal(studio.text("prompts.txt"), PROMPTS);
  await page.getByRole("button", { name: "List", exact: true }).click();
  // A double click on the pictures adds one, and leads to its words.
  const place = await pointOf(page, "strip", 23);
  await page.mouse.dblclick(place.x, place.y);
  const words = page.getByRole("textbox", { name: "Words of the new prompt" });
  await words.fill("stars over calm water");
  await words.press("Enter");
  await until(async () => (await planOf(page, SONG)).prompts.length === 5, "a fifth prompt");
  assert.match(studio.text("prompts.txt"), /stars over calm water/, "it is in the file");
  // Dragged onto a bar, it says so.
  const { analysis } = await songOf(page, SONG);
  const bars = (analysis?.beats ?? []).filter(([, position]) => position === 1).map(([at]) => at);
  const added = (await planOf(page, SONG)).prompts.find((prompt) => prompt.text.includes("stars"));
  const sections = (analysis?.sections ?? []).map((section) => section.start);
  const bar = bars.findIndex((at) => at > 13 && sections.every((start) => Math.abs(start - at) > 1));
  await drag(page, "prompts", (added?.arrival_secs ?? 0) + 0.2, (bars[bar] ?? 0) + 0.2);
  await until(async () => studio.text("prompts.txt").includes(`@bar ${bar + 1} stars over calm water`), `it stands at bar ${bar + 1}`);
  assert.ok(studio.text("prompts.txt").startsWith("# as sung\nstyle: dreamy\n"), "comments and style stay");
  const order = (await planOf(page, SONG)).prompts.map((prompt) => prompt.arrival_secs);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  await lookAt(page, "prompts");
  watch.check();
});

pageTest("a picture of any place is drawn", () => page, async () => {
  await page.getByRole("slider", { name: "Playhead" }).focus();
  await page.keyboard.press("Home");
  const picture = page.getByRole("img", { name: "Picture of the film" });
  await until(() => picture.getAttribute("data-drawn"), "a picture");
  const nColours = await picture.evaluate((canvas) => {
    const context = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d");
    const { data } = /** @type {ImageData} */ (context?.getImageData(0, 0, 64, 64));
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(nColours > 100, `${nColours} colours`);
});

pageTest("a preview plays", () => page, async () => {
  await tab("Film");
  await page.getByRole("button", { name: "Preview", exact: true }).last().click();
  await finishedJob(page, "preview");
  const shown = page.getByRole("group", { name: "What the screen shows" }).getByRole("button", { name: "Preview" });
  await until(async () => (await shown.getAttribute("aria-pressed")) === "true", "the preview is on the screen");
  watch.check();
});

pageTest("a short film is rendered, and plays to its end", () => page, async () => {
  await tab("Motion");
  await drag(page, "wave", FILM.start, FILM.start + FILM.secs);
  await page.getByRole("button", { name: "Marked part only" }).click();
  await until(async () => {
    const plan = await planOf(page, SONG);
    return plan.is_calibrated && Math.abs(plan.duration_secs - FILM.secs) < 1;
  }, "the plan is of the part", 300_000);
  // Without the loop, since the film shall end.
  await page.getByRole("button", { name: /^Loop/ }).click();
  await tab("Film");
  await page.getByRole("button", { name: "Render", exact: true }).click();
  await page.getByText(/Film of song.flac: draws/).first().waitFor({ timeout: 300_000 });
  await lookAt(page, "rendering");
  const job = await finishedJob(page, "film");
  assert.ok(studio.has(job.file ?? "nothing"), "the film is in the folder");
  // A message for some seconds, and the words above the bar.
  await page.getByText(/^The film is finished/).first().waitFor();
  await page.keyboard.press("Escape");
  const film = page.locator("#film");
  await until(() => film.evaluate((video) => /** @type {HTMLVideoElement} */ (video).readyState >= 3), "the film is loaded");
  const plan = await planOf(page, SONG);
  const duration = await film.evaluate((video) => /** @type {HTMLVideoElement} */ (video).duration);
  assert.ok(Math.abs(duration - plan.duration_secs) < 0.1, `${duration} s, planned ${plan.duration_secs} s`);
  await page.getByRole("slider", { name: "Playhead" }).focus();
  await film.evaluate((video) => (/** @type {HTMLVideoElement} */ (video).currentTime = 0));
  await page.getByRole("button", { name: /^Play/ }).click();
  await until(() => film.evaluate((video) => /** @type {HTMLVideoElement} */ (video).ended), "the film has played to its end", 1000 * (duration + 60));
  watch.check();
});

pageTest("changing one prompt leaves finished chunks as they are", () => page, async () => {
  const before = await until(() => workOf(page, SONG), "what the film costs");
  assert.equal(before.n_chunks_to_draw, 0, "all is drawn");
  await tab("Prompts");
  // The last prompt that the film shows.
  const plan = await planOf(page, SONG);
  const end = plan.start_secs + plan.duration_secs;
  const index = plan.prompts.findLastIndex((prompt) => prompt.arrival_secs < end);
  await page.getByRole("listbox", { name: "Prompts" }).getByRole("option").nth(index).click();
  const words = page.getByRole("textbox", { name: "Words", exact: true });
  await words.fill("golden wheat field");
  await words.press("Enter");
  await tab("Film");
  const after = await until(async () => {
    const work = await workOf(page, SONG);
    return work && work.is_calibrated && work.plan_revision > before.plan_revision && work.n_chunks_to_draw > 0 ? work : null;
  }, "what the change costs", 300_000);
  assert.ok(after.n_chunks_to_draw < after.n_chunks, `${after.n_chunks_to_draw} of ${after.n_chunks} chunks`);
  await page.getByText(`${after.n_chunks_to_draw} of ${after.n_chunks} chunks`).first().waitFor();
  await page.getByRole("button", { name: "Render", exact: true }).click();
  await until(async () => (await stateOf(page)).jobs.filter((job) => job.kind === "film").length === 2, "a second film");
  await finishedJob(page, "film");
  watch.check();
});

pageTest("the film is measured, and the proof stands beside it", () => page, async () => {
  await page.getByRole("button", { name: "Measure the film" }).click();
  await finishedJob(page, "verify");
  await page.getByText(/measures (is|are) poor|measures are good/).waitFor();
  await page.getByRole("img", { name: /as visualize verify draws it/ }).waitFor();
  await lookAt(page, "done");
  watch.check();
});

pageTest("the command line makes the same film, byte for byte", () => page, async () => {
  const { command } = await ask(page, `/api/songs/${SONG}/command`);
  assert.match(command, /^visualize song[.]flac --prompts prompts[.]txt/);
  const film = (await songOf(page, SONG)).film ?? "";
  const copy = await asCommandLine(studio, command);
  try {
    assert.ok(copy.bytes(film).equals(studio.bytes(film)), `${program}: ${command}`);
  } finally {
    await copy.remove();
  }
});

test("axe-core finds nothing in any of these states", checkAccess);
