// Changes of a song's texts: one after the other, each from the text that the one before it left.

import { api, ApiError } from "./api.js";
import { takeDocument } from "./events.js";
import { tell, tellError } from "./notices.js";
import { song } from "./store.js";

/** @typedef {import("../wire").Document} Document */
/** @typedef {import("../wire").BeatsEdit} BeatsEdit */
/** @typedef {import("../wire").PromptsEdit} PromptsEdit */

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

/** @param {BeatsEdit} edit */
export function editBeats(edit) {
  return queued((name) => api.edit(name, "beats", song.value?.beats.hash ?? "", edit));
}

/** @param {PromptsEdit} edit */
export function editPrompts(edit) {
  return queued((name) => api.edit(name, "prompts", song.value?.prompts.hash ?? "", edit));
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
