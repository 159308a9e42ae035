// A worker that all tabs share: it holds the one stream of events, since a browser opens only six connections to a server.

/**
 * What a tab is told: an event of the server as JSON, or whether the server answers.
 * @typedef {{ json: string } | { connection: "open" | "lost" | "stranger" }} Message
 */

const RETRY_MS = 2000;

/** Tabs that listen. @type {Set<MessagePort>} */
const tabs = new Set();
/** @type {EventSource | null} */
let source = null;

addEventListener("connect", (event) => {
  const [tab] = /** @type {MessageEvent} */ (event).ports;
  if (!tab) return;
  tab.addEventListener("message", ({ data }) => (data === "leave" ? leave(tab) : join(tab)));
  tab.start();
});

/** The stream begins anew for every tab that comes, with the whole state. @param {MessagePort} tab */
function join(tab) {
  tabs.add(tab);
  listen();
}

/** @param {MessagePort} tab */
function leave(tab) {
  tabs.delete(tab);
  if (tabs.size === 0) source?.close();
}

/** @param {Message} message */
function tell(message) {
  for (const tab of tabs) tab.postMessage(message);
}

/** Listens from now on; the browser connects again by itself. */
function listen() {
  source?.close();
  const current = new EventSource("/api/events");
  source = current;
  current.addEventListener("message", ({ data }) => tell({ json: data }));
  current.addEventListener("open", () => tell({ connection: "open" }));
  current.addEventListener("error", () => {
    tell({ connection: "lost" });
    // A refused connection is not tried again by the browser.
    if (current.readyState === EventSource.CLOSED) setTimeout(() => void listenAgain(current), RETRY_MS);
  });
}

/** Listens again once the server answers; a new one lets only those in who come by its link. @param {EventSource} lost */
async function listenAgain(lost) {
  if (lost !== source || tabs.size === 0) return;
  const answer = await fetch("/api/state").catch(() => null);
  if (answer?.status === 401) tell({ connection: "stranger" });
  if (answer?.ok) listen();
  else setTimeout(() => void listenAgain(lost), RETRY_MS);
}

export {}; // makes the file a module, for the checker of types
