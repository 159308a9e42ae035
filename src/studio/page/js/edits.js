// Changes of a song's texts: one after the other, each from the text that the one before it left.

import { api, ApiError } from "./api.js";
import { takeDocument } from "./events.js";
import { tell, tellError } from "./notices.js";
import { lineNow } from "./prompt-line.js";
import { nextChange } from "./signal.js";
import { grid, song } from "./store.js";

/** @typedef {import("../wire").Document} Document */
/** @typedef {import("../wire").BeatsEdit} BeatsEdit */
/** @typedef {import("../wire").PromptsEdit} PromptsEdit */
/** @typedef {import("../wire").PlannedPrompt} PlannedPrompt */

/** The end of the queue of changes. @type {Promise<unknown>} */
let last = Promise.resolve();

/**
 * Carries out a change when those before it are done. The promise says whether it was made; why not, was then told.
 * @param {(name: string) => Promise<Document>} change
 * @returns {Promise<boolean>}
 */
function queued(change) {
  const name = song.value?.name;
  const done = last.then(async () => {
    if (!name || song.value?.name !== name) return false;
    try {
      takeDocument(await change(name));
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409 && error.body?.document) {
        takeDocument(error.body.document);
        tell("The file was changed elsewhere meanwhile. Here is how it is now; your last change was not made.");
      } else {
        tellError(error);
      }
      return false;
    }
  });
  last = done;
  return done;
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
  const { line, text } = prompt ?? {};
  if (line === undefined || text === undefined) return Promise.resolve(false);
  return queued((name) => {
    const document = song.value?.prompts;
    return api.edit(name, "prompts", document?.hash ?? "", edit(lineNow(document?.text ?? "", { line, text })));
  });
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
