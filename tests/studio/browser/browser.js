// Chromium, and what is watched while a page is open: its console, and requests that leave the machine.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Where pictures of the states go; none are taken without it. */
const shotsFolder = process.env["STUDIO_SHOTS"];

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => existsSync(file)) ?? "chromium";
// Nothing but this machine has a name: what the browser itself or a page asks for elsewhere can't be reached.
const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--autoplay-policy=no-user-gesture-required",
];

/** @typedef {{ width: number, height: number }} Size */
export const SIZES = /** @type {const} */ ({ phone: { width: 360, height: 740 }, laptop: { width: 1440, height: 900 }, "4k": { width: 3840, height: 2160 } });

export function launch() {
  return chromium.launch({ executablePath: CHROMIUM, headless: true, chromiumSandbox: false, args: ARGUMENTS });
}

/**
 * A test that leaves a picture of the page where it failed, in STUDIO_SHOTS or the folder for temporary files.
 * @param {string} name
 * @param {() => import("playwright-core").Page | undefined} page
 * @param {() => Promise<void>} act
 */
export function pageTest(name, page, act) {
  test(name, async () => {
    try {
      await act();
    } catch (error) {
      const file = path.join(shotsFolder ?? tmpdir(), `failed-${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 50)}.png`);
      await page()?.screenshot({ path: file }).then(() => console.log(`# the page: ${file}`), () => {});
      throw error;
    }
  });
}

/** What went wrong in a page while a test looked at it. */
export class Watch {
  constructor() {
    /** @type {string[]} */
    this.errors = [];
    /** @type {string[]} */
    this.foreign = [];
  }

  /** Fails if the console has errors, or a request left the machine. Takes those off that a test asked for. @param {RegExp} [expected] */
  check(expected) {
    const errors = this.errors.filter((text) => !expected?.test(text));
    assert.deepEqual(errors, [], "errors in the console");
    assert.deepEqual(this.foreign, [], "requests to other hosts");
  }

  forget() {
    this.errors = [];
  }
}

/**
 * Opens a page. Requests to other hosts are aborted and noted.
 * @param {import("playwright-core").Browser} browser
 * @param {string} link
 * @param {{ size?: Size, colours?: "dark" | "light", isRouted?: boolean }} [options] `isRouted`: false keeps the browser's cache, for measuring
 */
export async function openPage(browser, link, options = {}) {
  const { size = SIZES.laptop, colours = "dark", isRouted = true } = options;
  const context = await browser.newContext({ viewport: size, colorScheme: colours, permissions: ["clipboard-write", "clipboard-read"] });
  const watch = new Watch();
  const { origin } = new URL(link);
  const isForeign = (/** @type {URL | string} */ address) => {
    const url = new URL(address);
    return ["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.origin !== origin;
  };
  if (isRouted) await context.route((url) => isForeign(url), (route) => route.abort());
  context.on("request", (request) => isForeign(request.url()) && watch.foreign.push(request.url()));
  // Busy machines draw slowly.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && watch.errors.push(`${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => watch.errors.push(String(error)));
  await page.goto(link);
  return { page, context, watch };
}

/** What axe's rules found in the states that were looked at. @type {string[]} */
const violations = [];

/** Fails if axe-core found something in any state of this file's tests. */
export function checkAccess() {
  assert.deepEqual(violations, [], "violations that axe-core found");
}

/**
 * Collects violations of axe's rules in a state of the page.
 * @param {import("playwright-core").Page} page
 * @param {string} state
 */
async function lookForViolations(page, state) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    // @ts-expect-error axe is what was just evaluated
    const { violations: all } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return all.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.slice(0, 3).map((/** @type {any} */ node) => `${node.target.join(" ")} (${node.failureSummary})`).join("; ")}`);
  });
  violations.push(...found.map((/** @type {string} */ text) => `${state}: ${text}`));
}

/**
 * Looks at a state of the page in dark and light: with axe-core, and as pictures on phone, laptop and 4K if pictures are wanted.
 * @param {import("playwright-core").Page} page
 * @param {string} state
 */
export async function lookAt(page, state) {
  const usual = page.viewportSize() ?? SIZES.laptop;
  for (const colours of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme: colours });
    await page.waitForTimeout(250);
    // Colours that still fade would be judged half-way.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)));
    await lookForViolations(page, `${state}, ${colours}`);
    if (!shotsFolder) continue;
    mkdirSync(shotsFolder, { recursive: true });
    for (const [name, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size);
      await page.waitForTimeout(700);
      await page.screenshot({ path: path.join(shotsFolder, `${state}-${name}-${colours}.png`), fullPage: name === "phone" });
    }
    await page.setViewportSize(usual);
  }
}
