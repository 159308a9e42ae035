// A song of an hour with 10,440 beats: clicks at 174 beats a minute, and its beats in the file of corrections.

import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";

export const HOUR_SECS = 3600;
const BPM = 174;
const RATE_HZ = 8000;

/** @param {import("./studio.js").Studio} studio */
export function writeHour(studio) {
  const file = openSync(studio.path("hour.wav"), "w");
  const nBytes = 2 * RATE_HZ * HOUR_SECS;
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + nBytes, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE_HZ, 24);
  head.writeUInt32LE(2 * RATE_HZ, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(nBytes, 40);
  writeSync(file, head);
  const minute = new Int16Array(60 * RATE_HZ);
  for (let beat = 0; beat < BPM; beat++) {
    const start = Math.round((beat * 60 * RATE_HZ) / BPM);
    for (let i = 0; i < 200; i++) minute[start + i] = 20_000 * Math.exp(-i / 60) * Math.sin((2 * Math.PI * i * (beat % 4 ? 900 : 1500)) / RATE_HZ);
  }
  for (let i = 0; i < 60; i++) writeSync(file, Buffer.from(minute.buffer));
  closeSync(file);
  const beats = Array.from({ length: 174 * 60 }, (_, i) => `${((i * 60) / BPM).toFixed(6)}  ${(i % 4) + 1}`);
  const sections = Array.from({ length: 40 }, (_, i) => `${i * 90}  ${["verse", "chorus"][i % 2]}`);
  writeFileSync(studio.path("hour.wav.fix.txt"), `beats:\n${beats.join("\n")}\n\nsections:\n${sections.join("\n")}\n`);
}
