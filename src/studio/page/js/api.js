// Every request to the server, and its errors as the server words them.

/** @typedef {import("../wire").Song} Song */
/** @typedef {import("../wire").Document} Document */
/** @typedef {import("../wire").Plan} Plan */
/** @typedef {import("../wire").Job} Job */
/** @typedef {import("../wire").Work} Work */
/** @typedef {import("../wire").BeatsEdit} BeatsEdit */
/** @typedef {import("../wire").PromptsEdit} PromptsEdit */

/** What went wrong, and what to do about it. */
export class ApiError extends Error {
  /**
   * @param {number} status of the answer; 0 if there was none
   * @param {string} message
   * @param {string | null} hint
   * @param {any} body of the answer
   */
  constructor(status, message, hint, body) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.body = body;
  }
}

/** @param {unknown} error whether a request was replaced by a newer one, which is no fault */
export function isReplaced(error) {
  return (
    (error instanceof DOMException && error.name === "AbortError") ||
    (error instanceof ApiError && error.status === 499)
  );
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function request(path, options) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (isReplaced(error)) throw error;
    throw new ApiError(
      0,
      "the studio doesn't answer",
      "is `visualize studio` still running? Start it again and reload this page",
      null,
    );
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  const told = body?.error;
  throw new ApiError(answer.status, told?.message ?? `the studio answered ${answer.status}`, told?.hint ?? null, body);
}

/** Longest text that is sent to its end while the page is left; browsers hold 64 kB in all. */
const MAX_LAST_WORDS = 20_000;

/** @param {string} song */
const songPath = (song) => `/api/songs/${encodeURIComponent(song)}`;

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function send(method, path, body) {
  const headers = { "content-type": "application/json" };
  const text = JSON.stringify(body ?? {});
  const keepalive = text.length < MAX_LAST_WORDS;
  const answer = await request(path, { method, headers, body: text, keepalive });
  return answer.status === 204 ? null : answer.json();
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
const get = async (path, signal) => {
  const answer = await request(path, { signal: signal ?? null });
  return answer.status === 204 ? null : answer.json();
};
/** @param {string} path */
const bytes = async (path) => (await request(path)).arrayBuffer();

export const api = {
  /** @param {string} song @returns {Promise<Song>} */
  song: (song) => get(songPath(song)),
  /** @param {string} song */
  peaks: (song) => bytes(`${songPath(song)}/peaks`),
  /** @param {string} song */
  hops: (song) => bytes(`${songPath(song)}/hops`),
  /** @param {string} song */
  soundAddress: (song) => `${songPath(song)}/sound`,
  /** @param {string} song @param {AbortSignal} [signal] @returns {Promise<Plan>} */
  plan: (song, signal) => get(`${songPath(song)}/plan`, signal),
  /** @param {string} song @returns {Promise<{command: string}>} */
  command: (song) => get(`${songPath(song)}/command`),
  /** @param {string} song @returns {Promise<Work>} */
  work: (song) => get(`${songPath(song)}/work`),
  /**
   * The film's frame at a time. Requests of one slot replace each other.
   * @param {string} song @param {number} secs @param {string} slot @param {number} revision @param {AbortSignal} signal
   */
  picture: async (song, secs, slot, revision, signal) => {
    const query = new URLSearchParams({ at: secs.toFixed(4), slot, rev: String(revision) });
    return (await request(`${songPath(song)}/picture?${query}`, { signal })).blob();
  },
  /**
   * @param {string} song
   * @param {"beats" | "prompts"} document
   * @param {string} base
   * @param {BeatsEdit | PromptsEdit} edit
   * @returns {Promise<Document>}
   */
  edit: (song, document, base, edit) => send("POST", `${songPath(song)}/${document}`, { base, edit }),
  /** @param {string} song @param {string} base @param {object} settings @returns {Promise<Document>} */
  settings: (song, base, settings) => send("PUT", `${songPath(song)}/settings`, { base, settings }),
  /** @param {string} song @param {"undo" | "redo"} step @returns {Promise<Document>} */
  step: (song, step) => send("POST", `${songPath(song)}/${step}`),
  /** @param {string} song @param {"film" | "preview" | "verify"} kind @returns {Promise<Job>} */
  startJob: (song, kind) => send("POST", "/api/jobs", { song, kind }),
  /** @param {number | string} id @param {"pause" | "continue" | "cancel"} step */
  jobStep: (id, step) => send("POST", `/api/jobs/${id}/${step}`),
  /** Puts the program's own sample song into the folder. @returns {Promise<Song>} */
  sample: () => send("POST", "/api/sample"),
  /** @param {string} file */
  filmAddress: (file) => `/api/films/${encodeURIComponent(file)}`,
  /** What was measured in a film; none while it isn't measured. @param {string} file @returns {Promise<any>} */
  verdicts: (file) => get(`/api/films/${encodeURIComponent(file)}/verify`),
  /** @param {string} file */
  fileAddress: (file) => `/api/files/${encodeURIComponent(file)}`,
};

/**
 * Sends a song's file, telling how far it is. `XMLHttpRequest`, since `fetch` doesn't tell.
 * @param {File} file
 * @param {(share: number) => void} progress 0 to 1
 * @returns {Promise<void>}
 */
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("PUT", songPath(file.name));
    sending.upload.addEventListener("progress", (event) => progress(event.total ? event.loaded / event.total : 0));
    sending.addEventListener("load", () => (sending.status < 300 ? resolve() : reject(errorOf(sending))));
    sending.addEventListener("error", () =>
      reject(new ApiError(0, `${file.name} could not be sent`, "is `visualize studio` still running?", null)),
    );
    sending.send(file);
  });
}

/** @param {XMLHttpRequest} answer */
function errorOf(answer) {
  let told = null;
  try {
    told = JSON.parse(answer.responseText).error;
  } catch {
    // No JSON: the status has to do.
  }
  return new ApiError(answer.status, told?.message ?? `the studio answered ${answer.status}`, told?.hint ?? null, told);
}
