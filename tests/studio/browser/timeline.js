// The timeline for a mouse: where in the window a time of the song and a lane lie. The page's own modules tell.

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {"ruler" | "sections" | "wave" | "beats" | "strip" | "prompts" | "curves" | "overview"} Lane */

/**
 * A point on the timeline.
 * @param {Page} page
 * @param {Lane} lane
 * @param {number} secs
 */
export async function pointOf(page, lane, secs) {
  const box = await page.getByRole("slider", { name: "Playhead" }).boundingBox();
  if (!box) throw new Error("there is no timeline");
  const [x, y] = await page.evaluate(async ([name, at]) => {
    // The module that the page itself runs, with its state.
    const address = "/assets/js/timeline/timeline.js";
    const { scene } = await import(address);
    const { top, height } = scene.layout.byName[name];
    return [(at - scene.view.startSecs) * scene.view.pxPerSec, top + height / 2];
  }, /** @type {const} */ ([lane, secs]));
  return { x: box.x + (x ?? 0), y: box.y + (y ?? 0) };
}

/**
 * Drags from one time to another in a lane.
 * @param {Page} page
 * @param {Lane} lane
 * @param {number} from
 * @param {number} to
 */
export async function drag(page, lane, from, to) {
  const start = await pointOf(page, lane, from);
  const end = await pointOf(page, lane, to);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, end.y, { steps: 4 });
  await page.mouse.move(end.x, end.y, { steps: 4 });
  await page.mouse.up();
}

/**
 * Drops a file onto the page, as from a file manager.
 * @param {Page} page
 * @param {string} name
 * @param {Uint8Array} bytes
 */
export async function dropFile(page, name, bytes) {
  const transfer = await page.evaluateHandle(async ([fileName, base64]) => {
    const binary = atob(base64);
    const data = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([data], fileName));
    return dropped;
  }, /** @type {const} */ ([name, Buffer.from(bytes).toString("base64")]));
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}
