// Pictures from the model: one for the stage, many small ones for the filmstrip. The newest wish counts; older ones are given up.

import { api, isReplaced } from "./api.js";

/** Names this tab's requests, so that tabs don't replace each other's. */
export const TAB = Math.random().toString(36).slice(2, 8);
/** Requests of the filmstrip at a time. */
const N_AT_ONCE = 2;
/** Small pictures that are kept; about 20 kB each. */
const MAX_KEPT = 1500;

/** The picture on the stage: at most one request, the newest. */
export class StagePicture {
  constructor() {
    /** @type {AbortController | null} */
    this.request = null;
  }

  /**
   * @param {string} song
   * @param {number} secs
   * @param {number} revision
   * @returns {Promise<ImageBitmap | null>} none if a newer wish replaced this one
   */
  async fetch(song, secs, revision) {
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    try {
      const blob = await api.picture(song, secs, `stage-${TAB}`, revision, request.signal);
      const picture = await createImageBitmap(blob);
      return request.signal.aborted ? null : picture;
    } catch (error) {
      if (isReplaced(error)) return null;
      throw error;
    }
  }
}

/**
 * @typedef {{ secs: number, request: AbortController }} Running
 */

/** Small pictures at times of the song, fetched nearest to the window's middle first. */
export class Filmstrip {
  /**
   * @param {() => void} changed is called when a picture has come
   */
  constructor(changed) {
    this.changed = changed;
    /** Pictures of `revision`, in the order of their use. @type {Map<number, ImageBitmap>} */
    this.pictures = new Map();
    /** Those of the revision before, shown until new ones come. @type {Map<number, ImageBitmap>} */
    this.stale = new Map();
    /** @type {Map<number, Running>} */
    this.running = new Map();
    /** @type {number[]} */
    this.wanted = [];
    this.song = "";
    this.revision = 0;
    this.height = 64;
    this.isOff = false;
  }

  /**
   * From now on, pictures are of this plan.
   * @param {string} song
   * @param {number} revision
   */
  show(song, revision) {
    this.isOff = false;
    if (song === this.song && revision === this.revision) return;
    this.stop();
    this.stale = song === this.song ? new Map([...this.stale, ...this.pictures].slice(-MAX_KEPT)) : new Map();
    this.pictures = new Map();
    this.song = song;
    this.revision = revision;
  }

  /**
   * Wishes for the window: those that are running and not among them are given up.
   * @param {number[]} times nearest to the middle first
   */
  want(times) {
    this.wanted = times;
    for (const [slot, running] of this.running) {
      if (!times.includes(running.secs)) {
        running.request.abort();
        this.running.delete(slot);
      }
    }
    this.next();
  }

  stop() {
    this.wanted = [];
    for (const { request } of this.running.values()) request.abort();
    this.running.clear();
  }

  next() {
    if (!this.song || !this.revision || this.isOff) return;
    for (let slot = 0; slot < N_AT_ONCE; slot++) {
      if (this.running.has(slot)) continue;
      const secs = this.wanted.find((time) => !this.pictures.has(time) && !this.isRunning(time));
      if (secs === undefined) return;
      void this.fetch(slot, secs);
    }
  }

  /** @param {number} secs */
  isRunning(secs) {
    for (const running of this.running.values()) if (running.secs === secs) return true;
    return false;
  }

  /**
   * @param {number} slot
   * @param {number} secs
   */
  async fetch(slot, secs) {
    const running = { secs, request: new AbortController() };
    this.running.set(slot, running);
    const { song, revision } = this;
    try {
      const blob = await api.picture(song, secs, `strip-${TAB}-${slot}`, revision, running.request.signal);
      const picture = await createImageBitmap(blob, { resizeHeight: this.height, resizeQuality: "medium" });
      if (song === this.song && revision === this.revision) this.keep(secs, picture);
    } catch (error) {
      // The stage tells what is wrong with pictures; here it only matters not to ask on and on.
      if (!isReplaced(error)) this.isOff = true;
    }
    if (this.running.get(slot) !== running) return;
    this.running.delete(slot);
    this.next();
  }

  /**
   * @param {number} secs
   * @param {ImageBitmap} picture
   */
  keep(secs, picture) {
    this.pictures.set(secs, picture);
    if (this.pictures.size > MAX_KEPT) {
      const oldest = this.pictures.keys().next().value;
      if (oldest !== undefined) this.pictures.delete(oldest);
    }
    this.changed();
  }

  /** The picture at a time, of this plan or else of the one before. @param {number} secs */
  at(secs) {
    return this.pictures.get(secs) ?? this.stale.get(secs);
  }
}
