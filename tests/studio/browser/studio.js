// The program under test: `visualize studio` in a folder of its own, started, killed and started again.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
/** The repository's root. */
export const root = path.resolve(here, "../../..");
/** The binary. `run` gives it. */
export const program = path.resolve(process.env["STUDIO_PROGRAM"] ?? path.join(root, "target/release/visualize"));
/** The sample song, a real file with sound. */
export const sampleSong = path.join(root, "samples/song.flac");

/** How long the program may take to print its link. */
const START_MS = 20_000;

export class Studio {
  /** @param {string} [folder] the project; a new empty one if absent */
  constructor(folder) {
    this.folder = folder ?? mkdtempSync(path.join(tmpdir(), "studio-"));
    /** @type {import("node:child_process").ChildProcess | null} */
    this.child = null;
    this.link = "";
    this.said = "";
  }

  /** Starts the program, and waits for the link that opens the page. @param {string[]} [more] further arguments */
  async start(more = []) {
    const child = spawn(program, ["studio", this.folder, "--no-open", ...more], { stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    this.said = "";
    const link = new Promise((resolve, reject) => {
      child.stdout?.on("data", (data) => {
        this.said += data;
        const found = /http:\/\/\S+/.exec(this.said);
        if (found) resolve(found[0]);
      });
      child.stderr?.on("data", (data) => (this.said += data));
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`studio ended with ${code}: ${this.said}`)));
      setTimeout(() => reject(new Error(`studio printed no link: ${this.said}`)), START_MS).unref();
    });
    this.link = String(await link);
    return this;
  }

  get origin() {
    return new URL(this.link).origin;
  }

  /** @param {NodeJS.Signals} [signal] @returns {Promise<number | null>} its exit status; none after a signal */
  stop(signal = "SIGINT") {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child?.exitCode ?? null);
    const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    child.kill(signal);
    return /** @type {Promise<number | null>} */ (ended);
  }

  /** Ends it and takes its folder away. */
  async remove() {
    await this.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param {string} name of a file in the project */
  path(name) {
    return path.join(this.folder, name);
  }

  /** @param {string} name */
  has(name) {
    return existsSync(this.path(name));
  }

  /** @param {string} name */
  text(name) {
    return readFileSync(this.path(name), "utf8");
  }

  /** @param {string} name */
  bytes(name) {
    return readFileSync(this.path(name));
  }
}

/**
 * Runs a command line of the studio's in a copy of its folder without films, and without all that was measured and drawn for them.
 * @param {Studio} studio
 * @param {string} command begins with `visualize`
 * @returns {Promise<Studio>} the copy, not started
 */
export async function asCommandLine(studio, command) {
  const copy = new Studio();
  cpSync(studio.folder, copy.folder, { recursive: true, filter: (file) => !/[.](mp4|mov|visualize)$/.test(file) });
  const words = command.replace(/^visualize\b/, '"$STUDIO_PROGRAM"');
  const child = spawn("sh", ["-c", words], { cwd: copy.folder, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, STUDIO_PROGRAM: program } });
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  child.stderr.on("data", (data) => (said += data));
  const code = await new Promise((resolve) => child.on("exit", resolve));
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said}`);
  return copy;
}

/** @param {string} file */
export const size = (file) => statSync(file).size;
