// What the server says, asked with the page's cookie.

/** @typedef {import("playwright-core").Page} Page */

/**
 * @param {Page} page
 * @param {string} path
 * @returns {Promise<any>} none for an empty answer
 */
export function ask(page, path) {
  return page.evaluate(async (address) => {
    const answer = await fetch(address);
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }, path);
}

/** @param {Page} page @param {string} name @returns {Promise<import("../../../src/studio/page/wire").Song>} */
export const songOf = (page, name) => ask(page, `/api/songs/${encodeURIComponent(name)}`);

/** @param {Page} page @param {string} name @returns {Promise<import("../../../src/studio/page/wire").Plan>} */
export const planOf = (page, name) => ask(page, `/api/songs/${encodeURIComponent(name)}/plan`);

/** @param {Page} page @param {string} name @returns {Promise<import("../../../src/studio/page/wire").Work | null>} */
export const workOf = (page, name) => ask(page, `/api/songs/${encodeURIComponent(name)}/work`);

/** @param {Page} page @returns {Promise<import("../../../src/studio/page/wire").State>} */
export const stateOf = (page) => ask(page, "/api/state");

/**
 * Waits until something holds, asking again and again.
 * @template T
 * @param {() => Promise<T>} look
 * @param {string} what
 * @param {number} [timeoutMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(look, what, timeoutMs = 120_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return /** @type {NonNullable<T>} */ (found);
    if (Date.now() > end) throw new Error(`after ${timeoutMs / 1000} s not yet: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Waits until the newest job of a kind is done.
 * @param {Page} page
 * @param {"film" | "preview" | "verify"} kind
 */
export async function finishedJob(page, kind) {
  const newest = async () => (await stateOf(page)).jobs.filter((one) => one.kind === kind).at(-1);
  await until(newest, `the ${kind} is in the queue`, 60_000);
  return until(async () => {
    const job = await newest();
    if (job?.phase === "failed") throw new Error(`${kind} failed: ${job.error?.message}`);
    return job?.phase === "done" ? job : null;
  }, `the ${kind} is finished`, 900_000);
}
