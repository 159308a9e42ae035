// Changes of a song's texts: one after the other, each from the text that the one before it left.

import { api, ApiError } from "./api.js";
import { takeDocument } from "./events.js";
import { promptNow } from "./keep-selection.js";
import { tell, tellError } from "./notices.js";
import { lineNow } from "./prompt-line.js";
import { nextChange } from "./signal.js";
import { grid, plan, song } from "./store.js";

/** @typedef {import("../wire").Document} Document */
/** @typedef {import("../wire").BeatsEdit} BeatsEdit */
/** @typedef {import("../wire").PromptsEdit} PromptsEdit */
/** @typedef {import("../wire").PlannedPrompt} PlannedPrompt */
/** @typedef {{ isMade: boolean, error?: unknown }} Outcome without an error where the song was closed before */

/** The end of the queue of changes. @type {Promise<unknown>} */
let last = Promise.resolve();

/** Waits until all changes are made that were asked for. */
export async function changesMade() {
  await last;
}

/**
 * Carries out a change when those before it are done.
 * @param {(name: string) => Promise<Document>} change
 * @returns {Promise<Outcome>}
 */
function inTurn(change) {
  const name = song.value?.name;
  const done = last.then(async () => {
    if (!name || song.value?.name !== name) return { isMade: false };
    try {
      takeDocument(await change(name));
      return { isMade: true };
    } catch (error) {
      const newer = newerDocument(error);
      if (newer) takeDocument(newer);
      return { isMade: false, error };
    }
  });
  last = done;
  return done;
}

/** The document as it is by now, where a change began from another one. @param {unknown} error @returns {Document | null} */
export function newerDocument(error) {
  return error instanceof ApiError && error.status === 409 ? (error.body?.document ?? null) : null;
}

/**
 * As {@link inTurn}; why a change wasn't made, is told. The promise says whether it was.
 * @param {(name: string) => Promise<Document>} change
 */
async function queued(change) {
  const { isMade, error } = await inTurn(change);
  if (newerDocument(error))
    tell("The file was changed elsewhere meanwhile. Here is how it is now; your last change was not made.");
  else if (error) tellError(error);
  return isMade;
}

/**
 * Puts a whole text in the place of the one with the hash `base`, which is asked for when it is the change's turn.
 * @param {"beats" | "prompts"} kind
 * @param {string} text
 * @param {() => string} base
 */
export function editText(kind, text, base) {
  return inTurn((name) => api.edit(name, kind, base(), { edit: "text", text }));
}

/** Edits after which beats have other numbers or places. */
const MOVES_BEATS = [
  "move_beat",
  "move_from",
  "double",
  "halve",
  "shift_half",
  "set_tempo",
  "set_downbeat",
  "set_meter",
  "delete_beat",
  "add_beat",
  "hear_anew",
];
/** How long the next change waits for the beats that the last one made. */
const BEATS_MS = 2000;
/** How long it waits for the plan of the prompts that the last one made. */
const PLAN_MS = 3000;

/** @param {BeatsEdit | (() => BeatsEdit)} edit a function is asked when it is the change's turn */
export function editBeats(edit) {
  return queued(async (name) => {
    const change = typeof edit === "function" ? edit() : edit;
    const followed = nextChange(grid, BEATS_MS);
    const document = await api.edit(name, "beats", song.value?.beats.hash ?? "", change);
    // Indices count in the beats as they are then.
    if (MOVES_BEATS.includes(change.edit)) await followed;
    return document;
  });
}

/** @param {PromptsEdit} edit */
export function editPrompts(edit) {
  return queued((name) => api.edit(name, "prompts", song.value?.prompts.hash ?? "", edit));
}

/**
 * Changes a planned prompt.
 * @param {PlannedPrompt | undefined} prompt
 * @param {(line: number) => PromptsEdit} edit is told the prompt's line
 */
export function editPrompt(prompt, edit) {
  if (prompt?.line === undefined) return Promise.resolve(false);
  return queued(async (name) => {
    await planOfNewest();
    const { text, hash } = song.value?.prompts ?? { text: "", hash: "" };
    const now = promptNow(prompt);
    if (now?.line === undefined) throw new Error("This prompt was taken out meanwhile. Choose another one.");
    const line = isPlanBehind() ? lineNow(text, { line: now.line, text: now.text }) : now.line;
    return api.edit(name, "prompts", hash, edit(line));
  });
}

/** Whether the plan is of older prompts than the file has, and a newer one will come. */
function isPlanBehind() {
  const { prompts } = song.value ?? {};
  return Boolean(prompts && !prompts.error && plan.value && plan.value.prompts_hash !== prompts.hash);
}

/** Waits for the plan of the newest prompts: its lines are those of the file. */
async function planOfNewest() {
  const end = performance.now() + PLAN_MS;
  for (let left = PLAN_MS; isPlanBehind() && left > 0; left = end - performance.now()) await nextChange(plan, left);
}

/**
 * Changes some settings; `null` brings a default back.
 * @param {Record<string, any>} settings
 */
export function editSettings(settings) {
  return queued((name) => api.settings(name, song.value?.settings.hash ?? "", settings));
}

/** Takes the newest change of the song back, or makes it again. @param {"undo" | "redo"} step */
export function undoOrRedo(step) {
  const can = step === "undo" ? canUndo() : canRedo();
  if (!can) {
    tell(step === "undo" ? "There is nothing to undo." : "There is nothing to redo.");
    return Promise.resolve(false);
  }
  return queued((name) => api.step(name, step));
}

const documents = () => (song.value ? [song.value.beats, song.value.prompts, song.value.settings] : []);

export function canUndo() {
  return documents().some((document) => document.can_undo);
}

export function canRedo() {
  return documents().some((document) => document.can_redo);
}
