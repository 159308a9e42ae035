// Times as people read and write them.

/**
 * `m:ss.t`, or `h:mm:ss.t` from an hour on; `digits` of a second behind the point.
 * @param {number} secs
 * @param {number} [digits]
 */
export function clock(secs, digits = 1) {
  const unit = 10 ** digits;
  const total = Math.max(Math.round(secs * unit), 0);
  const fraction = digits ? `.${String(total % unit).padStart(digits, "0")}` : "";
  const whole = Math.floor(total / unit);
  const seconds = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  if (!hours) return `${minutes}:${seconds}${fraction}`;
  return `${hours}:${String(minutes).padStart(2, "0")}:${seconds}${fraction}`;
}

/**
 * Seconds of `83.5`, `1:23.5` or `1:02:00`; none if it is no time.
 * @param {string} text
 * @returns {number | null}
 */
export function parseClock(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+([.]\d*)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

/**
 * How long something takes, for people: `40 s`, `3 min`, `1 h 20 min`.
 * @param {number} secs
 */
export function duration(secs) {
  if (secs < 1) return "a second";
  if (secs < 90) return `${Math.round(secs)} s`;
  const minutes = Math.round(secs / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * @param {number} bytes
 */
export function fileSize(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

const STEPS_SECS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
];

/**
 * The smallest round step of a time axis that is at least `minSecs`.
 * @param {number} minSecs
 */
export function roundStep(minSecs) {
  return STEPS_SECS.find((step) => step >= minSecs) ?? 3600;
}
